"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Checks of arguments that several files of this room share; no equation.
Differences from the paper: none, it gives no code.
"""

import math
import numbers
from collections.abc import Sized
from typing import Any

from workingpapers.errors import InvalidParameterError, InvalidTypeError


def whole(name: str, value: Any, least: int) -> int:
    """The value as an int; `InvalidTypeError` where it is no whole number, `InvalidParameterError` below `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidTypeError(f"{name} is {value!r}; give a whole number of at least {least}")
    number = int(value.__index__())
    if number < least:
        raise InvalidParameterError(f"{name} is {number}; it must be at least {least}")
    return number


def not_negative(name: str, value: Any, *, infinite: bool = False) -> float:
    """The value as a float where it is at least zero; infinity only where it is allowed."""
    number = _real(name, value)
    if math.isnan(number) or number < 0 or (math.isinf(number) and not infinite):
        allowed = "zero, positive or infinite" if infinite else "zero or a positive finite number"
        raise InvalidParameterError(f"{name} is {value!r}; it must be {allowed}")
    return number


def share(name: str, value: Any) -> float:
    """The value as a float where it lies in [0, 1)."""
    number = _real(name, value)
    if not 0.0 <= number < 1.0:
        raise InvalidParameterError(f"{name} is {value!r}; a share of the batch lies in [0, 1)")
    return number


def lengths_of(tasks: Any) -> list[int]:
    """The length of each task, given as a number or as something that has one."""
    if isinstance(tasks, str | bytes) or not hasattr(tasks, "__iter__"):
        raise InvalidTypeError(f"tasks are {type(tasks).__name__}; give a sequence of datasets or of their lengths")
    lengths = []
    for number, task in enumerate(tasks):
        if isinstance(task, Sized) and not isinstance(task, str | bytes):
            length = len(task)
        elif hasattr(task, "__index__") and not isinstance(task, bool):
            length = int(task.__index__())
        else:
            raise InvalidTypeError(f"task {number} is {task!r}; give a dataset that has a length, or its length")
        if length < 1:
            raise InvalidParameterError(f"task {number} is empty (length {length}); leave it out or give it data")
        lengths.append(length)
    if not lengths:
        raise InvalidParameterError("there are no tasks; give at least one")
    return lengths


def _real(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidTypeError(f"{name} is {value!r}; give a number")
    return float(value)
