"""The empirical tangent kernel of any `nn.Module` in bounded memory, without one backward pass for each output."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.calling import Inputs, call, check_kernel_size, output_tensor, plain_attention
from workingpapers.parts.linear_gram import linear_gram, watched_linears

Selection = str | Sequence[str] | Callable[[str, nn.Parameter], bool] | None
METHODS = ("auto", "layerwise", "jacobian", "jvp")


def tangent_kernel(
    module: nn.Module,
    inputs: Inputs,
    params: Selection = None,
    *,
    method: str = "auto",
    output_fn: Callable[[Any], Tensor] | None = None,
    max_memory_mb: float | int = 256.0,
) -> Float[Tensor, "rows rows"]:
    r"""The empirical tangent kernel `K = J J^T` of all outputs, `J = d outputs / d params`.

    Rows are the outputs flattened in memory order: for outputs `(batch, classes)` row `b * classes + c`. The model's
    mode is used as it is; set `module.eval()` where dropout should rest.

    `layerwise` runs one backward pass for each output of a *sample* (all samples at once), and takes the Gram matrix
    of each `nn.Linear` from its input activations and output gradients: `<delta a^T, delta' a'^T> =
    (delta . delta')(a . a')`. It needs the batch first and samples that do not see each other, which two exact rows of
    the kernel check. `jacobian` makes batched vector-Jacobian products and keeps a slice of the columns at a time,
    with no condition on the model. `jvp` keeps a few rows of J only: one vector-Jacobian and one Jacobian-vector
    product for each row. `auto` takes `layerwise` for the weights of `nn.Linear`s and `jacobian` for the others.

    Args:
        module: Any module.
        inputs: What it is called with: a tensor, a tuple of arguments, or a mapping of keyword arguments.
        params: Which parameters: None for all that require gradients, a regular expression that is searched in their
            names, a list of names, or a function of name and parameter.
        method: `auto`, `layerwise`, `jacobian` or `jvp`.
        output_fn: Takes the tensor of outputs out of what the module returns; by default the tensor itself, the
            first of a tuple, or `.logits`.
        max_memory_mb: Bound on the working memory beside the kernel and the module's own graph, in MB.

    Returns:
        The kernel, `(n, n)` for n = number of outputs, in the dtype of the outputs.

    Raises:
        InvalidParameterError: unknown method, no parameter selected, outputs that do not depend on them, `layerwise`
            where the samples see each other, or a kernel larger than `max_memory_mb`.
        InvalidTypeError: the outputs are no tensor.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        >>> tangent_kernel(net, torch.randn(5, 3)).shape
        torch.Size([10, 10])
    """
    if method not in METHODS:
        raise InvalidParameterError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    selected = select_parameters(module, params)
    with _requiring_gradients(selected), torch.enable_grad():
        return _kernel(module, inputs, selected, method, output_fn, max_memory_mb)


def _kernel(
    module: nn.Module,
    inputs: Inputs,
    selected: dict[str, nn.Parameter],
    method: str,
    output_fn: Callable[[Any], Tensor] | None,
    max_memory_mb: float | int,
) -> Tensor:
    if method == "jvp":
        return _jvp_kernel(module, inputs, selected, output_fn, max_memory_mb)
    linears = watched_linears(module, selected) if method != "jacobian" else {}
    owned = {name for each in linears.values() for name in each.names}
    if method == "layerwise" and owned != set(selected):
        other = sorted(set(selected) - owned)[0]
        raise InvalidParameterError(f"{other!r} belongs to no nn.Linear; choose method='auto', or params of nn.Linears")
    rest = {name: each for name, each in selected.items() if name not in owned}
    if linears:
        kernel = linear_gram(module, inputs, linears, lambda out: output_tensor(out, output_fn), max_memory_mb)
        if kernel is None and method == "layerwise":
            raise InvalidParameterError(
                "layerwise needs outputs with the batch first and samples that do not see each other, and an exact row "
                "of the kernel differs; choose method='jacobian'"
            )
        if kernel is None:
            rest = selected
        elif not rest:
            return kernel
    else:
        kernel = None
    exact = _jacobian_kernel(module, inputs, rest, output_fn, max_memory_mb)
    return exact if kernel is None else kernel + exact


def select_parameters(module: nn.Module, params: Selection = None) -> dict[str, nn.Parameter]:
    """The parameters that a selection names.

    Args:
        module: Where they are looked for.
        params: None for all that require gradients; a regular expression, a list of names, or a function of name and
            parameter.

    Returns:
        Name and parameter, in the module's order.

    Raises:
        InvalidParameterError: nothing is selected; the message lists names.

    Example:
        >>> sorted(select_parameters(torch.nn.Linear(3, 2), "weight"))
        ['weight']
    """
    found = dict(module.named_parameters())
    if params is None:
        kept = {name: each for name, each in found.items() if each.requires_grad}
    elif isinstance(params, str):
        kept = {name: each for name, each in found.items() if re.search(params, name)}
    elif callable(params):
        kept = {name: each for name, each in found.items() if params(name, each)}
    else:
        missing = [name for name in params if name not in found]
        if missing:
            raise InvalidParameterError(f"no parameter is called {missing[0]!r}; there are {_names(found)}")
        kept = {name: found[name] for name in params}
    if not kept:
        what = "no parameter requires gradients" if params is None else f"params = {params!r} selects nothing"
        raise InvalidParameterError(f"{what}; there are {_names(found)}")
    return kept


@contextmanager
def _requiring_gradients(selected: Mapping[str, nn.Parameter]) -> Iterator[None]:
    """Inside, frozen parameters that were selected by name require gradients."""
    frozen = [each for each in selected.values() if not each.requires_grad]
    for each in frozen:
        each.requires_grad_(True)
    try:
        yield
    finally:
        for each in frozen:
            each.requires_grad_(False)


def _names(found: Mapping[str, nn.Parameter]) -> str:
    shown = list(found)[:12]
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return (", ".join(shown) + more) or "none at all"


def _jacobian_kernel(
    module: nn.Module,
    inputs: Inputs,
    selected: Mapping[str, nn.Parameter],
    output_fn: Callable[[Any], Tensor] | None,
    max_memory_mb: float | int,
) -> Tensor:
    """Batched vector-Jacobian products; columns of J slice by slice, so that `n x slice` stays within the bound."""
    parameters = list(selected.values())
    with plain_attention():
        outputs = output_tensor(call(module, inputs), output_fn).flatten()
    n, item = len(outputs), outputs.element_size()
    check_kernel_size(n, item, max_memory_mb)
    if not outputs.requires_grad:
        raise InvalidParameterError(f"the outputs do not depend on {_names(selected)}; choose other params")
    budget = max_memory_mb * 2**20 / item
    kernel = outputs.new_zeros(n, n)
    for group, first, last in _column_slices(parameters, max(1, int(budget / 2 / n))):
        rows_at_once = max(1, min(n, int(budget / 2 / sum(each.numel() for each in group))))
        kept = outputs.new_empty(n, last - first)
        for start in range(0, n, rows_at_once):
            stop = min(n, start + rows_at_once)
            seeds = outputs.new_zeros(stop - start, n)
            seeds[torch.arange(stop - start), torch.arange(start, stop)] = 1.0
            grads = torch.autograd.grad(
                outputs, group, seeds, retain_graph=True, is_grads_batched=True, allow_unused=True
            )
            flat = [
                seeds.new_zeros(stop - start, parameter.numel()) if grad is None else grad.flatten(1)
                for grad, parameter in zip(grads, group, strict=True)
            ]
            joined = flat[0] if len(flat) == 1 else torch.cat(flat, 1)
            kept[start:stop] = joined[:, first:last]
        kernel += kept @ kept.T
    return kernel


def _column_slices(parameters: Sequence[Tensor], width: int) -> list[tuple[list[Tensor], int, int]]:
    """Groups of parameters whose columns fit in `width`; a larger parameter alone, in several slices."""
    slices: list[tuple[list[Tensor], int, int]] = []
    group: list[Tensor] = []
    for parameter in parameters:
        size = sum(each.numel() for each in group)
        if group and size + parameter.numel() > width:
            slices.append((group, 0, size))
            group = []
        if parameter.numel() > width:
            size = parameter.numel()
            slices += [([parameter], at, min(at + width, size)) for at in range(0, size, width)]
        else:
            group.append(parameter)
    if group:
        slices.append((group, 0, sum(each.numel() for each in group)))
    return slices


def _jvp_kernel(
    module: nn.Module,
    inputs: Inputs,
    selected: Mapping[str, nn.Parameter],
    output_fn: Callable[[Any], Tensor] | None,
    max_memory_mb: float | int,
) -> Tensor:
    """`K e_i = J (J^T e_i)`: a vector-Jacobian product and a Jacobian-vector product, some rows at a time."""

    def outputs_of(parameters: dict[str, Tensor]) -> Tensor:
        args = (inputs,) if isinstance(inputs, Tensor) else () if isinstance(inputs, Mapping) else tuple(inputs)
        kwargs = dict(inputs) if isinstance(inputs, Mapping) else {}
        out: Any = torch.func.functional_call(module, parameters, args, kwargs)
        return output_tensor(out, output_fn).flatten()

    values = {name: each.detach() for name, each in selected.items()}
    with plain_attention(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch scripts its own forward-mode rules at first use
        made: Any = torch.func.vjp(outputs_of, values)
        outputs, pull = made
        n, item = len(outputs), outputs.element_size()
        check_kernel_size(n, item, max_memory_mb)
        width = sum(each.numel() for each in values.values())
        rows_at_once = max(1, min(n, int(max_memory_mb * 2**20 / item / width / 2)))

        def row(seed: Tensor) -> Tensor:
            (gradient,) = pull(seed)
            return torch.func.jvp(outputs_of, (values,), (gradient,))[1]

        eye = torch.eye(n, dtype=outputs.dtype, device=outputs.device)
        kernel: Tensor = torch.func.vmap(row, chunk_size=rows_at_once)(eye)
    return kernel.detach()
