"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: many critics as one model.
Official code: none found; the first author's library NeuralMI (MIT) trains its runs one by one and was not used.
Implements what the paper's protocol needs for speed: the runs of a protocol share one forward and one backward pass.
Differences: the paper does not say how it trains its runs; the numbers are those of runs one by one.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from workingpapers.errors import InvalidTypeError
from workingpapers.papers.mutual_information.critics import (
    LOG_VARIANCE_LIMITS,
    Critic,
    Embedding,
    GivenCritic,
    MLPEncoder,
    kl_from_standard_normal,
)

AnyCritic = Critic | GivenCritic
Noise = tuple[Tensor, Tensor] | None


@runtime_checkable
class Stack(Protocol):
    """Critics of equal shape that are evaluated together."""

    parameters: list[Tensor]

    def scores(
        self, x: Float[Tensor, "runs batch *x"], y: Float[Tensor, "runs batch *y"], noise: Noise, *, training: bool
    ) -> tuple[Float[Tensor, "runs batch batch"], Float[Tensor, " runs"]]:
        """Scores and KL divergences of each run."""
        ...

    def critic(self, run: int) -> AnyCritic:
        """A copy of one run's critic with its present weights, in evaluation mode."""
        ...


def stack(critics: Sequence[AnyCritic], sample: tuple[Tensor, Tensor]) -> Stack:
    """Matrices in one batch for our own separable critics, vmap for other modules, a loop where vmap cannot.

    Args:
        critics: One for each run.
        sample: A few samples of x and y, to try vmap on.
    """
    first = critics[0]
    if isinstance(first, Critic) and first.head is None and all(_is_plain(side) for side in (first.x, first.y)):
        return MatrixStack(critics)
    for name, buffer in first.named_buffers():
        if buffer.is_floating_point() and not buffer.isfinite().all():
            raise InvalidTypeError(f"buffer {name} of the module holds NaN or infinite values")
    if not any(isinstance(module, _BatchNorm) for module in first.modules()):
        made = VmapStack(critics)
        try:
            x, y = (each.expand(len(critics), *each.shape) for each in sample)
            made.scores(x, y, None, training=True)
        except (RuntimeError, ValueError, NotImplementedError):  # data-dependent code, in-place buffers, and the like
            pass
        else:
            return made
    return LoopStack(critics)


def _is_plain(side: Embedding | None) -> bool:
    return side is not None and side.project is None and type(side.encoder) is MLPEncoder


def _check(scores: Tensor, batch: int) -> None:
    if not isinstance(scores, Tensor) or scores.shape[-2:] != (batch, batch):
        got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise InvalidTypeError(
            f"the critic gives {got} for {batch} samples; it must give the score of every pair, ({batch}, {batch})"
        )


class MatrixStack:
    """Separable critics with MLP encoders: each layer of all runs is one `baddbmm`."""

    def __init__(self, critics: Sequence[AnyCritic]) -> None:
        self._critics = critics
        self._named: dict[str, Tensor] = {}
        for name, _ in critics[0].named_parameters():
            each = torch.stack([dict(critic.named_parameters())[name].detach() for critic in critics])
            each = each.mT.contiguous() if name.endswith("weight") else each[:, None]
            self._named[name] = each.clone().requires_grad_()
        self.parameters: list[Tensor] = list(self._named.values())
        self._depth = len(critics[0].x.encoder.layers)  # type: ignore[union-attr, arg-type]  # stack() saw to it
        self._is_variational = critics[0].x.mean is not None  # type: ignore[union-attr]  # likewise

    def scores(self, x: Tensor, y: Tensor, noise: Noise, *, training: bool) -> tuple[Tensor, Tensor]:
        zx, kl_x = self._embed("x", x, None if noise is None else noise[0])
        zy, kl_y = self._embed("y", y, None if noise is None else noise[1])
        return torch.bmm(zx, zy.mT), kl_x + kl_y

    def critic(self, run: int) -> AnyCritic:
        made = copy.deepcopy(self._critics[run])
        with torch.no_grad():
            for name, value in made.named_parameters():
                own = self._named[name][run]
                value.copy_(own.mT if name.endswith("weight") else own[0])
        return made.eval()

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return torch.baddbmm(self._named[f"{name}.bias"], x, self._named[f"{name}.weight"])

    def _embed(self, side: str, x: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        hidden = x.flatten(2)
        for depth in range(self._depth):
            hidden = self._layer(f"{side}.encoder.layers.{depth}", hidden)
            if depth < self._depth - 1:
                hidden = hidden.relu()
        if not self._is_variational:
            return hidden, hidden.new_zeros(len(hidden))
        mean = self._layer(f"{side}.mean", hidden)
        if noise is None:
            return mean, hidden.new_zeros(len(hidden))
        log_variance = self._layer(f"{side}.log_variance", hidden).clamp(*LOG_VARIANCE_LIMITS)
        return mean + (0.5 * log_variance).exp() * noise, kl_from_standard_normal(mean, log_variance)


class VmapStack:
    """Any modules of equal structure, by `torch.func.vmap` over their stacked parameters and buffers."""

    def __init__(self, critics: Sequence[AnyCritic]) -> None:
        self._critics = critics
        self._base = copy.deepcopy(critics[0])
        self._named, self._buffers = torch.func.stack_module_state(list(critics))
        self._named = {name: value.detach().requires_grad_() for name, value in self._named.items()}
        wanted = {name for name, value in critics[0].named_parameters() if value.requires_grad}
        self.parameters: list[Tensor] = [value for name, value in self._named.items() if name in wanted]

    def scores(self, x: Tensor, y: Tensor, noise: Noise, *, training: bool) -> tuple[Tensor, Tensor]:
        self._base.train(training)

        def one(state: dict[str, Tensor], *inputs: Tensor) -> tuple[Tensor, Tensor]:
            scores, kl = torch.func.functional_call(self._base, state, inputs)
            _check(scores, len(inputs[0]))
            return scores, kl

        call: Callable[..., tuple[Tensor, Tensor]] = torch.func.vmap(one, randomness="different")
        return call({**self._named, **self._buffers}, x, y, *(noise or ()))

    def critic(self, run: int) -> AnyCritic:
        made = copy.deepcopy(self._critics[run])
        state = {**self._named, **self._buffers}
        with torch.no_grad():
            for name, value in [*made.named_parameters(), *made.named_buffers()]:
                value.copy_(state[name][run])
        return made.eval()


class LoopStack:
    """Modules that cannot be batched, batch norm among them: one after the other."""

    def __init__(self, critics: Sequence[AnyCritic]) -> None:
        self._critics = critics
        self.parameters: list[Tensor] = [p for critic in critics for p in critic.parameters() if p.requires_grad]

    def scores(self, x: Tensor, y: Tensor, noise: Noise, *, training: bool) -> tuple[Tensor, Tensor]:
        results = []
        for run, critic in enumerate(self._critics):
            critic.train(training)
            results.append(critic(x[run], y[run], *(() if noise is None else (noise[0][run], noise[1][run]))))
            _check(results[-1][0], x.shape[1])
        return torch.stack([scores for scores, _ in results]), torch.stack([kl for _, kl in results])

    def critic(self, run: int) -> AnyCritic:
        return copy.deepcopy(self._critics[run]).eval()
