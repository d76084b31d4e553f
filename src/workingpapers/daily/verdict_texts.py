"""Verdicts of a report.json, rebuilt as the engine's objects, and what a reader sees of each.

Nothing is judged again: name, numbers and intervals are the report's own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workingpapers.bench import predicates, registry
from workingpapers.bench.protocols import VERDICTS, Claim, Interval, Side, Verdict
from workingpapers.bench.report import words
from workingpapers.bench.report.numbers import format_published, format_side_interval, format_value, typeset
from workingpapers.bench.settings import check_scale
from workingpapers.errors import DamagedRecordError, WorkingPapersError

_AS_WRITTEN = (
    "id",
    "says",
    "kind",
    "metric",
    "predicate",
    "source",
    "published",
    "published_value",
    "no_control",
    "judged_from",
    "timing",
)


@dataclass(frozen=True)
class VerdictTexts:
    """One claim's verdict in words: what stands on a line of a table.

    Args:
        claim: Id of the claim.
        says: The claim in our words.
        verdict: `holds`, `does not hold`, `undecided` or `not tested`.
        symbol: Its sign.
        scale: Scale of the run.
        value: The number, or a dash.
        interval: Its interval.
        interval_name: What the interval is, such as `95 % interval`.
        n: Seeds that reported a number.
        control: The control's number, or a dash.
        control_interval: Its interval.
        control_outcome: `fails`, `passes too`, `partly passes`, `none given` or `not measured`.
        published: What the paper gives, or a dash.
        predicate: What the number has to satisfy.
        reason: What a reader must know besides, or None.
    """

    claim: str
    says: str
    verdict: str
    symbol: str
    scale: str
    value: str
    interval: str
    interval_name: str
    n: int
    control: str
    control_interval: str
    control_outcome: str
    published: str
    predicate: str
    reason: str | None


def verdicts_of(report: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """The verdicts of a report.json.

    Raises:
        DamagedRecordError: it is not of the form that this package writes.
    """
    try:
        return tuple(_verdict(claim, report) for claim in report["claims"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedRecordError(f"not a report of this package: {type(error).__name__}: {error}") from error


def texts_of(verdict: Verdict) -> VerdictTexts:
    """A verdict in words."""
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    return VerdictTexts(
        claim=claim.id,
        says=claim.says,
        verdict=verdict.name,
        symbol=words.SYMBOLS[verdict.name],
        scale=verdict.scale,
        value=typeset(format_value(measured, claim)),
        interval=typeset(format_side_interval(measured, claim)),
        interval_name=words.interval_name(measured),
        n=verdict.n,
        control=typeset(format_value(control, claim)),
        control_interval=typeset(format_side_interval(control, claim)),
        control_outcome=words.control_outcome(control, claim),
        published=format_published(claim),
        predicate=claim.predicate,
        reason=verdict.reason,
    )


def _verdict(found: Mapping[str, Any], report: Mapping[str, Any]) -> Verdict:
    claim = Claim(
        **{name: found[name] for name in _AS_WRITTEN},
        control=found["control_arm"],
        interval=found["interval_method"] or "student",
        tolerance=_tolerance(str(report["slug"]), found),
    )
    if found["verdict"] not in VERDICTS:
        raise ValueError(f"unknown verdict {found['verdict']!r}")
    control = found["control"]
    return Verdict(
        claim=claim,
        name=found["verdict"],
        measured=_side(claim, found["value"], found["interval"], found["per_seed"], found["confidence"]),
        control=None
        if control is None
        else _side(claim, control["value"], control["interval"], found["control_per_seed"], found["confidence"]),
        n=found["n"],
        seeds=tuple(found["seeds"]),
        scale=check_scale(report["scale"]),
        run=report["run"],
        code=found["code"],
        environment=report["environment"],
        reason=found["reason"],
    )


def _side(
    claim: Claim, value: float | None, ends: list[float | None], per_seed: list[float | None], confidence: float | None
) -> Side | None:
    if value is None:
        return None
    # JSON has no word for the infinite ends of an interval over one seed
    low = -math.inf if ends[0] is None else float(ends[0])
    high = math.inf if ends[1] is None else float(ends[1])
    predicate = predicates.parse(claim.predicate, claim.tolerance)
    passes = predicate.satisfied_by(low, high)
    return Side(
        value=float(value),
        interval=Interval(low, high, 0.95 if confidence is None else confidence, claim.interval),
        per_seed=tuple(math.nan if each is None else float(each) for each in per_seed),
        passes=passes,
        fails=not passes if claim.interval == "exact" else predicate.violated_by(low, high),
    )


def _tolerance(slug: str, found: Mapping[str, Any]) -> float:
    """The distance that an `==` allows stands in the room only."""
    try:
        claim = registry.find(slug).claim(found["id"])
    except (WorkingPapersError, KeyError):
        return 0.0
    return claim.tolerance if claim.predicate == found["predicate"] else 0.0
