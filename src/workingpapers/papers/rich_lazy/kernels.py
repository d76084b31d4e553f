"""The tangent kernel of any module; for the paper's recurrent network by its structure."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.rich_lazy.rnn import CTRNN, WEIGHTS, rnn_tangent_kernel
from workingpapers.parts import tangent_kernel as general
from workingpapers.parts.calling import Inputs

METHODS = ("auto", "rnn", *general.METHODS[1:])


def tangent_kernel(
    module: nn.Module,
    inputs: Inputs,
    params: general.Selection = None,
    *,
    method: str = "auto",
    output_fn: Callable[[Any], Tensor] | None = None,
    max_memory_mb: float | int = 256.0,
) -> Float[Tensor, "rows rows"]:
    r"""The empirical tangent kernel `K = J J^T` of all outputs, without one backward pass for each.

    Rows are the outputs flattened in memory order; for a `CTRNN` (time, batch, class). The model's mode is used as it
    is; set `module.eval()` where dropout should rest.

    - `rnn`, for a `CTRNN`: `K_ab = sum_{s,s'} (delta_s^a . delta_s'^b)(h_{s-1} . h_{s'-1})`; no Jacobian is formed.
    - `layerwise`, for the weights of `nn.Linear`s (LoRA's adapters among them): one backward pass for each output of a
      sample, all samples at once, and the Gram matrix of activations and gradients.
    - `jacobian`, for any module: batched vector-Jacobian products, some columns at a time.
    - `jvp`, for any module: the fewest bytes; one vector-Jacobian and one Jacobian-vector product for each row.
    - `auto`: `rnn` where it applies, else `layerwise` for `nn.Linear`s, checked against two exact rows, and `jacobian`
      for the rest.

    Args:
        module: Any module.
        inputs: A tensor, a tuple of arguments, or a mapping of keyword arguments (as transformers take).
        params: None for all that require gradients, a regular expression searched in their names, a list of names, or a
            function of name and parameter.
        method: One of the above.
        output_fn: Takes the tensor of outputs out of what the module returns; by default the tensor itself, `.logits`,
            or the first of a tuple.
        max_memory_mb: Bound on the working memory and on the kernel, in MB.

    Returns:
        `(n, n)` for n outputs.

    Raises:
        InvalidParameterError: unknown method, no parameter selected, outputs that do not depend on them, `layerwise`
            where it does not apply, or a kernel larger than `max_memory_mb`.
        InvalidTypeError: `rnn` for another module, or outputs that are no tensor.

    Differs from the paper:
        The official code makes one backward pass for each output; the numbers are the same.

    Example:
        >>> import torch
        >>> rnn = CTRNN(3, 20, 2)
        >>> tangent_kernel(rnn, torch.randn(4, 5, 3), "recurrent").shape
        torch.Size([40, 40])
    """
    if method not in METHODS:
        raise InvalidParameterError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    is_rnn = type(module) is CTRNN and isinstance(inputs, Tensor) and output_fn is None
    if method == "rnn" and not is_rnn:
        raise InvalidTypeError(
            f"method 'rnn' is for CTRNN on a tensor without output_fn, not {type(module).__name__}; use 'auto'"
        )
    if is_rnn and method in ("auto", "rnn") and isinstance(module, CTRNN) and isinstance(inputs, Tensor):
        chosen = general.select_parameters(module, params)
        if set(chosen) <= set(WEIGHTS):
            return rnn_tangent_kernel(module, inputs, chosen, max_memory_mb)
    kind = "auto" if method == "rnn" else method
    return general.tangent_kernel(module, inputs, params, method=kind, output_fn=output_fn, max_memory_mb=max_memory_mb)
