"""Checks of arguments that many methods share: each returns the value in its plain form, or raises by name."""

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError


def whole_number(name: str, value: Any, *, least: int | None = None, most: int | None = None) -> int:
    """An int within `least` to `most`, of Python, NumPy or a tensor of one; bool, float and text are refused.

    Raises:
        InvalidTypeError: no whole number.
        InvalidParameterError: outside.

    Example:
        >>> whole_number("epochs", np.int64(3), least=1)
        3
    """
    allowed = "a whole number" + _limits(least=least, most=most)
    is_floating = isinstance(value, Tensor) and value.dtype in (torch.bool, torch.float64, torch.float32)
    try:
        number = operator.index(value)
    except (TypeError, RuntimeError, ValueError):
        number = None
    if number is None or is_floating or isinstance(value, bool | np.bool_):
        raise InvalidTypeError(f"{name} is {value!r}; give {allowed}")
    if (least is not None and number < least) or (most is not None and number > most):
        raise InvalidParameterError(f"{name} is {number}; give {allowed}")
    return number


def real_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """A finite float within closed (`least`, `most`) or open (`above`, `below`) ends; bool and text are refused.

    Raises:
        InvalidTypeError: no real number.
        InvalidParameterError: NaN, infinite or outside.

    Example:
        >>> real_number("dropout", 0.5, least=0, below=1)
        0.5
    """
    allowed = "a finite number" + _limits(least=least, above=above, most=most, below=below)
    if isinstance(value, Tensor):
        is_real = value.ndim == 0 and value.dtype != torch.bool and not value.is_complex()
    else:
        is_real = np.ndim(value) == 0 and not isinstance(value, bool) and np.asarray(value).dtype.kind in "iuf"
    if not is_real:
        raise InvalidTypeError(f"{name} is {value!r}; give {allowed}")
    number = float(value)
    if (
        not math.isfinite(number)
        or (least is not None and number < least)
        or (above is not None and number <= above)
        or (most is not None and number > most)
        or (below is not None and number >= below)
    ):
        raise InvalidParameterError(f"{name} is {number:g}; give {allowed}")
    return number


def one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """The value, where it is one of the names allowed.

    Raises:
        InvalidParameterError: it is not.
    """
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise InvalidParameterError(f"{name} is {value!r}; choose one of {', '.join(map(repr, names))}")
    return value


def true_or_false(name: str, value: Any) -> bool:
    """A bool of Python or NumPy; 0, 1 and text such as "no" are refused.

    Raises:
        InvalidTypeError: no bool.
    """
    if not isinstance(value, bool | np.bool_):
        raise InvalidTypeError(f"{name} is {value!r}; give True or False")
    return bool(value)


def usable_device(value: Any) -> torch.device:
    """A device on which a tensor can be made here; None is the CPU.

    Raises:
        InvalidParameterError: torch knows none of that name, or this machine has none.
    """
    try:
        device = torch.device("cpu" if value is None else value)
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise InvalidParameterError(
            f"device {value!r} cannot be used here ({str(error).splitlines()[0]}); choose 'cpu', or 'cuda' with a GPU"
        ) from error
    return device


def seed_number(value: Any, name: str = "seed") -> int:
    """A seed that NumPy's and torch's generators take: 0 to 2^63 - 1.

    Raises:
        InvalidTypeError: no whole number.
        InvalidParameterError: outside.
    """
    return whole_number(name, value, least=0, most=2**63 - 1)


def torch_module(name: str, value: Any) -> nn.Module:
    """A torch module, made.

    Raises:
        InvalidTypeError: it is none, or a class.
    """
    if isinstance(value, type) and issubclass(value, nn.Module):
        raise InvalidTypeError(f"{name} is the class {value.__name__}; give a module, {value.__name__}(...)")
    if not isinstance(value, nn.Module):
        raise InvalidTypeError(f"{name} is {type(value).__name__}; give a torch.nn.Module")
    return value


def check_generator(generator: Any, device: torch.device | None = None) -> None:
    """Nothing, where `generator` is None or a torch generator on the kind of device given.

    Raises:
        InvalidTypeError: no generator.
        InvalidParameterError: on another kind of device.
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise InvalidTypeError(f"generator is {generator!r}; give a torch.Generator, or None for torch's default one")
    if generator is not None and device is not None and generator.device.type != device.type:
        raise InvalidParameterError(
            f"generator is on {generator.device} and the data on {device}; make it by torch.Generator({device.type!r})"
        )


def _limits(
    least: float | None = None, above: float | None = None, most: float | None = None, below: float | None = None
) -> str:
    """The ends in words, such as " of at least 1 and below 2"."""
    ends = (("of at least", least), ("above", above), ("of at most", most), ("below", below))
    words = [f"{word} {end:g}" if isinstance(end, float) else f"{word} {end}" for word, end in ends if end is not None]
    return " " + " and ".join(words) if words else ""
