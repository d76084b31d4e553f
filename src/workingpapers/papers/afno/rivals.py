"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Rivals and ancestors it names: self-attention, GFN (arXiv 2107.00645), FNO (arXiv 2010.08895); no code of theirs.
Section 3 and table 1: the token mixers that AFNO is derived from or compared with, on the same interface.
Differs from the paper: no dropout; the pooled attention stands in for the efficient attentions of its tables.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError

_INIT_STD = 0.02


class _OnGrid(nn.Module):
    """A mixer of tokens `(B, H, W, C)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


class NoMixing(_OnGrid):
    """Tokens do not meet: the control of every mixer.

    Example:
        >>> NoMixing(8)(torch.ones(1, 2, 2, 8)).sum()
        tensor(32.)
    """

    def forward(self, x: Float[Tensor, "batch height width dim"]) -> Float[Tensor, "batch height width dim"]:
        """Return `x`."""
        return x


class LocalPooling(_OnGrid):
    """Average over 3 × 3 neighbours minus the token itself (PoolFormer's mixer): local, without weights.

    Example:
        >>> LocalPooling(8)(torch.ones(1, 4, 4, 8)).abs().max()
        tensor(0.)
    """

    def forward(self, x: Float[Tensor, "batch height width dim"]) -> Float[Tensor, "batch height width dim"]:
        """Mix tokens with their neighbours."""
        pooled = functional.avg_pool2d(x.permute(0, 3, 1, 2), 3, stride=1, padding=1, count_include_pad=False)
        return pooled.permute(0, 2, 3, 1) - x


class SelfAttention(_OnGrid):
    """Multi-head self-attention over all tokens: N²·C operations.

    Args:
        dim: Channels of a token.
        num_heads: Heads; divides `dim`.
        pool: Keys and values are averaged over `pool` × `pool` tokens first; 1 is full attention.
        explicit: Form the N × N matrix as the formula is written instead of torch's fused kernel.

    Example:
        >>> SelfAttention(16, num_heads=2)(torch.randn(1, 4, 6, 16)).shape
        torch.Size([1, 4, 6, 16])
    """

    def __init__(self, dim: int, num_heads: int = 4, pool: int = 1, explicit: bool = False) -> None:
        super().__init__(dim)
        if dim % num_heads:
            raise InvalidParameterError(
                f"dim ({dim}) is not divisible by num_heads ({num_heads}); choose a divisor of dim"
            )
        self.num_heads, self.pool, self.explicit = num_heads, pool, explicit
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "batch height width dim"]) -> Float[Tensor, "batch height width dim"]:
        """Mix all tokens by their similarity."""
        source = x
        if self.pool > 1:
            source = functional.avg_pool2d(x.permute(0, 3, 1, 2), self.pool, ceil_mode=True).permute(0, 2, 3, 1)
        query = rearrange(self.query(x), "b h w (n d) -> b n (h w) d", n=self.num_heads)
        key, value = rearrange(self.key_value(source), "b h w (two n d) -> two b n (h w) d", two=2, n=self.num_heads)
        if self.explicit:
            weights = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, dim=-1)
            mixed = weights @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.project(rearrange(mixed, "b n (h w) d -> b h w (n d)", h=x.shape[1]))


class _Spectral(_OnGrid):
    """A linear map of the modes between an FFT and its inverse."""

    def forward(self, x: Float[Tensor, "batch height width dim"]) -> Float[Tensor, "batch height width dim"]:
        """Transform, weight each mode, transform back."""
        height, width = x.shape[1], x.shape[2]
        with torch.autocast(x.device.type, enabled=False):  # the FFT stays in float32
            modes = torch.fft.rfft2(x if x.dtype == torch.float64 else x.float(), dim=(1, 2), norm="ortho")
            mixed = self._weigh(modes)
            return torch.fft.irfft2(mixed, s=(height, width), dim=(1, 2), norm="ortho").to(x.dtype)

    def _weigh(self, modes: Tensor) -> Tensor:
        raise NotImplementedError


class GlobalFilter(_Spectral):
    """GFN: each mode of each channel has its own complex weight, so the mixer is tied to one grid.

    Example:
        >>> GlobalFilter(8, (4, 6))(torch.randn(1, 4, 6, 8)).shape
        torch.Size([1, 4, 6, 8])
    """

    def __init__(self, dim: int, grid: tuple[int, int]) -> None:
        super().__init__(dim)
        self.grid = grid
        self.weight = nn.Parameter(torch.empty(grid[0], grid[1] // 2 + 1, dim, 2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from 0.02 · N(0, 1)."""
        nn.init.normal_(self.weight, std=_INIT_STD)

    def _weigh(self, modes: Tensor) -> Tensor:
        if tuple(modes.shape[1:3]) != tuple(self.weight.shape[:2]):
            raise InvalidParameterError(
                f"this filter has one weight per mode of a {self.grid} grid; "
                f"the tokens have a half spectrum of {tuple(modes.shape[1:3])}; resize them to that grid"
            )
        return modes * torch.view_as_complex(self.weight.to(modes.real.dtype))


class FourierOperator(_Spectral):
    """FNO on all modes: each mode has its own dense complex matrix, N·C² weights on a grid of N tokens.

    Example:
        >>> FourierOperator(8, (4, 6))(torch.randn(1, 4, 6, 8)).shape
        torch.Size([1, 4, 6, 8])
    """

    def __init__(self, dim: int, grid: tuple[int, int]) -> None:
        super().__init__(dim)
        self.grid = grid
        self.weight = nn.Parameter(torch.empty(grid[0], grid[1] // 2 + 1, dim, dim, 2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from 0.02 · N(0, 1)."""
        nn.init.normal_(self.weight, std=_INIT_STD)

    def _weigh(self, modes: Tensor) -> Tensor:
        weight = torch.view_as_complex(self.weight.to(modes.real.dtype))
        return torch.einsum("bhwi,hwio->bhwo", modes, weight)


class BlockFourierOperator(_Spectral):
    """BFNO: one block-diagonal complex matrix for all modes, no MLP, no shrinkage.

    Example:
        >>> BlockFourierOperator(8, num_blocks=2)(torch.randn(1, 4, 6, 8)).shape
        torch.Size([1, 4, 6, 8])
    """

    def __init__(self, dim: int, num_blocks: int = 8) -> None:
        super().__init__(dim)
        if dim % num_blocks:
            raise InvalidParameterError(
                f"dim ({dim}) is not divisible by num_blocks ({num_blocks}); choose a divisor of dim"
            )
        self.num_blocks = num_blocks
        self.weight = nn.Parameter(torch.empty(num_blocks, dim // num_blocks, dim // num_blocks, 2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from 0.02 · N(0, 1)."""
        nn.init.normal_(self.weight, std=_INIT_STD)

    def _weigh(self, modes: Tensor) -> Tensor:
        weight = torch.view_as_complex(self.weight.to(modes.real.dtype))
        blocks = modes.reshape(*modes.shape[:-1], self.num_blocks, -1)
        return torch.einsum("bhwki,kio->bhwko", blocks, weight).flatten(-2)
