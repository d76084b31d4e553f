"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: when to trust an estimate.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements linearity in 1/N, agreement without the whole sample, the ceiling of InfoNCE, and embedding saturation.
Differences: the gap between training and test, the shuffled data and all thresholds but that of curvature are ours.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from workingpapers.papers.mutual_information.extrapolation import LEAST_GAMMAS, Line, extrapolate
from workingpapers.papers.mutual_information.training import Curve, ceiling

LN2 = math.log(2)
NO_MATTER = 0.05 * LN2  # nats: a gap between training and test that no reader would act on
NULL_LIMIT = 0.1 * LN2


@dataclass(frozen=True)
class Check:
    """One reliability check.

    Args:
        name: linearity, stability, ceiling, gap, convergence, shuffle or saturation.
        value: What was found.
        threshold: What it is compared with.
        passed: Whether the estimate stands.
        advice: What was compared, and what to do where it failed.

    Example:
        >>> Check("gap", 0.1, 0.5, False, "more samples").passed
        False
    """

    name: str
    value: float
    threshold: float
    passed: bool
    advice: str


def all_checks(curves: list[Curve], line: Line, bound: str, confidence: float) -> tuple[Check, ...]:
    """Every check that these runs allow; values in nats where they are an information."""
    data = [curve for curve in curves if curve.run.kind == "data"]
    checks = [linearity(line), stability(data, line, confidence)]
    if bound == "infonce":
        checks.append(below_ceiling(data, line))
    checks += [gap(data), convergence(data)]
    shuffled = [curve for curve in curves if curve.run.kind == "shuffled"]
    if shuffled:
        checks.append(shuffle(shuffled, confidence))
    wider = [curve for curve in curves if curve.run.kind == "wider"]
    if wider:
        checks.append(saturation(data, wider, line))
    return tuple(checks)


def values_of(curves: Iterable[Curve]) -> tuple[list[int], list[int], list[float]]:
    """γ, chunk and the training value at the epoch taken, of each run."""
    rows = [(c.run.gamma, c.run.chunk, float(c.train[c.epoch])) for c in curves]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


def linearity(line: Line) -> Check:
    """A straight line over at least four γ."""
    return Check(
        "linearity",
        line.curvature,
        0.1,
        line.is_straight and len(line.gammas) >= LEAST_GAMMAS,
        f"|a2/a1| of a parabola over gamma {list(line.gammas)} (t of a2: {line.curvature_t:.1f}); fails where it is "
        f"above 0.1 with |t| of 2 or more, or below {LEAST_GAMMAS} gammas: more samples, or more gammas",
    )


def stability(data: list[Curve], line: Line, confidence: float) -> Check:
    """The intercept without γ = 1 is the same within 20 % or within the interval."""
    least = min(line.gammas)
    rest = [c for c in data if c.run.gamma in line.gammas and c.run.gamma != least]
    advice = "shift of the estimate without the smallest gamma; fails above 20 % and above the interval: more samples"
    threshold = max(0.2 * abs(line.intercept), line.half_width)
    if len({c.run.gamma for c in rest}) < 2:
        return Check("stability", math.nan, threshold, False, "needs at least three gammas; give more of them")
    shift = abs(extrapolate(*values_of(rest), confidence).intercept - line.intercept)
    return Check("stability", shift, threshold, shift <= threshold, advice)


def below_ceiling(data: list[Curve], line: Line) -> Check:
    """InfoNCE on n samples cannot exceed log n: one bit must be left in every run and in the estimate."""
    first = min(c.run.gamma for c in data)
    rooms = [ceiling(c.n_eval) - float(c.train[c.epoch]) for c in data]
    whole = ceiling(min(c.n_eval for c in data if c.run.gamma == first)) - line.intercept
    room = min(whole, *rooms)
    return Check(
        "ceiling",
        room,
        LN2,
        room > LN2,
        "least room below log(n), which InfoNCE on n evaluated samples cannot pass; fails below one bit: use "
        "bound='smile', more samples, smaller gammas, or a larger batch_size",
    )


def gap(data: list[Curve]) -> Check:
    """At the smallest γ the held-out value is at least half of the training value."""
    first = min(c.run.gamma for c in data)
    whole = [c for c in data if c.run.gamma == first]
    train = float(np.mean([c.train[c.epoch] for c in whole]))
    test = float(np.mean([c.test[c.epoch] for c in whole]))
    ratio = test / train if train > 0 else math.nan
    return Check(
        "gap",
        ratio,
        0.5,
        bool(test >= 0.5 * train or abs(train - test) < NO_MATTER),
        "held-out over training value at the smallest gamma; below one half the critic learned by heart (a gap below "
        "0.05 bit is let pass): more samples, a smaller embed_dim or hidden, or variational=True",
    )


def convergence(data: list[Curve]) -> Check:
    """Few runs were still improving when training ended."""
    share = float(np.mean([not c.is_converged for c in data]))
    return Check(
        "convergence",
        share,
        0.25,
        share <= 0.25,
        "share of runs whose best epoch is the last one: raise epochs (or lr)",
    )


def shuffle(shuffled: list[Curve], confidence: float) -> Check:
    """The same on shuffled pairs gives nothing."""
    null = extrapolate(*values_of(shuffled), confidence)
    size = abs(null.intercept)
    threshold = max(NULL_LIMIT, null.half_width)
    return Check(
        "shuffle",
        size,
        threshold,
        size <= threshold,
        "the estimate after y was shuffled, against 0.1 bit or its interval: with more the protocol finds what is not "
        "there; more samples or fewer epochs",
    )


def saturation(data: list[Curve], wider: list[Curve], line: Line) -> Check:
    """Twice the embedding dimension changes the value at the smallest γ by less than the interval."""
    first = wider[0].run.gamma
    same = float(np.mean([c.train[c.epoch] for c in data if c.run.gamma == first]))
    change = abs(float(np.mean([c.train[c.epoch] for c in wider])) - same)
    return Check(
        "saturation",
        change,
        line.half_width,
        change <= line.half_width,
        "change of the value on the whole sample with twice the embed_dim, against the interval: raise embed_dim",
    )
