"""Any encoder g: its embedding of a batch, features of a whole data set, and a fresh draw of its parameters."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.random_teachers.batches import (
    Batch,
    fit_to,
    gather,
    inputs_only,
    is_whole,
    iterate,
    size,
    take,
)
from workingpapers.parts.checks import torch_module, whole_number


def pooled(output: Any, mask: Tensor | None = None) -> Tensor:
    """The embedding `(batch, dim)` in what an encoder returned.

    Args:
        output: A tensor, or an output of transformers: its `pooler_output`, else the mean of `last_hidden_state`.
        mask: Attention mask `(batch, tokens)`; only tokens where it is 1 count in the mean.

    Returns:
        Shape `(batch, dim)`; axes of length 1 at the end are dropped.

    Raises:
        InvalidParameterError: it is not two-dimensional then.
    """
    hidden = getattr(output, "last_hidden_state", None)
    if not isinstance(output, Tensor) and getattr(output, "pooler_output", None) is not None:
        output = output.pooler_output
    elif not isinstance(output, Tensor) and isinstance(hidden, Tensor):
        weights = torch.ones_like(hidden[..., 0]) if mask is None else mask.to(hidden.dtype)
        output = (hidden * weights[..., None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1)
    while isinstance(output, Tensor) and output.ndim > 2 and output.shape[-1] == 1:
        output = output.squeeze(-1)
    if not isinstance(output, Tensor) or output.ndim != 2:
        found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise InvalidParameterError(
            f"the encoder returns {found}; it must return (batch, dim): add pooling and nn.Flatten(), or for timm "
            "models num_classes=0"
        )
    return output


def embed(encoder: nn.Module, batch: Batch) -> Tensor:
    """The encoder's embedding `(batch, dim)` of a batch that is on its device already."""
    if isinstance(batch, Tensor):
        return pooled(encoder(batch))
    return pooled(encoder(**batch), batch.get("attention_mask"))


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Inside, the modules are in eval mode; on leaving, each part has its former mode back."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, mode in before:
            part.training = mode


@torch.no_grad()
def features(encoder: nn.Module, data: Any, *, batch_size: Any = 512) -> Float[Tensor, "samples dim"]:
    """Embeddings of a data set in eval mode, without gradients.

    Args:
        encoder: Module that returns `(batch, dim)`, or a transformers model; its mode is restored.
        data: Tensor or array `(samples, ...)`, a mapping of them, or a loader of batches; labels are dropped.
        batch_size: Samples at a time where the data are no loader.

    Returns:
        Shape `(samples, dim)`; on the data's device where they are a tensor, else on the CPU.

    Raises:
        InvalidParameterError: no samples, or the encoder does not return `(batch, dim)`.
        InvalidTypeError: no module, or no tensors in the data.

    Example:
        >>> import torch
        >>> features(torch.nn.Linear(3, 2), torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    torch_module("encoder", encoder)
    batch_size = whole_number("batch_size", batch_size, least=1)
    device = device_of(encoder)
    home = data.device if isinstance(data, Tensor) else torch.device("cpu")
    if is_whole(data):
        whole = gather(data)
        rows = torch.split(torch.arange(size(whole)), batch_size)
        batches: Iterator[Batch] = (take(whole, each) for each in rows)
    else:
        batches = (inputs_only(batch) for batch in iterate(data))
    with evaluating(encoder):
        made = [embed(encoder, fit_to(batch, encoder, device)).to(home) for batch in batches]
    if not made:
        raise InvalidParameterError("the loader is empty; give at least one batch")
    return torch.cat(made)


def device_of(module: nn.Module) -> torch.device:
    """Where the module's first parameter or buffer lies; the CPU where it has none."""
    return next((each.device for each in (*module.parameters(), *module.buffers())), torch.device("cpu"))


def _varies(parameter: Tensor) -> bool:
    return bool((parameter != parameter.flatten()[:1]).any())


@torch.no_grad()
def kaiming_reset_(module: nn.Module) -> None:
    """Draw all parameters afresh, in place, from torch's global generator.

    Convolutions: He's normal draw by fan-out as in torchvision's ResNet and VGG; linear layers: by fan-in; zero biases.
    Other modules: their own `reset_parameters`. What none of these reaches (class tokens, position embeddings): normal
    with standard deviation 0.02. Vectors and constants that none reaches (scales, mostly) stay, and where they do not
    look freshly made a warning names them.
    """
    reached: set[int] = set()
    for part in module.modules():
        own = list(part.parameters(recurse=False))
        if isinstance(part, nn.modules.conv._ConvNd | nn.Linear):
            is_linear = isinstance(part, nn.Linear)
            nn.init.kaiming_normal_(part.weight, mode="fan_in" if is_linear else "fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.MultiheadAttention):
            part._reset_parameters()
        elif callable(own_rule := getattr(part, "reset_parameters", None)):
            own_rule()
        else:
            continue
        reached |= {id(each) for each in own}
    kept = []
    for name, parameter in module.named_parameters():
        if id(parameter) in reached:
            continue
        if parameter.ndim >= 2 and _varies(parameter):
            parameter.normal_(std=0.02)
        elif _varies(parameter):
            kept.append(name)
    if kept:
        warnings.warn(
            f"no rule draws {', '.join(kept)} afresh, so they stay as given; pass your own function as `reset`",
            stacklevel=2,
        )


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, the generators of the CPU and of the device are seeded; on leaving, their former states are back."""
    is_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if is_cuda else []):
        torch.default_generator.manual_seed(seed)
        if is_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def is_asymmetric(module: nn.Module) -> bool:
    """Whether train and eval mode differ: batch norm that uses the batch's statistics, or dropout."""
    return any(
        isinstance(part, nn.modules.batchnorm._BatchNorm)
        or (isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0)
        for part in module.modules()
    )


@torch.no_grad()
def recompute_batch_norm_(module: nn.Module, forward: Callable[[], Iterable[Any]]) -> None:
    """Set the running statistics of the module's batch norm layers to averages over `forward()`, a pass over data."""
    norms = [
        part
        for part in module.modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.track_running_stats
    ]
    if not norms:
        return
    momenta = [part.momentum for part in norms]
    with evaluating(module):
        for part in norms:
            part.reset_running_stats()
            part.momentum = None  # a plain average over batches
            part.train()
        try:
            for _ in forward():
                pass
        finally:
            for part, momentum in zip(norms, momenta, strict=True):
                part.momentum = momentum
