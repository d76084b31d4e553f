"""Writes what the documents take from the code: README's table of papers and docs/command-line.md.

python docs/write_tables.py           writes them
python docs/write_tables.py --check   exit code 1 where one is stale
"""

import difflib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from workingpapers.bench import registry
from workingpapers.bench.protocols import VERDICTS, Paper
from workingpapers.bench.results import latest, shipped_store
from workingpapers.cli.main import app

ROOT = Path(__file__).parents[1]


def papers_table() -> str:
    """One row a paper, with its shipped verdicts."""
    rows = [
        "| paper | topic | claims | " + " | ".join(VERDICTS) + " |",
        "|---|---|---|" + "---|" * len(VERDICTS),
    ]
    rows += [_row(paper) for paper in registry.papers() if paper.shipped]
    return "\n".join(rows)


def _row(paper: Paper) -> str:
    run = latest(paper, shipped_store())
    names = [verdict.name for verdict in run.verdicts] if run else ["not tested"] * len(paper.claims)
    page = (paper.folder / "page.md").relative_to(ROOT).as_posix()
    counts = " | ".join(str(names.count(name)) for name in VERDICTS)
    title = f"[{paper.slug}]({page}): {paper.title} ({paper.arxiv})"
    return f"| {title} | {', '.join(paper.topics)} | {len(paper.claims)} | {counts} |"


def command_line() -> str:
    """The help of every command, as it is printed at 100 columns without colour."""
    parts = ["# The command line", "", "Written by `python docs/write_tables.py` from the commands' own help."]
    for verb in ("", *_verbs(get_command(app))):
        command = ["workingpapers", *verb.split(), "--help"]
        parts += ["", f"## {' '.join(command[:-1])}", "", "```", _help(command[1:]), "```"]
    return "\n".join(parts) + "\n"


def _verbs(command: Any) -> Iterator[str]:
    """The verbs in the order of the help, each followed by its own."""
    for name, verb in getattr(command, "commands", {}).items():
        yield name
        yield from (f"{name} {below}" for below in _verbs(verb))


def _help(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "workingpapers", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PATH": "", "PYTHONUTF8": "1"},
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def documents() -> dict[Path, str]:
    """Each generated document with the text that it should have."""
    readme = ROOT / "README.md"
    table = f"<!-- papers: written by `python docs/write_tables.py` -->\n{papers_table()}\n<!-- /papers -->"
    text = re.sub(r"<!-- papers:.*?<!-- /papers -->", lambda found: table, readme.read_text(), flags=re.DOTALL)
    return {readme: text, ROOT / "docs" / "command-line.md": command_line()}


def main() -> int:
    """Write or check; returns the exit code."""
    stale = 0
    for path, text in documents().items():
        before = path.read_text() if path.exists() else ""
        if before == text:
            continue
        stale += 1
        if "--check" in sys.argv:
            sys.stderr.writelines(
                difflib.unified_diff(before.splitlines(True), text.splitlines(True), str(path), "new")
            )
        else:
            path.write_text(text)
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
