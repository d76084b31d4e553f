"""The axis of one row of a forest plot: which numbers it spans, linear or logarithmic, and its ticks.

Every claim has its own unit, so every row has its own axis, chosen to show the value beside the predicate's bounds
whatever their sizes: an interval that dwarfs them is cut off, and drawn with an arrow, rather than shown whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workingpapers.bench.predicates import Predicate
from workingpapers.bench.protocols import Side, Verdict
from workingpapers.bench.report.numbers import format_number

# how many times the core's width an axis may grow on each side before the rest is cut off: a control is worth more
# room than the far end of an interval
_VALUE_REACH, _END_REACH = 12.0, 4.0
_ZERO_AT, _LOG_FROM = 0.03, 0.12  # on a logarithmic axis with zero: where zero is, and where the decades begin
_WIDE_LABEL = 7


@dataclass(frozen=True)
class Axis:
    """A map from numbers to fractions of the row's width.

    Args:
        low: Number at the left end.
        high: Number at the right end.
        log: Whether it is logarithmic.
        zero: Whether a logarithmic axis has, left of its decades, a place for zero.
        ticks: Pairs of number and label.
    """

    low: float
    high: float
    log: bool = False
    zero: bool = False
    ticks: tuple[tuple[float, str], ...] = ()

    def place(self, value: float) -> float:
        """The fraction of the width at which `value` lies; below 0 or above 1 where it is off the axis."""
        if math.isinf(value):
            return value
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        start = _LOG_FROM if self.zero else 0.0
        if value <= 0:
            return _ZERO_AT if self.zero and value == 0 else -math.inf
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return start + share * (1 - start)


def axis_for(verdict: Verdict, predicate: Predicate) -> Axis | None:
    """The axis for one verdict, or None where nothing on it would be finite."""
    if predicate.boolean:
        return Axis(-0.15, 1.15, ticks=((0.0, "false"), (1.0, "true")))
    sides = [side for side in (verdict.measured, verdict.control) if side is not None]
    bounds = _finite(predicate.low, predicate.high)
    values = _finite(*(side.value for side in sides), verdict.claim.published_value)
    if not bounds and not values:
        return None
    if _wants_log(bounds, values):
        return _log_axis([*bounds, *values], [end for side in sides for end in _reach(side)])
    kept = _finite(verdict.claim.published_value, verdict.measured.value if verdict.measured else None)
    core = [*bounds, *kept] or values
    return _linear_axis(core, values, [end for side in sides for end in _reach(side)], bounds)


def _wants_log(bounds: Sequence[float], values: Sequence[float]) -> bool:
    positive = [number for number in (*bounds, *values) if number > 0]
    if min((*bounds, math.inf)) <= 0 or min((*values, math.inf)) < 0 or not positive:
        return False
    # zeros among the values do not count: zero gets its own place left of the decades
    return math.log10(max(positive)) - math.log10(min(positive)) > 2 and max(positive) < 1e300


def _log_axis(shown: Sequence[float], ends: Sequence[float]) -> Axis:
    positive = [number for number in shown if number > 0]
    core_low, core_high = math.log10(min(positive)), math.log10(max(positive))
    reach = (core_high - core_low) / 2
    wanted = [min(max(math.log10(end), core_low - reach), core_high + reach) for end in ends if end > 0]
    low, high = min([core_low, *wanted]), max([core_high, *wanted])
    margin = 0.07 * (high - low)
    low, high = low - margin, high + margin
    zero = min(shown) == 0
    exponents = range(math.ceil(low), math.floor(high) + 1)
    chosen = exponents[:: -(-len(exponents) // (4 if zero else 5)) or 1]
    ticks = [(10.0**exponent, format_number(10.0**exponent, digits=1)) for exponent in chosen]
    if zero:
        ticks.insert(0, (0.0, "0"))
    return Axis(10.0**low, 10.0**high, log=True, zero=zero, ticks=tuple(ticks))


def _linear_axis(
    core: Sequence[float], values: Sequence[float], ends: Sequence[float], bounds: Sequence[float]
) -> Axis | None:
    span = max(core) - min(core)
    # a core of one number has no width of its own: the others give it one, or its size does
    distances = [abs(other - core[0]) for other in (*values, *ends) if other != core[0]]
    width = span or max(distances, default=0.0) or abs(core[0]) or 1.0
    shown = list(core)
    for others, reach in ((values, _VALUE_REACH), (ends, _END_REACH)):
        floor, ceiling = min(shown) - reach * width, max(shown) + reach * width
        shown += [min(max(other, floor), ceiling) for other in others]
    low, high = min(shown), max(shown)
    size = (high - low) or width
    # a bound at the end of the axis needs room beyond it, so that the region on its far side is seen
    low -= size * (0.22 if low in bounds else 0.07)
    high += size * (0.22 if high in bounds else 0.07)
    if not math.isfinite(high - low) or high - low <= 1e-14 * max(abs(low), abs(high)):
        return None
    return Axis(low, high, ticks=_ticks(low, high))


def _ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    ticks: tuple[tuple[float, str], ...] = ()
    for wanted in (5, 3):
        step = _round_step((high - low) / wanted)
        numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
        ticks = tuple((number * step, _label(number, step)) for number in numbers)
        if max((len(label) for _, label in ticks), default=0) <= _WIDE_LABEL:
            break
    return ticks


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * 0.999)


def _label(number: int, step: float) -> str:
    if number == 0:
        return "0"
    value = float(f"{number * step:.12g}")
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(step)) + 1
    return format_number(value, digits=max(1, digits))


def _reach(side: Side) -> list[float]:
    return _finite(side.interval.low, side.interval.high, *side.per_seed)


def _finite(*numbers: float | None) -> list[float]:
    return [number for number in numbers if number is not None and math.isfinite(number)]
