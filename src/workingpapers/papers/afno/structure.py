"""What can be checked of a mixer without training: its reach, its behaviour under shifts and on finer grids."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn


class DenseTokenMixing(nn.Module):
    """A fixed random N × N matrix over the tokens: global, and no convolution."""

    def __init__(self, tokens: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.matrix = torch.from_numpy(rng.normal(0.0, tokens**-0.5, (tokens, tokens)))

    def forward(self, x: Float[Tensor, "batch height width dim"]) -> Float[Tensor, "batch height width dim"]:
        """Mix the tokens with the matrix."""
        return torch.einsum("mn,bnc->bmc", self.matrix, x.flatten(1, 2)).reshape(x.shape)


def draw_parameters(module: nn.Module, rng: np.random.Generator, bias_std: float = 0.0) -> nn.Module:
    """Weights from N(0, 1/fan-in), in double precision; `b1`, `b2` from N(0, bias_std²)."""
    module = module.double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            std = bias_std if name in ("b1", "b2") else parameter.shape[-2] ** -0.5
            parameter.copy_(torch.from_numpy(rng.normal(0.0, 1.0, tuple(parameter.shape))) * std)
    return module


@torch.no_grad()
def shift_error(mixer: nn.Module, x: Float[Tensor, "batch height width dim"], shift: tuple[int, int] = (3, 5)) -> float:
    """Relative distance between mixing shifted tokens and shifting mixed tokens; 0 for a convolution."""
    mixed = torch.roll(mixer(x), shift, dims=(1, 2))
    return float((mixer(torch.roll(x, shift, dims=(1, 2))) - mixed).norm() / mixed.norm())


@torch.no_grad()
def reach(mixer: nn.Module, x: Float[Tensor, "1 height width dim"]) -> float:
    """Fraction of the tokens that change when one token in the middle does."""
    touched = x.clone()
    touched[0, x.shape[1] // 2, x.shape[2] // 2] += 1.0
    changed = (mixer(touched) - mixer(x)).abs().amax(dim=-1) > 1e-12
    return float(changed.double().mean())


def band_limited(size: int, dim: int, rng: np.random.Generator) -> Float[Tensor, "1 size size dim"]:
    """A random sum of waves with at most two periods a side, sampled on `size` × `size` points of the unit square."""
    points = torch.arange(size, dtype=torch.float64) / size
    signal = torch.zeros(size, size, dim, dtype=torch.float64)
    for my in range(-2, 3):
        for mx in range(3):
            amplitude, phase = torch.from_numpy(rng.normal(0, 1, dim)), float(rng.uniform(0, 2 * math.pi))
            wave = torch.cos(2 * math.pi * (my * points[:, None] + mx * points[None, :]) + phase)
            signal += wave[:, :, None] * amplitude
    return signal.unsqueeze(0)


@torch.no_grad()
def refinement_error(mixer: nn.Module, size: int, dim: int, seed: int) -> float:
    """Largest difference, at shared points, between mixing a signal on `size`² points and on (2·size)²."""
    coarse = mixer(band_limited(size, dim, np.random.default_rng(seed)))
    fine = mixer(band_limited(2 * size, dim, np.random.default_rng(seed)))
    return float((coarse - fine[:, ::2, ::2]).abs().max())


@torch.no_grad()
def runs_on(mixer: nn.Module, sizes: list[tuple[int, int]], dim: int, rng: np.random.Generator) -> bool:
    """Whether the module, parameters unchanged, maps tokens of every size to as many finite tokens."""
    before = [parameter.clone() for parameter in mixer.parameters()]
    for height, width in sizes:
        x = torch.from_numpy(rng.normal(0, 1, (1, height, width, dim)))
        try:
            out = mixer(x)
        except ValueError:
            return False
        if out.shape != x.shape or not bool(torch.isfinite(out).all()):
            return False
    return all(torch.equal(a, b) for a, b in zip(before, mixer.parameters(), strict=True))
