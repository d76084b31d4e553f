"""What the functions of this room check about their arguments."""

import math
import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

Array = Any  # a tensor, a numpy array, or what numpy can read


def whole_number(name: str, value: Any, least: int) -> int:
    """An int of at least `least`.

    Raises:
        InvalidTypeError: no whole number.
        InvalidParameterError: below it.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise InvalidTypeError(f"{name} is {value!r}; give a whole number of {least} or more")
    if number < least:
        raise InvalidParameterError(f"{name} is {number}; choose {least} or more")
    return number


def number(name: str, value: Any, *, least: float = -math.inf, above: float = -math.inf) -> float:
    """A finite float of at least `least` and above `above`.

    Raises:
        InvalidTypeError: no number.
        InvalidParameterError: NaN, infinite or outside.
    """
    if isinstance(value, Tensor):
        is_real = value.ndim == 0 and value.dtype != torch.bool and not value.is_complex()
    else:
        is_real = isinstance(value, int | float | np.number | np.ndarray) and np.ndim(value) == 0
        is_real = is_real and not isinstance(value, bool) and np.asarray(value).dtype.kind in "iufO"
    if not is_real:
        raise InvalidTypeError(f"{name} is {value!r}; give a number")
    try:
        result = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidTypeError(f"{name} is {value!r}; give a real number") from error
    if not math.isfinite(result) or result < least or result <= above:
        limits = [f"of at least {least:g}"] * (least > -math.inf) + [f"above {above:g}"] * (above > -math.inf)
        raise InvalidParameterError(f"{name} is {result:g}; choose a finite number {' and '.join(limits)}".rstrip())
    return result


def as_float64(name: str, value: Array) -> Tensor:
    """A finite real float64 tensor, detached, on the device where it was.

    Raises:
        InvalidTypeError: no array of real numbers.
        InvalidParameterError: NaN or infinite values.
    """
    try:
        array = value.detach() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} is {type(value).__name__}; give an array of real numbers") from error
    if array.is_complex() or array.dtype == torch.bool:
        raise InvalidTypeError(f"{name} holds {array.dtype}; give real numbers")
    array = array.to(torch.float64)
    if not array.isfinite().all():
        raise InvalidParameterError(f"{name} holds NaN or infinite values; give finite ones")
    return array


def as_laplacian(value: Array) -> Tensor:
    """A float64 graph Laplacian `(n, n)`: symmetric, no positive weight off the diagonal, rows that sum to zero.

    Raises:
        InvalidTypeError: no array of real numbers.
        InvalidParameterError: no Laplacian.
    """
    matrix = as_float64("laplacian", value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 1:
        raise InvalidParameterError(f"laplacian has shape {tuple(matrix.shape)}; give a square matrix (n, n)")
    scale = max(float(matrix.abs().max()), 1e-300)
    slack = 1e-5 * scale  # a Laplacian may come in float32
    hint = "; laplacian(graph, n) makes one from a name, an adjacency matrix or a list of edges"
    if float((matrix - matrix.T).abs().max()) > slack:
        raise InvalidParameterError(f"laplacian is not symmetric{hint}")
    off_diagonal = matrix - torch.diag(matrix.diagonal())
    if float(off_diagonal.max()) > slack or float(matrix.sum(1).abs().max()) > slack * matrix.shape[0]:
        raise InvalidParameterError(
            f"laplacian has rows that do not sum to 0 or positive values off the diagonal: is it an adjacency?{hint}"
        )
    # exact symmetry and row sums, so that equal replicas feel no coupling at all
    clean = 0.5 * (off_diagonal + off_diagonal.T)
    return clean - torch.diag(clean.sum(1))


def spectrum(matrix: Tensor) -> Tensor:
    """Eigenvalues of a Laplacian, ascending, on the CPU; those that only rounding keeps from 0 are 0."""
    values = torch.linalg.eigvalsh(matrix).cpu()
    noise = len(values) * torch.finfo(values.dtype).eps * float(values[-1])
    values[values <= noise] = 0.0
    values[0] = 0.0  # exactly: the eigenvector of equal entries
    return values


def check_generator(generator: Any, device: torch.device | None = None) -> None:
    """Raise where a generator is none, or lives on another kind of device than the state.

    Raises:
        InvalidTypeError: no generator.
        InvalidParameterError: on another kind of device.
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise InvalidTypeError(f"generator is {generator!r}; give a torch.Generator, or None for torch's default one")
    if generator is not None and device is not None and generator.device.type != device.type:
        raise InvalidParameterError(
            f"generator is on {generator.device} and the state on {device}; make it by torch.Generator({device.type!r})"
        )
