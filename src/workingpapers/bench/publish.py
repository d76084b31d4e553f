"""Writing a run's report: from its records, its figures and the paper's page to HTML, JSON and Markdown files."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from workingpapers.bench import environment
from workingpapers.bench.files import OTHER_STORE, explained, replace_file
from workingpapers.bench.report import ReportContent, report_json, report_markdown
from workingpapers.bench.results import LoadedRun

STEM = "report"
FORMATS = (".html", ".json", ".md")


def content_of(run: LoadedRun, errors: Mapping[str, str] | None = None) -> ReportContent:
    """All there is to say about a run.

    Args:
        run: The run.
        errors: Traceback of each failed trial by its key, where it is known.
    """
    tracebacks = errors or {}
    failed = [
        {"seed": seed, "error": last_line(tracebacks.get(key, "the trial failed"))}
        for seed, key in zip(run.manifest.seeds, run.manifest.keys, strict=True)
        if key in run.manifest.failed
    ]
    page = run.paper.folder / "page.md"
    return ReportContent(
        paper=run.paper,
        scale=run.scale,
        run=run.manifest.id,
        verdicts=run.verdicts,
        pictures=_pictures(run.folder / "figures"),
        environment=run.manifest.environment,
        settings=run.manifest.settings,
        seeds=run.manifest.seeds,
        data=run.data,
        page=page.read_text(encoding="utf-8") if page.is_file() else "",
        marks=run.marks,
        errors=tuple(failed),
        created=environment.now(),
    )


def publish(run: LoadedRun, folder: Path | None = None, errors: Mapping[str, str] | None = None) -> Path:
    """Write `report.html`, `report.json` and `report.md` into a folder.

    Args:
        run: The run.
        folder: Where to; None for the run's own folder.
        errors: See `content_of`.

    Returns:
        The HTML file.

    Raises:
        StoreError: the folder cannot be written.
    """
    content, target = content_of(run, errors), folder or run.folder
    with explained("write to", target):
        target.mkdir(parents=True, exist_ok=True)
    for suffix in FORMATS:
        write_report(content, target / f"{STEM}{suffix}", figures=run.folder / "figures")
    return target / f"{STEM}.html"


def write_report(content: ReportContent, path: Path, *, figures: Path, remedy: str = OTHER_STORE) -> None:
    """Write one report; the file's ending says in which format.

    Args:
        content: What to report.
        path: A file that ends in .html, .json or .md.
        figures: Where the figures lie, to which a Markdown report links.
        remedy: What to do where the file cannot be written.

    Raises:
        StoreError: the file cannot be written.
    """
    if path.suffix == ".json":
        text = json.dumps(report_json(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    elif path.suffix == ".md":
        text = report_markdown(content, pictures=Path(os.path.relpath(figures, path.parent)).as_posix())
    else:
        from workingpapers.bench.report.html import report_html

        text = report_html(content)
    with explained("write to", path, remedy):
        replace_file(path, text.encode())


def last_line(traceback: str) -> str:
    """The line of a traceback that says what happened."""
    lines = [line for line in traceback.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


def _pictures(folder: Path) -> tuple[tuple[str, str, bytes], ...]:
    """The figures as (name, caption, PNG), in the order in which they were drawn."""
    try:
        captions: dict[str, str] = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        captions = {path.stem: "" for path in sorted(folder.glob("*.png"))}
    found = []
    for name, caption in captions.items():
        path = folder / f"{name}.png"
        if path.is_file():
            found.append((name, caption, path.read_bytes()))
    return tuple(found)
