"""One self-contained HTML file: no network, no script, light and dark, for screen, phone and paper."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workingpapers.bench.protocols import Verdict
from workingpapers.bench.report import words
from workingpapers.bench.report.content import ReportContent
from workingpapers.bench.report.forest import forest_svg
from workingpapers.bench.report.numbers import (
    format_number,
    format_published,
    format_side_interval,
    format_value,
    is_boolean,
    typeset,
)
from workingpapers.bench.report.page_md import page_sections, pick

if TYPE_CHECKING:
    from jinja2 import Environment

_METHOD = ("How it works", "Differences from the paper", "When to use", "When not to", "Cost", "Reference")
_COUNTED = {"holds": ("holds", "hold"), "does not hold": ("does not hold", "do not hold")}


def report_html(content: ReportContent) -> str:
    """The whole report as one HTML document.

    Everything that comes from a paper, its page or a run is escaped; pictures are embedded; the document's own policy
    forbids it to load anything.
    """
    sections = page_sections(content.page)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            content=content,
            paper=content.paper,
            headline=headline(content),
            claims=[_claim(verdict) for verdict in content.verdicts],
            shared_reason=words.shared_reason(content.verdicts),
            pictures=[
                (name, caption, "data:image/png;base64," + base64.b64encode(png).decode())
                for name, caption, png in content.pictures
            ],
            arxiv=f"https://arxiv.org/abs/{content.paper.arxiv}",
            code=_link(content.paper.code),
            measured=sections.get("What we measured", ""),
            method=pick(sections, _METHOD),
            environment=words.environment_groups(content.environment),
            settings=[(key, words.as_text(value)) for key, value in content.settings.items()],
        )
    )


def headline(content: ReportContent) -> str:
    """The counts of the verdicts as a sentence, for example `2 claims hold, 1 does not hold, 1 is undecided`."""
    phrases: list[str] = []
    for name, count in content.counts.items():
        if count:
            one, many = _COUNTED.get(name, (f"is {name}", f"are {name}"))
            noun = "" if phrases else " claim" if count == 1 else " claims"
            phrases.append(f"{count}{noun} {one if count == 1 else many}")
    return ", ".join(phrases) or "No claim was judged"


def _claim(verdict: Verdict) -> dict[str, Any]:
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    boolean = is_boolean(claim)
    return {
        "claim": claim,
        "verdict": verdict,
        "css": verdict.name.replace(" ", "-"),
        "symbol": words.SYMBOLS[verdict.name],
        "value": typeset(format_value(measured, claim)),
        "interval": typeset(format_side_interval(measured, claim)),
        "interval_name": words.interval_name(measured),
        "exact": measured is not None and measured.interval.method == "exact",
        "control": typeset(format_value(control, claim)),
        "control_interval": typeset(format_side_interval(control, claim)),
        "outcome": words.control_outcome(control, claim),
        "published": format_published(claim),
        "forest": forest_svg(verdict),
        "per_seed": [typeset(format_number(x, boolean=boolean)) for x in measured.per_seed] if measured else [],
        "control_per_seed": [typeset(format_number(x, boolean=boolean)) for x in control.per_seed] if control else [],
    }


def _link(address: str | None) -> str | None:
    """A web address with its scheme, or None where it is of another kind."""
    if not address:
        return None
    if "://" not in address:
        return f"https://{address}"
    return address if address.startswith(("https://", "http://")) else None


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
