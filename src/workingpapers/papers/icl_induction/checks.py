"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Checks of arguments that several files of this room share; no equation.
Differences from the paper: none, it gives no code.
"""

from workingpapers.errors import InvalidParameterError, InvalidTypeError


def whole(name: str, value: object, least: int) -> int:
    """The value as an int; `InvalidTypeError` where it is no whole number, `InvalidParameterError` below `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidTypeError(f"{name} is {value!r}; give a whole number of at least {least}")
    number = int(value.__index__())
    if number < least:
        raise InvalidParameterError(f"{name} is {number}; it must be at least {least}")
    return number


def fraction(name: str, value: float | int) -> float:
    """The value where it lies in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise InvalidParameterError(f"{name} is {value!r}; a fraction of sequences lies in [0, 1]")
    return float(value)


def not_negative(name: str, value: float | int) -> float:
    """The value where it is finite and not below zero."""
    if not 0.0 <= value < float("inf"):
        raise InvalidParameterError(f"{name} is {value!r}; it must be zero or a positive finite number")
    return float(value)
