"""How a number is written: the one place that decides on digits, for terminal, Markdown and HTML alike."""

import math

from workingpapers.bench.protocols import Claim, Side

MISSING = "–"
_LARGE, _SMALL = 1e6, 1e-3
_MOST_DIGITS = 8  # ends that agree to more than these are told apart by nobody
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_boolean(claim: Claim) -> bool:
    """Whether the claim's number is a truth value (`== true`, `== false`)."""
    return claim.predicate.replace(" ", "").lower() in {"==true", "==false"}


def format_number(value: float | None, *, digits: int = 4, boolean: bool = False) -> str:
    """A number in plain characters.

    Digits before the decimal point are never rounded away below a million; trailing zeros stay only where they say
    something about a rounded number, so 0.5 is `0.5` and 1.00004 is `1.000`.

    Args:
        value: The number, or None where nothing was measured.
        digits: Significant digits.
        boolean: Whether 1 and 0 mean true and false; a share between them is given in per cent.

    Returns:
        For example `0.9871`, `12346`, `3.2e-9`, `true`, `80 % true`, `∞`, or a dash for None and NaN.
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if boolean:
        return {1.0: "true", 0.0: "false"}.get(value, f"{_percent(value)} true")
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if not _SMALL <= abs(rounded) < _LARGE:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_strip(mantissa) if rounded == value else mantissa}e{int(exponent)}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{value:.{decimals}f}"
    return _strip(text) if float(text) == value else text


def format_interval(low: float, high: float, *, digits: int = 4, boolean: bool = False) -> str:
    """An interval as `[low, high]`, with as many digits as it takes to tell its two ends apart.

    Returns:
        For example `[0.9999998, 1.0000003]`; equal ends only where the ends agree to eight digits.
    """
    if boolean:
        if {low, high} <= {0.0, 1.0}:
            return f"[{format_number(low, boolean=True)}, {format_number(high, boolean=True)}]"
        return f"[{_percent(low)}, {_percent(high)}]"
    digits = max(digits, _digits_for(low, high))
    return f"[{format_number(low, digits=digits)}, {format_number(high, digits=digits)}]"


def format_value(side: Side | None, claim: Claim) -> str:
    """The value of one side of a verdict, as exactly as its interval is written, or a dash."""
    if side is None:
        return MISSING
    digits = max(4, _digits_for(side.interval.low, side.interval.high))
    return format_number(side.value, digits=digits, boolean=is_boolean(claim))


def format_side_interval(side: Side | None, claim: Claim) -> str:
    """The interval of one side of a verdict, or a dash."""
    if side is None:
        return MISSING
    return format_interval(side.interval.low, side.interval.high, boolean=is_boolean(claim))


def format_published(claim: Claim) -> str:
    """What the paper gives: its words, else its number, else a dash."""
    if claim.published is not None:
        return claim.published
    return format_number(claim.published_value, boolean=is_boolean(claim))


def typeset(text: str) -> str:
    """A formatted number or interval for HTML, with true minus signs and powers of ten.

    `-3.2e-9` becomes `−3.2×10⁻⁹`, and `1e-9` becomes `10⁻⁹`.
    """
    words = []
    for word in text.split(" "):
        core = word.strip("[],")
        mantissa, e, exponent = core.partition("e")
        if e and exponent.lstrip("-").isdigit():
            power = f"×10{exponent.translate(_SUPERSCRIPTS)}"
            sign = mantissa.removesuffix("1")
            word = word.replace(core, sign + power[1:] if mantissa in ("1", "-1") else mantissa + power)
        words.append(word.replace("-", "−"))
    return " ".join(words)


def _digits_for(low: float, high: float) -> int:
    """Significant digits with which the ends of an interval differ in the last; 0 where that takes too many."""
    width, size = high - low, max(abs(low), abs(high))
    if not (0 < width < math.inf):
        return 0
    needed = math.floor(math.log10(size)) - math.floor(math.log10(width)) + 1
    return needed if needed <= _MOST_DIGITS else 0


def _strip(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(share: float) -> str:
    return MISSING if math.isnan(share) else f"{format_number(100 * share, digits=3)} %"
