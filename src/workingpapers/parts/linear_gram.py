"""The part of a tangent kernel that belongs to `nn.Linear` weights, from activations and output gradients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from workingpapers.parts.calling import Inputs, call, check_kernel_size, plain_attention


@dataclass
class WatchedLinear:
    """An `nn.Linear` whose weight or bias is selected, and what passed through it.

    Args:
        names: Its selected parameters' names.
        weight: Whether the weight is selected.
        bias: Whether the bias is.
        taken: For each call the input and the output.
    """

    names: list[str] = field(default_factory=list)
    weight: bool = False
    bias: bool = False
    taken: list[tuple[Tensor, Tensor]] = field(default_factory=list)


def watched_linears(module: nn.Module, selected: Mapping[str, nn.Parameter]) -> dict[nn.Linear, WatchedLinear]:
    """The `nn.Linear`s of exactly that class whose selected parameters belong to no second module."""
    owners: dict[int, int] = {}
    for each in module.modules():
        for parameter in each._parameters.values():
            if parameter is not None:
                owners[id(parameter)] = owners.get(id(parameter), 0) + 1
    names = {id(parameter): name for name, parameter in selected.items()}
    found: dict[nn.Linear, WatchedLinear] = {}
    for each in module.modules():
        if type(each) is not nn.Linear:
            continue
        watched = WatchedLinear()
        for kind, parameter in each._parameters.items():
            if parameter is not None and id(parameter) in names and owners[id(parameter)] == 1:
                watched.names.append(names[id(parameter)])
                setattr(watched, kind, True)
        if watched.names:
            found[each] = watched
    return found


def linear_gram(
    module: nn.Module,
    inputs: Inputs,
    linears: Mapping[nn.Linear, WatchedLinear],
    output_of: Callable[[Any], Tensor],
    max_memory_mb: float | int,
) -> Tensor | None:
    """`sum_layers <delta a^T, delta' a'^T>` over all pairs of outputs, `(n, n)`.

    Args:
        module: The model, called on the inputs once.
        inputs: A tensor, a tuple of arguments or a mapping.
        linears: What `watched_linears` found.
        output_of: Takes the tensor of outputs out of the model's return value.
        max_memory_mb: Bound on the gradients kept at a time and on each block of the kernel.

    Returns:
        The kernel, or None where it cannot be had so: the batch is not first, a layer was called by another road than
        its forward, or the samples see each other.
    """

    def watch(layer: nn.Linear) -> RemovableHandle:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> Tensor:
            linears[layer].taken.append((args[0] if args else kwargs["input"], output))
            return output.clone()  # what follows may write in place

        return layer.register_forward_hook(hook, with_kwargs=True)

    handles = [watch(layer) for layer in linears]
    try:
        with plain_attention():
            outputs = output_of(call(module, inputs))
    finally:
        for handle in handles:
            handle.remove()
    taken = [(watched, a, z) for watched in linears.values() for a, z in watched.taken]
    batch = outputs.shape[0] if outputs.ndim else 0
    if not batch or not all(z.ndim > 1 and z.shape[0] == batch and z.requires_grad for _, _, z in taken):
        return None
    if not outputs.requires_grad or any(not watched.taken for watched in linears.values()):
        return None
    check_kernel_size(outputs.numel(), outputs.element_size(), max_memory_mb)
    rows = outputs.reshape(batch, -1)
    each = rows.shape[1]
    deltas = _deltas(rows, [z for _, _, z in taken], max_memory_mb)
    kernel = outputs.new_zeros(batch, each, batch, each)
    place = 0
    for watched in linears.values():
        calls = range(place, place + len(watched.taken))
        place += len(watched.taken)
        # several calls of one layer share its weights: their positions stand side by side
        a = torch.cat([taken[i][1].detach().reshape(batch, -1, taken[i][1].shape[-1]) for i in calls], 1)
        delta = torch.cat([deltas[i].flatten(2, -2) if deltas[i].ndim > 3 else deltas[i][:, :, None] for i in calls], 2)
        kernel += _pairs(delta, a.to(delta.dtype), watched, max_memory_mb)
    kernel = kernel.reshape(batch * each, batch * each)
    parameters = [p for layer, watched in linears.items() for p in _selected(layer, watched)]
    return kernel if _agrees_with_exact_rows(kernel, outputs.flatten(), parameters) else None


def _deltas(rows: Tensor, where: list[Tensor], max_memory_mb: float | int) -> list[Tensor]:
    """For each layer output z `(batch, ..., d)` the gradients of each sample's outputs, `(batch, each, ..., d)`."""
    batch, each = rows.shape
    size = sum(z.numel() for z in where) * rows.element_size()
    at_once = max(1, min(each, int(max_memory_mb * 2**20 / 4 / size)))
    parts: list[list[Tensor]] = [[] for _ in where]
    for start in range(0, each, at_once):
        stop = min(each, start + at_once)
        seeds = rows.new_zeros(stop - start, batch, each)
        seeds[torch.arange(stop - start), :, torch.arange(start, stop)] = 1.0
        grads = torch.autograd.grad(rows, where, seeds, retain_graph=True, is_grads_batched=True, allow_unused=True)
        for part, grad, z in zip(parts, grads, where, strict=True):
            part.append(z.new_zeros(stop - start, *z.shape) if grad is None else grad)
    return [torch.cat(part).transpose(0, 1) for part in parts]


def _pairs(delta: Tensor, a: Tensor, watched: WatchedLinear, max_memory_mb: float | int) -> Tensor:
    """Gram matrix of one layer from delta `(batch, each, positions, d)` and a `(batch, positions, i)`, in blocks."""
    batch, each, positions, width = delta.shape
    kernel = delta.new_zeros(batch, each, batch, each)
    budget = max_memory_mb * 2**20 / delta.element_size() / 4
    columns = width * a.shape[2]
    # either the rows of J are made for a block of samples, or the positions are paired; the cheaper of the two
    is_paired = positions**2 <= a.shape[2]
    fits = (budget / (each * positions) ** 2) ** 0.5 if is_paired else budget / (2 * each * columns)
    block = max(1, min(batch, int(fits)))
    for i in range(0, batch, block):
        left = None if is_paired or not watched.weight else _rows(delta[i : i + block], a[i : i + block])
        for j in range(i, batch, block):
            di, dj = delta[i : i + block], delta[j : j + block]
            part = torch.zeros((), dtype=delta.dtype, device=delta.device)
            if watched.bias:
                part = part + torch.tensordot(di.sum(2), dj.sum(2), ([2], [2]))
            if left is not None:
                right = left if i == j else _rows(dj, a[j : j + block])
                part = part + (left @ right.T).view(len(di), each, len(dj), each)
            elif watched.weight:
                inner = torch.tensordot(a[i : i + block], a[j : j + block], ([2], [2]))
                gram = torch.tensordot(di, dj, ([3], [3]))
                part = part + (gram * inner[:, None, :, :, None, :]).sum((2, 5))
            kernel[i : i + block, :, j : j + block] = part
            if i != j:
                kernel[j : j + block, :, i : i + block] = part.permute(2, 3, 0, 1)
    return kernel


def _rows(delta: Tensor, a: Tensor) -> Tensor:
    return torch.einsum("bcpd,bpi->bcdi", delta, a).flatten(2).flatten(0, 1)


def _selected(layer: nn.Linear, watched: WatchedLinear) -> list[Tensor]:
    return [layer.weight] * watched.weight + [layer.bias] * watched.bias


def _agrees_with_exact_rows(kernel: Tensor, outputs: Tensor, parameters: list[Tensor]) -> bool:
    """Compare with two plain backward passes, of the first and the last output."""
    ends = [
        torch.cat(
            [
                torch.zeros_like(p).flatten() if g is None else g.flatten()
                for g, p in zip(
                    torch.autograd.grad(output, parameters, retain_graph=True, allow_unused=True),
                    parameters,
                    strict=True,
                )
            ]
        )
        for output in (outputs[0], outputs[-1])
    ]
    exact = torch.stack(ends) @ torch.stack(ends).T
    at = torch.tensor([0, -1])
    found = kernel[at][:, at]
    tolerance = 1e-3 if kernel.dtype != torch.float64 else 1e-8
    scale = float(exact.diagonal().max())
    return bool((found - exact).abs().max() <= tolerance * scale + 1e-30)
