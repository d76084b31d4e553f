"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: the critics.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements separable, hybrid and concatenated critics, and variational encoders (VSIB).
Differences: no spectral norm; the first layer on pairs is split into a part for x and one for y, the same function.
"""

import copy
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import whole_number

Side = Literal["x", "y"]
LOG_VARIANCE_LIMITS = (-10.0, 4.0)


class MLPEncoder(nn.Module):
    """Two hidden ReLU layers and a linear one: `(batch, ...) -> (batch, embed_dim)`, flattening what follows the batch.

    Args:
        in_features: Numbers of one sample.
        embed_dim: Numbers of its embedding.
        hidden: Units of each hidden layer.
        device: As for torch's own modules.
        dtype: Likewise.

    Raises:
        InvalidParameterError: a size below 1.
        InvalidTypeError: a size that is no whole number.

    Example:
        >>> MLPEncoder(20, 8)(torch.randn(5, 20)).shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        in_features: int,
        embed_dim: int = 16,
        hidden: int = 64,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        sizes = [
            whole_number("in_features", in_features, least=1),
            *[whole_number("hidden", hidden, least=1)] * 2,
            whole_number("embed_dim", embed_dim, least=1),
        ]
        self.layers = nn.ModuleList(nn.Linear(a, b, device=device, dtype=dtype) for a, b in pairwise(sizes))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Xavier-uniform weights, zero biases; `generator` on the CPU gives the same weights on every device."""
        for layer in self.layers:
            xavier_(layer, generator)

    def forward(self, x: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch dim"]:
        """Embeddings, shape `(batch, embed_dim)`."""
        hidden = x.flatten(1)
        for layer in self.layers[:-1]:
            hidden = layer(hidden).relu()
        return self.layers[-1](hidden)


class Embedding(nn.Module):
    """An encoder, a linear layer to `embed_dim` where it is the user's, and two heads where variational."""

    def __init__(self, encoder: nn.Module, project: nn.Module | None, embed_dim: int, *, variational: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = project
        self.mean = nn.Linear(embed_dim, embed_dim) if variational else None
        self.log_variance = nn.Linear(embed_dim, embed_dim) if variational else None

    def forward(self, x: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """The embedding, `(batch, dim)`, with noise where there is some, and its KL divergence from N(0, 1), `()`."""
        hidden = self.encoder(x)
        if self.project is not None:
            hidden = self.project(hidden.flatten(1))
        if self.mean is None or self.log_variance is None:
            return hidden, hidden.new_zeros(())
        mean = self.mean(hidden)
        if noise is None:
            return mean, hidden.new_zeros(())
        log_variance = self.log_variance(hidden).clamp(*LOG_VARIANCE_LIMITS)
        return mean + (0.5 * log_variance).exp() * noise, kl_from_standard_normal(mean, log_variance)


def kl_from_standard_normal(
    mean: Float[Tensor, "*runs batch dim"], log_variance: Float[Tensor, "*runs batch dim"]
) -> Float[Tensor, "*runs"]:
    """`mean_b ½ Σ_d (μ² + σ² - 1 - log σ²)` in nats: the price of an embedding `N(μ, σ²)`."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean(-1)


class Critic(nn.Module):
    """Scores `f(x_i, y_j)` of all pairs of a batch: what `fit_critic` trains and `MIResult.model` holds.

    `critic(x, y)` takes samples as `x` and `y` were given for training, z-scored alike, and gives the
    matrix `(batch, batch)`. `critic.embed_x(x)` and `critic.embed_y(y)` give embeddings.
    """

    def __init__(self, x: Embedding | None, y: Embedding | None, head: nn.Module | None) -> None:
        super().__init__()
        self.x = x
        self.y = y
        self.head = head

    def forward(
        self, x: Tensor, y: Tensor, noise_x: Tensor | None = None, noise_y: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Scores, `(batch, batch)`, and the summed KL divergences of the two embeddings, `()`."""
        if self.x is None or self.y is None:
            zx, zy, kl = x.flatten(1), y.flatten(1), x.new_zeros(())
        else:
            (zx, kl_x), (zy, kl_y) = self.x(x, noise_x), self.y(y, noise_y)
            kl = kl_x + kl_y
        return (zx @ zy.mT if self.head is None else self.head(zx, zy)), kl

    def embed_x(self, x: Tensor) -> Tensor:
        """Embeddings of x, `(batch, dim)`; the samples themselves where the critic has no encoders."""
        return x.flatten(1) if self.x is None else self.x(x, None)[0]

    def embed_y(self, y: Tensor) -> Tensor:
        """Embeddings of y, likewise."""
        return y.flatten(1) if self.y is None else self.y(y, None)[0]


class PairHead(nn.Module):
    """An MLP on `[u_i, v_j]` for all pairs: its first layer is a part for u plus a part for v."""

    def __init__(self, u_features: int, v_features: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.joint = nn.Linear(u_features + v_features, widths[0])
        self.u_features = u_features
        sizes = [*widths, 1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Scores, `(batch, batch)`."""
        weight = self.joint.weight
        a = u @ weight[:, : self.u_features].mT + self.joint.bias
        b = v @ weight[:, self.u_features :].mT
        hidden = (a.unsqueeze(-2) + b.unsqueeze(-3)).relu()
        for layer in self.layers[:-1]:
            hidden = layer(hidden).relu()
        return self.layers[-1](hidden).squeeze(-1)


class GivenCritic(nn.Module):
    """A user's module `(x, y) -> scores` in the same form as `Critic`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(
        self, x: Tensor, y: Tensor, noise_x: Tensor | None = None, noise_y: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Scores, `(batch, batch)`, and a divergence of zero."""
        scores: Tensor = self.module(x, y)
        return scores, x.new_zeros(())

    def embed_x(self, x: Tensor) -> Tensor:
        """A critic of the user's has no embeddings that we know of."""
        raise InvalidParameterError("critic is a module of your own; its embeddings are known to it alone")


def xavier_(layer: Any, generator: torch.Generator | None) -> None:
    """Xavier-uniform weight drawn on the CPU, zero bias, in place."""
    with torch.no_grad():
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        drawn = torch.empty(layer.weight.shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
        layer.weight.copy_(drawn)
        layer.bias.zero_()


def build_critic(
    kind: str | nn.Module,
    samples: tuple[Tensor, Tensor],
    encoders: tuple[nn.Module | None, nn.Module | None],
    embed_dim: int,
    hidden: int,
    *,
    variational: bool,
    generator: torch.Generator,
) -> Critic | GivenCritic:
    """A critic with fresh weights from `generator`; modules of the user are copied with the weights that they have."""
    if isinstance(kind, nn.Module):
        return GivenCritic(copy.deepcopy(kind))
    widths = [each[0].numel() for each in samples]
    if kind == "concat":
        critic = Critic(None, None, PairHead(widths[0], widths[1], (hidden, hidden)))
    else:
        sides = [
            _embedding(name, sample, encoder, embed_dim, hidden, variational=variational)
            for name, sample, encoder in zip("xy", samples, encoders, strict=True)
        ]
        critic = Critic(sides[0], sides[1], PairHead(embed_dim, embed_dim, (hidden,)) if kind == "hybrid" else None)
    ours = [m for m in critic.modules() if isinstance(m, nn.Linear)]
    theirs = {id(m) for side in (critic.x, critic.y) if side is not None for m in _given_modules(side)}
    for layer in ours:
        if id(layer) not in theirs:
            xavier_(layer, generator)
    return critic


def _given_modules(side: Embedding) -> list[nn.Module]:
    return [] if side.project is None else list(side.encoder.modules())


def _embedding(
    name: str, sample: Tensor, encoder: nn.Module | None, embed_dim: int, hidden: int, *, variational: bool
) -> Embedding:
    if encoder is None:
        return Embedding(MLPEncoder(sample[0].numel(), embed_dim, hidden), None, embed_dim, variational=variational)
    copied = copy.deepcopy(encoder).to(sample.device, sample.dtype)
    was_training = copied.training
    try:
        with torch.no_grad():
            out = copied.eval()(sample)
    except RuntimeError as error:
        raise InvalidParameterError(
            f"encoder {type(encoder).__name__} cannot take {name}, samples of shape {tuple(sample.shape[1:])} "
            f"({str(error).splitlines()[0]}); give a pair, encoder=(for_x, for_y), with None for the MLP"
        ) from error
    copied.train(was_training)
    if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != len(sample):
        got = f"shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise InvalidParameterError(
            f"encoder {type(encoder).__name__} gives {got} for {len(sample)} samples of shape "
            f"{tuple(sample.shape[1:])}; it must give (batch, dim): pool or flatten what it returns"
        )
    return Embedding(copied, nn.Linear(out.shape[1], embed_dim), embed_dim, variational=variational)
