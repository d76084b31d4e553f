"""What the functions of this room check about their arguments."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError, WorkingPapersError


def whole_number(name: str, value: Any, least: int) -> int:
    """An int of at least `least`.

    Raises:
        InvalidTypeError: no whole number.
        InvalidParameterError: below.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidTypeError(f"{name} is {value!r}; give a whole number")
    number = int(value.__index__())
    if number < least:
        raise InvalidParameterError(f"{name} is {number}; choose {least} or more")
    return number


def number(name: str, value: Any, low: float, high: float = math.inf, *, low_open: bool = False) -> float:
    """A finite number in [low, high], or in (low, high].

    Raises:
        InvalidTypeError: no number.
        InvalidParameterError: outside.
    """
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise InvalidTypeError(f"{name} is {value!r}; give a number")
    made = float(value)
    if not math.isfinite(made) or not low <= made <= high or (low_open and made == low):
        allowed = f"above {low:g}" if low_open else f"{low:g} or more"
        allowed = allowed if high == math.inf else f"{'in (' if low_open else 'in ['}{low:g}, {high:g}]"
        raise InvalidParameterError(f"{name} is {value!r}; choose a finite number {allowed}")
    return made


def one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Raise `InvalidParameterError` where a value is not among those allowed."""
    if value not in allowed:
        raise InvalidParameterError(f"{name} is {value!r}; choose one of {', '.join(map(repr, allowed))}")


def a_module(name: str, value: Any) -> nn.Module:
    """A torch module.

    Raises:
        InvalidTypeError: it is none.
    """
    if not isinstance(value, nn.Module):
        raise InvalidTypeError(f"{name} is {type(value).__name__}; give a torch.nn.Module")
    return value


def a_device(value: Any) -> torch.device:
    """A device that is there.

    Raises:
        InvalidParameterError: torch knows none of that name, or this machine has none.
    """
    try:
        device = torch.device(value)
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise InvalidParameterError(
            f"device {value!r} cannot be used here ({str(error).splitlines()[0]}); choose 'cpu', or 'cuda' with a GPU"
        ) from error
    return device


def a_switch(name: str, value: Any) -> bool:
    """True or False, of Python or NumPy.

    Raises:
        InvalidTypeError: anything else, such as the string "no".
    """
    if not isinstance(value, bool | np.bool_):
        raise InvalidTypeError(f"{name} is {value!r}; give True or False")
    return bool(value)


def same_shapes(first: Mapping[str, Tensor], second: Mapping[str, Tensor], names: tuple[str, str]) -> None:
    """Both hold the same names with the same shapes.

    Raises:
        InvalidParameterError: they do not; the message gives the first mismatch.
    """
    for key in (*first, *(key for key in second if key not in first)):
        for mine, other in ((0, 1), (1, 0)):
            if key not in (first, second)[mine]:
                raise InvalidParameterError(
                    f"{names[0]} and {names[1]} do not fit: {names[mine]} lacks {key!r}, which {names[other]} has; "
                    "give two of the same architecture"
                )
        if first[key].shape != second[key].shape:
            raise InvalidParameterError(
                f"{names[0]} and {names[1]} do not fit: {key!r} has shape {tuple(first[key].shape)} in {names[0]} and "
                f"{tuple(second[key].shape)} in {names[1]}; give two of the same architecture"
            )


class DivergedError(WorkingPapersError, FloatingPointError):
    """A loss is NaN or infinite; the message names the step."""
