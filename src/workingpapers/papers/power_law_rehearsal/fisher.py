"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Sums of squared per-sample gradients, the diagonal Fisher information of EWC (arXiv 1612.00796).
Differences from the paper: none known; chains of linear layers take a product of squares in place of each gradient.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError

_ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.Identity)
_CHUNK = 64


def squared_gradients(
    model: nn.Module,
    loader: Iterable[Any],
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    *,
    sample_labels: bool = False,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, Tensor], int]:
    """For each trainable parameter the sum over samples of the squared gradient of that sample's loss.

    The model is put into evaluation mode meanwhile, so that dropout and batch statistics do not enter, and back.

    Returns:
        The sums by name, each of its parameter's shape, and the number of samples.
    """
    sums: dict[str, Tensor] = {}
    samples = 0
    device = next(model.parameters()).device
    with _evaluating(model):
        for batch in loader:
            inputs, labels = _pair(batch)
            if len(inputs) == 0:
                continue
            inputs, labels = inputs.to(device), labels.to(device)
            if sample_labels:
                with torch.no_grad():
                    shares = model(inputs).softmax(-1).cpu()
                labels = torch.multinomial(shares, 1, generator=generator)[:, 0].to(device)
            samples += len(inputs)
            is_mean = loss_fn is functional.cross_entropy
            found = _by_layers(model, inputs, labels) if is_mean and _is_chain(model) else None
            for name, value in (found or _by_samples(model, inputs, labels, loss_fn)).items():
                sums[name] = sums[name] + value if name in sums else value
    if samples == 0:
        raise InvalidParameterError("the loader is empty; the importance of parameters needs at least one sample")
    return sums, samples


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if isinstance(batch, list | tuple) and len(batch) >= 2 and all(isinstance(each, Tensor) for each in batch[:2]):
        return batch[0], batch[1]
    raise InvalidTypeError(f"the loader gave {type(batch).__name__}; it must give pairs of tensors (inputs, labels)")


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _is_chain(model: nn.Module) -> bool:
    """Whether it is a Sequential of distinct linear layers and elementwise functions, so that samples do not mix."""
    if type(model) is not nn.Sequential:
        return False
    known = all(type(layer) in (nn.Linear, nn.Flatten, *_ELEMENTWISE) for layer in model)
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    weights = {id(each) for layer in linear for each in layer.parameters(recurse=False)}
    hooked = any(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks for layer in model)
    plain = not any(hasattr(layer, "parametrizations") for layer in linear)
    distinct = len(weights) == sum(len(list(layer.parameters(recurse=False))) for layer in linear)
    return known and plain and distinct and not hooked


def _by_layers(model: nn.Module, inputs: Tensor, labels: Tensor) -> dict[str, Tensor] | None:
    """The gradient of one sample is the outer product of δ, the gradient at the output, and the input a.

    Its square is the outer product of the squares, so the sum over samples is `(δ²)ᵀ a²`. None where inputs are not
    `(batch, features)` at a linear layer.
    """
    entered: list[Tensor] = []
    left: list[Tensor] = []
    layers = []
    with torch.enable_grad():
        # a first leaf, so that outputs of frozen layers have a gradient too
        running = inputs.detach().clone().requires_grad_(inputs.is_floating_point())
        for name, layer in cast(nn.Sequential, model).named_children():
            if isinstance(layer, nn.Linear):
                if running.ndim != 2:
                    return None
                layers.append((name, layer))
                entered.append(running.detach())
            running = layer(running)
            if isinstance(layer, nn.Linear):
                left.append(running)
        deltas = torch.autograd.grad(functional.cross_entropy(running, labels, reduction="sum"), left)
    sums = {}
    for (name, layer), a, delta in zip(layers, entered, deltas, strict=True):
        squares = delta.square()
        if layer.weight.requires_grad:
            sums[f"{name}.weight"] = squares.T @ a.square()
        if layer.bias is not None and layer.bias.requires_grad:
            sums[f"{name}.bias"] = squares.sum(0)
    return sums


def _by_samples(
    model: nn.Module, inputs: Tensor, labels: Tensor, loss_fn: Callable[[Tensor, Tensor], Tensor]
) -> dict[str, Tensor]:
    """Each sample's gradient by `torch.func`, a chunk at a time."""
    parameters = {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}
    fixed = {name: each.detach() for name, each in model.named_parameters() if not each.requires_grad}
    buffers = dict(model.named_buffers())

    def loss_of(values: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        output = torch.func.functional_call(model, ({**values, **fixed}, buffers), (one[None],))
        return loss_fn(output, label[None])

    gradients = torch.func.vmap(torch.func.grad(loss_of), in_dims=(None, 0, 0), randomness="different")
    sums: dict[str, Tensor] = {}
    for some, theirs in zip(torch.split(inputs, _CHUNK), torch.split(labels, _CHUNK), strict=True):
        for name, value in gradients(parameters, some, theirs).items():
            squared = value.square().sum(0)
            sums[name] = sums[name] + squared if name in sums else squared
    return sums
