"""JSON: the fixed object that other tools rely on, and a fuller one with everything a reader needs to check it."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from workingpapers.bench.protocols import Side, Verdict
from workingpapers.bench.report.content import ReportContent


def verdict_json(content: ReportContent) -> dict[str, Any]:
    """The verdicts of a run in the fixed form of `check SLUG --format json`.

    Numbers that are not finite become None, because JSON has no word for them. An interval is always a list of
    two ends, [None, None] where one seed or none reported a number.

    Returns:
        `{"slug", "scale", "run", "claims": [...]}`, ready for `json.dumps(..., allow_nan=False)`.
    """
    return {
        "slug": content.paper.slug,
        "scale": content.scale,
        "run": content.run,
        "claims": [_claim(verdict) for verdict in content.verdicts],
    }


def report_json(content: ReportContent) -> dict[str, Any]:
    """`verdict_json` and, besides, the paper, the evidence per seed, environment, settings, seeds, data and marks."""
    report = verdict_json(content)
    for claim, verdict in zip(report["claims"], content.verdicts, strict=True):
        claim.update(_evidence(verdict))
    paper = content.paper
    extra = {
        "title": paper.title,
        "arxiv": paper.arxiv,
        "published": paper.published,
        "authors": paper.authors,
        "created": content.created,
        "counts": content.counts,
        "marks": content.marks,
        "errors": content.errors,
        "seeds": content.seeds,
        "settings": content.settings,
        "data": content.data,
        "pictures": [{"name": name, "caption": caption} for name, caption, _ in content.pictures],
        "environment": content.environment,
    }
    return report | {key: to_json(value) for key, value in extra.items()}


def to_json(value: Any) -> Any:
    """Plain JSON values of anything: None for what is not finite, text for what JSON does not know."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Integral):  # numpy's integers and floats are of these kinds too
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return str(value)


def _claim(verdict: Verdict) -> dict[str, Any]:
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    return {
        "id": claim.id,
        "says": claim.says,
        "kind": claim.kind,
        "predicate": claim.predicate,
        "published": claim.published,
        "verdict": verdict.name,
        "value": _value(measured),
        "interval": _interval(measured),
        "n": verdict.n,
        "control": None
        if control is None
        else {"value": _value(control), "interval": _interval(control), "passes": bool(control.passes)},
        "reason": verdict.reason,
    }


def _evidence(verdict: Verdict) -> dict[str, Any]:
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    return {
        "metric": claim.metric,
        "source": claim.source,
        "published_value": to_json(claim.published_value),
        "control_arm": claim.control,
        "no_control": claim.no_control,
        "judged_from": claim.judged_from,
        "timing": claim.timing,
        "interval_method": None if measured is None else measured.interval.method,
        "confidence": None if measured is None else to_json(measured.interval.confidence),
        "seeds": list(verdict.seeds),
        "per_seed": [] if measured is None else to_json(measured.per_seed),
        "control_per_seed": [] if control is None else to_json(control.per_seed),
        "code": verdict.code,
    }


def _value(side: Side | None) -> float | None:
    return None if side is None else to_json(float(side.value))


def _interval(side: Side | None) -> list[float | None]:
    """Always two ends, so that readers can rely on the shape."""
    if side is None:
        return [None, None]
    return [to_json(float(side.interval.low)), to_json(float(side.interval.high))]
