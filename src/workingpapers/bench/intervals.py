"""Intervals over seeds: Student t, bootstrap, Wilson, and the range for exact claims."""

import math
from collections.abc import Sequence

from workingpapers.bench.protocols import Interval, IntervalKind
from workingpapers.errors import InvalidParameterError

CONFIDENCE = 0.95


def interval(values: Sequence[float], method: IntervalKind = "student", confidence: float = CONFIDENCE) -> Interval:
    """The interval over seeds for the mean (`exact`: the range).

    Args:
        values: One finite number per seed.
        method: `student`: mean ± t·s/√n. `bootstrap`: bias-corrected and accelerated, 9,999 resamples from a fixed
            seed. `wilson`: score interval for a proportion; every value is 0 or 1. `exact`: smallest and largest.
        confidence: Coverage; not used by `exact`.

    Returns:
        The interval. With one value `student` and `bootstrap` give (-inf, inf): one seed says nothing about spread.

    Raises:
        InvalidParameterError: no values, a value that is not finite, or `wilson` values other than 0 and 1.
    """
    if not values:
        raise InvalidParameterError("an interval needs at least one value; got none")
    if not all(math.isfinite(value) for value in values):
        raise InvalidParameterError(f"an interval needs finite values; got {list(values)}")
    if method == "exact":
        return Interval(min(values), max(values), 1.0, "exact")
    if method == "wilson":
        return _wilson(values, confidence)
    if len(values) == 1:
        return Interval(-math.inf, math.inf, confidence, method)
    if max(values) - min(values) <= 1e-15 * max(map(abs, values)):
        return Interval(values[0], values[0], confidence, method)
    return _bootstrap(values, confidence) if method == "bootstrap" else _student(values, confidence)


def mean(values: Sequence[float]) -> float:
    """The mean by exact summation: it does not depend on the order of the seeds."""
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float:
    """s/√n with the n-1 denominator."""
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1) / len(values))


def equivalence_p(values: Sequence[float], low: float, high: float) -> float | None:
    """The larger p-value of the two one-sided t tests of mean > low and mean < high (Schuirmann 1987).

    Returns:
        None with fewer than two values.
    """
    if len(values) < 2:
        return None
    centre, error = mean(values), standard_error(values)
    if error == 0.0:
        return 0.0 if low < centre < high else 1.0
    from scipy.special import stdtr

    degrees = len(values) - 1
    return float(max(stdtr(degrees, -(centre - low) / error), stdtr(degrees, -(high - centre) / error)))


def _student(values: Sequence[float], confidence: float) -> Interval:
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2)) * standard_error(values)
    return Interval(mean(values) - half, mean(values) + half, confidence, "student")


def _bootstrap(values: Sequence[float], confidence: float) -> Interval:
    import numpy as np
    from scipy.stats import bootstrap

    found = bootstrap(
        (np.asarray(values),),
        np.mean,
        confidence_level=confidence,
        method="BCa",
        n_resamples=9_999,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(found.low), float(found.high), confidence, "bootstrap")


def _wilson(values: Sequence[float], confidence: float) -> Interval:
    if any(value not in (0.0, 1.0) for value in values):
        raise InvalidParameterError(f"a Wilson interval needs true or false for each seed; got {list(values)}")
    from scipy.stats import binomtest

    found = binomtest(int(sum(values)), len(values)).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high), confidence, "wilson")
