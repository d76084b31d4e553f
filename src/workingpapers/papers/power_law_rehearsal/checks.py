"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Checks of arguments that several files of this room share; no equation.
Differences from the paper: none, it gives no code.
"""

import math
from collections.abc import Sized
from typing import Any

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import real_number


def zero_to_infinity(name: str, value: Any) -> float:
    """The value as a float where it is at least zero; infinity is allowed."""
    return math.inf if isinstance(value, float) and value == math.inf else real_number(name, value, least=0)


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
