"""Markdown: the verdict table, a page with its measurements filled in, and the whole report."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from workingpapers.bench.protocols import Verdict
from workingpapers.bench.report.content import ReportContent
from workingpapers.bench.report.numbers import format_published, format_side_interval, format_value
from workingpapers.bench.report.page_md import MEASURED
from workingpapers.bench.report.words import SYMBOLS, as_text, control_outcome, environment_groups, shared_reason

_COLUMNS = ("Claim", "Verdict", "Value", "95 % interval", "n", "Control", "Published", "Predicate", "Scale")


def verdict_table_markdown(content: ReportContent) -> str:
    """The verdict table, with the marks and the reasons beneath it: what `<!-- measured -->` stands for."""
    parts = [_table(_COLUMNS, [_row(verdict) for verdict in content.verdicts])]
    if any(side and side.interval.method == "exact" for v in content.verdicts for side in (v.measured, v.control)):
        parts.append("ʳ the range over seeds instead of an interval.")
    shared = shared_reason(content.verdicts)
    reasons = [
        f"- `{verdict.claim.id}`: {_text(verdict.reason)}"
        for verdict in content.verdicts
        if verdict.reason is not None and verdict.reason != shared
    ]
    if shared:
        parts.append(f"All: {_text(shared)}.")
    if reasons:
        parts.append("\n".join(reasons))
    parts += [f"**Note:** {_text(mark.rstrip('.'))}." for mark in content.marks]
    return "\n\n".join(parts)


def page_markdown(content: ReportContent) -> str:
    """page.md with the verdict table in place of the line that stands for it."""
    return content.page.replace(MEASURED, verdict_table_markdown(content))


def report_markdown(content: ReportContent, *, pictures: str = "figures") -> str:
    """The whole report.

    Args:
        content: What to report.
        pictures: Folder of the pictures, relative to where the report will lie.
    """
    paper = content.paper
    parts = [
        f"# {_text(paper.title)}",
        f"{_text(', '.join(paper.authors))} · {_text(paper.published)} · "
        f"[arXiv {_text(paper.arxiv)}](https://arxiv.org/abs/{quote(paper.arxiv)})",
        _text(paper.summary),
        "## What we measured",
        f"Scale `{_code(content.scale)}`, run `{_code(content.run)}`, {_text(content.created)}.",
        verdict_table_markdown(content),
    ]
    if content.errors:
        parts += ["## Trials that failed", _list((f"seed {e.get('seed')}", e.get("error")) for e in content.errors)]
    if content.pictures:
        parts.append("## Pictures")
        for name, caption, _ in content.pictures:
            parts.append(f"![{_text(caption or name)}]({quote(f'{pictures}/{name}.png')})")
            parts.append(f"*{_text(caption or name)}*")
    if paper.usage.strip():
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", paper.usage)), default=0))
        parts += ["## Use it", f"{fence}python\n{paper.usage.strip()}\n{fence}"]
    parts.append("## Environment")
    for title, rows in environment_groups(content.environment):
        parts += [f"### {title}", _table(("", ""), [(_text(label), _text(text)) for label, text in rows])]
    if content.settings:
        parts += ["## Settings", _list((key, as_text(value)) for key, value in content.settings.items())]
    if content.seeds:
        parts += ["## Seeds", ", ".join(map(str, content.seeds))]
    if content.data:
        data = [[_text(str(item.get(key, ""))) for key in ("name", "source", "sha256")] for item in content.data]
        parts += ["## Data", _table(("Name", "Source", "SHA-256"), data)]
    return "\n\n".join(parts) + "\n"


def _row(verdict: Verdict) -> list[str]:
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    exact = "ʳ" if measured is not None and measured.interval.method == "exact" else ""
    against = control_outcome(control, claim)
    if control is not None:
        against = f"{format_value(control, claim)} {format_side_interval(control, claim)}: {against}"
    return [
        f"{_text(claim.says)} (`{_code(claim.id)}`)",
        f"{SYMBOLS[verdict.name]} **{verdict.name}**",
        _text(format_value(measured, claim)),
        format_side_interval(measured, claim) + exact,
        str(verdict.n),
        _text(against) if control is None else against,
        _text(format_published(claim)),
        f"`{_code(claim.predicate)}`",
        verdict.scale,
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(pairs: Iterable[tuple[str, object]]) -> str:
    return "\n".join(f"- {_text(name)}: {_text(str(value))}" for name, value in pairs)


def _text(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    escaped = re.sub(r"([\\`*_\[\]|])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """Text inside a code span that may stand in a table."""
    return text.replace("`", "'").replace("|", "\\|")
