"""Random Teachers are Good Teachers (arXiv 2302.12091): iterative magnitude pruning with rewinding.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements the lottery-ticket test of section 5 (Figure 8): global magnitude pruning, survivors rewound.
Differences from the paper: none known.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.random_teachers.checks import same_shapes
from workingpapers.parts.checks import one_of, real_number, torch_module

Masks = dict[str, Tensor]  # parameter name -> bool, True where the weight stays


def magnitude_mask(
    module: nn.Module, sparsity: Any, *, scope: str = "global", exclude: Sequence[str] = ("bias", "norm")
) -> Masks:
    """Which weights stay when the smallest in magnitude are removed.

    Args:
        module: Module whose parameters are looked at; not changed.
        sparsity: Share of weights to remove, in [0, 1); the number of weights is rounded.
        scope: "global" ranks all weights together; "layer" removes the same share of each tensor.
        exclude: Parameters left whole: "bias" (named so), "norm" (all of normalisation layers), or any part of a name.

    Returns:
        For each remaining parameter's name a bool tensor of its shape, True where the weight stays.

    Raises:
        InvalidParameterError: sparsity or scope not allowed, or no parameter is left to prune.
        InvalidTypeError: no module, or exclude is a single string.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(4, 5)
        >>> int(magnitude_mask(layer, 0.25)["weight"].sum())
        15
    """
    sparsity = _share("sparsity", sparsity)
    one_of("scope", scope, ("global", "layer"))
    weights = _prunable(module, exclude)
    if scope == "layer":
        return {
            name: _largest({name: each}, round((1 - sparsity) * each.numel()))[name] for name, each in weights.items()
        }
    total = sum(each.numel() for each in weights.values())
    return _largest(weights, total - round(sparsity * total))


class IterativePruner:
    """Iterative magnitude pruning: each round removes a share of the remaining weights and rewinds the survivors.

    Train the module, call `prune()`, make a new optimiser, train again. Pruned weights stay zero: their gradients are
    set to zero, also with momentum and weight decay; an optimiser that is older than the round needs `attach`.

    Args:
        module: Module to prune, in place.
        rewind_to: Module or state_dict with the values theta(l) that survivors are set back to; copied.
        rate: Share of the remaining weights that a round removes, in (0, 1).
        exclude: As in `magnitude_mask`.

    Attributes:
        masks: For each pruned parameter's name a bool tensor, True where the weight stays.
        rounds: Number of rounds so far.
        sparsity: Share of weights removed; after r rounds 1 - (1 - rate)^r, to one weight.

    Raises:
        InvalidParameterError: rate out of range, or rewind_to does not fit the module (the first mismatch is named).
        InvalidTypeError: no module, or rewind_to neither module nor state_dict.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(10, 10)
        >>> pruner = IterativePruner(layer, layer.state_dict(), rate=0.2)
        >>> pruner.prune(), pruner.prune()
        (0.2, 0.36)
        >>> int((layer.weight == 0).sum())
        36
    """

    def __init__(
        self, module: nn.Module, rewind_to: Any, rate: Any = 0.2, *, exclude: Sequence[str] = ("bias", "norm")
    ) -> None:
        self.module = torch_module("module", module)
        state = rewind_to.state_dict() if isinstance(rewind_to, nn.Module) else rewind_to
        if not isinstance(state, Mapping) or not all(isinstance(each, Tensor) for each in state.values()):
            raise InvalidTypeError(f"rewind_to is {type(rewind_to).__name__}; give a module or its state_dict")
        same_shapes(module.state_dict(), state, ("module", "rewind_to"))
        self.rate = real_number("rate", rate, least=-math.inf)
        if not 0 < self.rate < 1:
            raise InvalidParameterError(
                f"rate is {rate!r}; choose a number in (0, 1): 0 would remove nothing, 1 everything"
            )
        self.exclude = exclude
        self._start = {key: each.detach().clone() for key, each in state.items()}
        self.masks = {
            name: torch.ones_like(each, dtype=torch.bool) for name, each in _prunable(module, exclude).items()
        }
        self.rounds = 0
        self._handles: list[RemovableHandle] = []

    @property
    def sparsity(self) -> float:
        """Share of prunable weights that are removed."""
        return round(1 - sum(int(each.sum()) for each in self.masks.values()) / self._total, 12)

    @property
    def _total(self) -> int:
        return sum(each.numel() for each in self.masks.values())

    def prune(self) -> float:
        """Remove the smallest remaining weights, rewind the rest; returns the sparsity reached."""
        kept = round((1 - self.rate) ** (self.rounds + 1) * self._total)
        if kept == 0:
            raise InvalidParameterError(f"round {self.rounds + 1} would leave no weight; stop here")
        self.masks = _largest(_prunable(self.module, self.exclude), kept, self.masks)
        self.rounds += 1
        self.module.load_state_dict(self._start)
        self._hook()
        self.apply()
        return self.sparsity

    @torch.no_grad()
    def apply(self) -> None:
        """Set the pruned weights to zero."""
        parameters = dict(self.module.named_parameters())
        for name, mask in self.masks.items():
            parameters[name].masked_fill_(~mask.to(parameters[name].device), 0)

    def attach(self, optimizer: torch.optim.Optimizer) -> RemovableHandle:
        """Have an optimiser zero the pruned weights after each step; returns the hook's handle."""
        handle: RemovableHandle = optimizer.register_step_post_hook(lambda *_: self.apply())
        self._attached = [*getattr(self, "_attached", []), handle]
        return handle

    def remove(self) -> None:
        """Take all hooks away; pruned weights keep their zeros and may learn again."""
        for handle in (*self._handles, *getattr(self, "_attached", [])):
            handle.remove()
        self._handles, self._attached = [], []

    def _hook(self) -> None:
        for handle in self._handles:
            handle.remove()
        parameters = dict(self.module.named_parameters())
        self._handles = [
            parameters[name].register_hook(partial(_masked, mask=mask))  # type: ignore[no-untyped-call]  # torch's
            for name, mask in self.masks.items()
            if parameters[name].requires_grad
        ]


def _masked(grad: Tensor, mask: Tensor) -> Tensor:
    return grad * mask.to(grad.device)


def _share(name: str, value: Any) -> float:
    share = real_number(name, value, least=0.0, most=1.0)
    if share == 1:
        raise InvalidParameterError(f"{name} is 1, which removes everything; choose a number in [0, 1)")
    return share


def _prunable(module: nn.Module, exclude: Sequence[str]) -> dict[str, Tensor]:
    """Floating parameters by name, without those excluded."""
    torch_module("module", module)
    if isinstance(exclude, str):
        raise InvalidTypeError(f"exclude is the string {exclude!r}; give a sequence such as ('bias', 'norm')")
    if not all(isinstance(each, str) for each in exclude):
        raise InvalidTypeError(f"exclude is {exclude!r}; give a sequence of names such as ('bias', 'norm')")
    norms = {
        id(parameter)
        for part in module.modules()
        if "norm" in type(part).__name__.lower() and "norm" in exclude
        for parameter in part.parameters(recurse=False)
    }
    kept = {
        name: parameter.detach()
        for name, parameter in module.named_parameters()
        if parameter.is_floating_point()
        and id(parameter) not in norms
        and not any(_excludes(each, name) for each in exclude)
    }
    if not kept:
        raise InvalidParameterError(
            f"no parameter is left to prune when {tuple(exclude)} are excluded; exclude fewer, or give another module"
        )
    return kept


def _excludes(word: str, name: str) -> bool:
    """Whether a word excludes a parameter by its name; "norm" goes by the module's class instead."""
    return name.rpartition(".")[2].endswith("bias") if word == "bias" else word != "norm" and word in name


def _largest(weights: Mapping[str, Tensor], count: int, among: Mapping[str, Tensor] | None = None) -> Masks:
    """Masks of the `count` largest magnitudes over all tensors; those outside `among` never return."""
    scores = []
    for name, each in weights.items():
        score = (each if each.dtype == torch.float64 else each.float()).abs().flatten().cpu()
        scores.append(score if among is None else score.masked_fill(~among[name].flatten().cpu(), -1.0))
    flat = torch.cat(scores)
    if flat.isnan().any():
        raise InvalidParameterError("the weights hold NaN; they cannot be ranked: train without divergence first")
    flags = torch.zeros(flat.numel(), dtype=torch.bool)
    flags[flat.argsort(descending=True, stable=True)[:count]] = True
    parts = torch.split(flags, [each.numel() for each in weights.values()])
    return {
        name: part.view(each.shape).to(each.device) for (name, each), part in zip(weights.items(), parts, strict=True)
    }
