"""The closed language of predicates: what a claim says about its number.

    < x    <= x    > x    >= x    in [a, b]    within d of c    == true    == false    == x

A predicate is a set of numbers. An interval satisfies it when it lies wholly inside, and violates it when it lies
wholly outside. For the two-sided forms (`in`, `within`) lying wholly inside is the two one-sided tests procedure
(Schuirmann 1987): both one-sided hypotheses are rejected, each at half of one minus the interval's confidence.
"""

import math
import re
from dataclasses import dataclass

from workingpapers.errors import InvalidParameterError

LANGUAGE = "`< x`, `<= x`, `> x`, `>= x`, `in [a, b]`, `within d of c`, `== true`, `== false`, `== x`"

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ONE_SIDED = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})")
_IN = re.compile(rf"in\s*\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]")
_WITHIN = re.compile(rf"within\s+({_NUMBER})\s+of\s+({_NUMBER})")
_EQUALS = re.compile(rf"==\s*(true|false|{_NUMBER})")


@dataclass(frozen=True)
class Predicate:
    """The set of numbers between `low` and `high`, ends included where closed; an end may be infinite.

    Args:
        text: As it was written.
        equality: Whether it is of the form `== x`.
        boolean: Whether it is `== true` or `== false`.
    """

    text: str
    low: float
    high: float
    low_closed: bool
    high_closed: bool
    equality: bool = False
    boolean: bool = False

    @property
    def two_sided(self) -> bool:
        """Whether both ends are finite and it is not an equality: then it is an equivalence claim."""
        return math.isfinite(self.low) and math.isfinite(self.high) and not self.equality

    def accepts(self, value: float) -> bool:
        """Whether one number satisfies the predicate; NaN never does."""
        above = value >= self.low if self.low_closed else value > self.low
        below = value <= self.high if self.high_closed else value < self.high
        return above and below

    def satisfied_by(self, low: float, high: float) -> bool:
        """Whether every number of the closed interval from `low` to `high` satisfies the predicate."""
        return low <= high and self.accepts(low) and self.accepts(high)

    def violated_by(self, low: float, high: float) -> bool:
        """Whether no number of the closed interval from `low` to `high` satisfies the predicate."""
        if not low <= high:
            return False
        left = high < self.low if self.low_closed else high <= self.low
        right = low > self.high if self.high_closed else low >= self.high
        return left or right


def parse(text: str, tolerance: float = 0.0) -> Predicate:
    """Read a predicate.

    Args:
        text: For example `< 1.25`.
        tolerance: Distance that `== x` allows on both sides, closed.

    Raises:
        InvalidParameterError: the text is not in the language, or its bounds are in the wrong order.
    """
    wanted = text.strip()
    if any(math.isinf(float(number)) for number in re.findall(_NUMBER, wanted)):
        raise InvalidParameterError(f"predicate {text!r} holds a number too large for a float; give a finite bound")
    if match := _ONE_SIDED.fullmatch(wanted):
        sign, bound = match[1], float(match[2])
        if sign.startswith("<"):
            return Predicate(text, -math.inf, bound, low_closed=False, high_closed=sign == "<=")
        return Predicate(text, bound, math.inf, low_closed=sign == ">=", high_closed=False)
    if match := _IN.fullmatch(wanted):
        low, high = float(match[1]), float(match[2])
        if low >= high:
            raise InvalidParameterError(
                f"predicate {text!r}: the lower end {low:g} is not below the upper end {high:g}; "
                "write `in [a, b]` with a < b"
            )
        return Predicate(text, low, high, low_closed=True, high_closed=True)
    if match := _WITHIN.fullmatch(wanted):
        distance, centre = float(match[1]), float(match[2])
        if distance <= 0:
            raise InvalidParameterError(
                f"predicate {text!r}: the distance {distance:g} is not positive; write `within d of c` with d > 0"
            )
        return Predicate(text, centre - distance, centre + distance, low_closed=True, high_closed=True)
    if match := _EQUALS.fullmatch(wanted):
        boolean = match[1] in ("true", "false")
        target = float(match[1] == "true") if boolean else float(match[1])
        return Predicate(
            text,
            target - tolerance,
            target + tolerance,
            low_closed=True,
            high_closed=True,
            equality=True,
            boolean=boolean,
        )
    raise InvalidParameterError(f"predicate {text!r} cannot be read; allowed are {LANGUAGE}")
