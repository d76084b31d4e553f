"""Calling any module, and finding the tensor of outputs in what it returns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from workingpapers.errors import InvalidParameterError, InvalidTypeError

Inputs = Tensor | Sequence[Any] | Mapping[str, Any]


def call(module: nn.Module, inputs: Inputs) -> Any:
    """Call a module with a tensor, a tuple of arguments or a mapping of keyword arguments."""
    if isinstance(inputs, Tensor):
        return module(inputs)
    if isinstance(inputs, Mapping):
        return module(**inputs)
    return module(*inputs)


def output_tensor(output: Any, output_fn: Callable[[Any], Tensor] | None = None) -> Tensor:
    """The tensor of outputs in what a module returned: the tensor, `.logits`, or the first of a tuple.

    Raises:
        InvalidTypeError: none is found; the message says what to do.
    """
    if output_fn is not None:
        output = output_fn(output)
    elif getattr(output, "logits", None) is not None:
        output = output.logits
    elif isinstance(output, tuple | list) and output:
        output = output[0]
    elif not isinstance(output, Tensor) and getattr(output, "last_hidden_state", None) is not None:
        output = output.last_hidden_state
    if not isinstance(output, Tensor):
        raise InvalidTypeError(f"the module returns {type(output).__name__}; give output_fn that makes it a tensor")
    return output


def check_kernel_size(rows: int, item_bytes: int, max_memory_mb: float | int) -> None:
    """Raise `InvalidParameterError` where an `(rows, rows)` kernel is larger than the bound."""
    size = rows * rows * item_bytes / 2**20
    if size > max_memory_mb:
        raise InvalidParameterError(
            f"the kernel of {rows} outputs takes {size:.0f} MB, above max_memory_mb = {max_memory_mb:g}; give fewer "
            "inputs, an output_fn that keeps some of the outputs (for example the last position), or more memory"
        )


@contextmanager
def plain_attention() -> Iterator[None]:
    """Inside, attention runs by its plain formula, whose derivatives can be batched."""
    with sdpa_kernel(SDPBackend.MATH):
        yield
