"""From numbers to verdicts: the one place where a claim is judged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workingpapers.bench import intervals, predicates
from workingpapers.bench.protocols import SCALES, Claim, ClaimValue, Interval, Scale, Side, Verdict, VerdictName
from workingpapers.errors import InvalidParameterError


@dataclass(frozen=True)
class Evidence:
    """What every verdict of a run shares: where its numbers come from."""

    scale: Scale
    run: str
    code: str
    environment: Mapping[str, Any]


def judge(claim: Claim, values: Sequence[ClaimValue | None], seeds: Sequence[int], evidence: Evidence) -> Verdict:
    """Judge one claim.

    It holds when the whole interval over seeds satisfies the predicate and the control's does not; it does not hold
    when the whole interval violates the predicate; else it is undecided. Below `judged_from`, and at `smoke`,
    it is not tested, and its numbers are shown all the same.

    Args:
        claim: The claim.
        values: What each trial reported, None where it reported nothing.
        seeds: The trials' seeds, in the same order.
        evidence: Where the numbers come from.
    """
    reported = [(seed, value) for seed, value in zip(seeds, values, strict=True) if value and value.value is not None]
    numbers = [value.value for _, value in reported if value.value is not None]
    controls = [value.control for _, value in reported if value.control is not None]
    finite = all(map(math.isfinite, numbers))
    sound = all(map(math.isfinite, controls))
    predicate = predicates.parse(claim.predicate, claim.tolerance)
    problem = None
    measured = control = None
    if not finite:
        problem = f"a seed reported a number that is not finite: {numbers}"
    elif numbers:
        try:
            measured = _side(claim, predicate, numbers)
            control = _side(claim, predicate, controls) if controls and sound else None
        except InvalidParameterError as error:
            problem = str(error)
    name, reason = _conclude(claim, measured, control, len(numbers), evidence.scale, problem, _said(values))
    return Verdict(
        claim=claim,
        name=name,
        measured=measured,
        control=control,
        n=len(numbers),
        seeds=tuple(seed for seed, _ in reported),
        scale=evidence.scale,
        run=evidence.run,
        code=evidence.code,
        environment=evidence.environment,
        reason=reason,
    )


def _conclude(
    claim: Claim,
    measured: Side | None,
    control: Side | None,
    n: int,
    scale: Scale,
    problem: str | None,
    said: str | None,
) -> tuple[VerdictName, str | None]:
    if scale == "smoke":
        return "not tested", "the smoke scale only checks that everything runs; it decides nothing"
    if claim.judged_from == "never":
        return "not tested", claim.reason
    if SCALES.index(scale) < SCALES.index(claim.judged_from):
        return "not tested", f"judged from the {claim.judged_from} scale on: {claim.reason}"
    if problem:
        return "undecided", problem
    if measured is None:
        return "not tested", said or "no trial reported a number"
    if n < claim.seeds:
        missing = claim.seeds - n
        return "undecided", f"needs {missing} more seed{'s' * (missing > 1)}: {n} of at least {claim.seeds}"
    if measured.fails:
        return "does not hold", claim.reason
    if not measured.passes:
        return "undecided", "the interval lies partly inside and partly outside of the predicate; more seeds narrow it"
    if claim.control is not None and (control is None or len(control.per_seed) < n):
        return "undecided", "its control did not report a finite number on every seed"
    if control is not None and control.passes:
        return "undecided", "its negative control passes too, so the number does not show the mechanism"
    return "holds", claim.reason


def _side(claim: Claim, predicate: predicates.Predicate, numbers: Sequence[float]) -> Side:
    spread: Interval = intervals.interval(numbers, claim.interval)
    passes = predicate.satisfied_by(spread.low, spread.high)
    p_value = None
    if predicate.two_sided and claim.interval == "student":
        p_value = intervals.equivalence_p(numbers, predicate.low, predicate.high)
    return Side(
        value=intervals.mean(numbers),
        interval=spread,
        per_seed=tuple(numbers),
        passes=passes,
        fails=not passes if claim.interval == "exact" else predicate.violated_by(spread.low, spread.high),
        equivalence_p=p_value,
    )


def _said(values: Sequence[ClaimValue | None]) -> str | None:
    return next((value.reason for value in values if value and value.reason), None)
