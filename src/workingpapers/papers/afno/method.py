"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Official code: github.com/NVlabs/AFNO-transformer (CC BY-NC-SA 4.0); later in NVIDIA PhysicsNeMo (Apache-2.0).
Section 4: the token mixer (FFT, block-diagonal complex MLP shared by all modes, soft-shrinkage, inverse FFT).
Differs from the paper: a correct low-pass truncation by default, and a choice of the FFT's normalisation.
"""

import math
from typing import Any

import torch
from jaxtyping import Complex, Float, Shaped
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.afno.modes import check_truncation, kept_modes_1d, kept_modes_2d

NORMS = ("ortho", "forward", "backward")
_INIT_STD = 0.02


class _SpectralMixer(nn.Module):
    """What the 1-D and the 2-D mixer share: parameters, checks, and the complex MLP with shrinkage on modes."""

    def __init__(
        self,
        dim: int,
        num_blocks: int = 8,
        hidden_factor: int = 1,
        sparsity_threshold: float = 0.01,
        keep_fraction: float = 1.0,
        mode_truncation: str = "lowpass",
        norm: str = "ortho",
        bias: bool = True,
        residual: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("dim", dim), ("num_blocks", num_blocks), ("hidden_factor", hidden_factor)):
            if value < 1:
                raise InvalidParameterError(f"{name} is {value}; it must be a whole number of at least 1")
        if dim % num_blocks:
            raise InvalidParameterError(
                f"dim ({dim}) is not divisible by num_blocks ({num_blocks}); "
                "each block mixes dim / num_blocks channels, so choose a divisor of dim"
            )
        if sparsity_threshold < 0:
            raise InvalidParameterError(
                f"sparsity_threshold is {sparsity_threshold}; it must not be negative (0 shrinks nothing)"
            )
        if norm not in NORMS:
            raise InvalidParameterError(f"norm is {norm!r}; choose 'ortho', 'forward' or 'backward'")
        check_truncation(keep_fraction, mode_truncation)
        self.dim = dim
        self.num_blocks = num_blocks
        self.block_size = dim // num_blocks
        self.hidden_factor = hidden_factor
        self.sparsity_threshold = sparsity_threshold
        self.keep_fraction = keep_fraction
        self.mode_truncation = mode_truncation
        self.norm = norm
        self.residual = residual
        k, s, hidden = num_blocks, self.block_size, self.block_size * hidden_factor
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        # index 0 of the first axis is the real part, 1 the imaginary part
        self.w1 = nn.Parameter(torch.empty(2, k, s, hidden, **made))
        self.w2 = nn.Parameter(torch.empty(2, k, hidden, s, **made))
        self.b1: nn.Parameter | None = nn.Parameter(torch.empty(2, k, hidden, **made)) if bias else None
        self.b2: nn.Parameter | None = nn.Parameter(torch.empty(2, k, s, **made)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every weight and bias from 0.02 · N(0, 1), as the official code does."""
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=_INIT_STD)

    def extra_repr(self) -> str:
        """The settings, for `print(module)`."""
        return (
            f"dim={self.dim}, num_blocks={self.num_blocks}, hidden_factor={self.hidden_factor}, "
            f"sparsity_threshold={self.sparsity_threshold}, keep_fraction={self.keep_fraction}, "
            f"mode_truncation={self.mode_truncation!r}, norm={self.norm!r}, bias={self.b1 is not None}, "
            f"residual={self.residual}"
        )

    def _check(self, x: Tensor, shapes: str, ranks: tuple[int, ...]) -> None:
        if not x.is_floating_point():
            raise InvalidTypeError(
                f"{type(self).__name__} mixes real floating-point tokens; got a tensor of {x.dtype}; "
                "convert it first, for example x.float() (or x.real for the real part of complex tokens)"
            )
        if x.dim() not in ranks:
            raise InvalidParameterError(
                f"{type(self).__name__} takes {shapes}; got a tensor of shape {tuple(x.shape)}; "
                "reshape it to one of these"
            )
        if x.shape[-1] != self.dim:
            raise InvalidParameterError(
                f"the last axis of the tokens has {x.shape[-1]} channels and the mixer was made for dim={self.dim}; "
                f"pass tokens with {self.dim} channels last"
            )

    def _mix_modes(self, modes: Complex[Tensor, "dim *modes"]) -> Complex[Tensor, "dim *modes"]:
        """The shared complex MLP and the soft-shrinkage; channels come first, as the transforms leave them in memory.

        Each layer is one complex `baddbmm` over the blocks: no zero buffers, and dropped modes are not there.
        """
        if modes.numel() == 0:
            return modes
        blocks = modes.reshape(self.num_blocks, self.block_size, -1)
        hidden = torch.view_as_real(_affine(blocks, self.w1, self.b1)).relu_()
        mixed = torch.view_as_real(_affine(torch.view_as_complex(hidden), self.w2, self.b2))
        if self.sparsity_threshold > 0:
            mixed = functional.softshrink(mixed, self.sparsity_threshold)
        return torch.view_as_complex(mixed).reshape(modes.shape)


class AFNO2d(_SpectralMixer):
    r"""Mix tokens on a grid by a shared, block-diagonal complex MLP between an FFT and its inverse.

    With z = rfft2(x) and every weight complex and block-diagonal over `num_blocks` blocks,

        y = irfft2( S_λ( W₂ · ReLU(W₁ z + b₁) + b₂ ) )   and the result is   y + x,

    where ReLU and the soft-shrinkage S_λ(a) = sign(a)·max(|a| − λ, 0) act on real and imaginary parts separately.
    One MLP serves all modes, so the module has no weight that depends on the size of the grid: the same module
    runs at any height and width.

    Args:
        dim: Channels C of a token.
        num_blocks: Number k of blocks of the weights; divides `dim`. More blocks: fewer weights and operations.
        hidden_factor: Width of the hidden layer in units of the block.
        sparsity_threshold: λ of the soft-shrinkage, on the scale of the coefficients (see `norm`); 0 shrinks nothing.
        keep_fraction: Fraction f of the band that is kept, in (0, 1]. Dropped modes are zero and are not computed.
        mode_truncation: Which modes `keep_fraction` keeps: `"lowpass"` |ky| ≤ ⌊f·H/2⌋ and kx ≤ ⌊f·W/2⌋;
            `"official"` and `"physicsnemo"` do what these programs do (`workingpapers.papers.afno.modes`).
        norm: Normalisation of the FFT. `"ortho"` is what public checkpoints were trained with; λ and the biases then
            mean something else at each resolution. `"forward"` puts coefficients in units of the signal: with
            `bias=False` the module is then one and the same operator on every grid that resolves its input.
        bias: Whether the MLP has biases. A bias is the same complex number at every mode, which is an impulse at
            token (0, 0).
        residual: Whether x is added to the result, as in the official mixer.
        device: Where the parameters are made.
        dtype: Type of the parameters. FFT and MLP run in float32 at least.

    Attributes:
        w1: Weights of the first layer, shape `(2, k, s, s·f)` with s = dim / k; `[0]` real, `[1]` imaginary part.
        b1: Its biases, shape `(2, k, s·f)`, or None.
        w2: Weights of the second layer, shape `(2, k, s·f, s)`.
        b2: Its biases, shape `(2, k, s)`, or None.

    Raises:
        InvalidParameterError: `dim` is not divisible by `num_blocks`, a fraction outside (0, 1], an unknown name.

    Differs from the paper: none in the formula. The public programs' truncations are options, not the default.
    The mixer is not exactly shift-equivariant, although the paper speaks of a global convolution: neither ReLU on
    real and imaginary parts nor the biases commute with the phase that a shift multiplies each mode by.

    Source: section 4 and the pseudo-code of the paper's figure 2.

    Example:
        >>> import torch
        >>> from workingpapers.papers.afno import AFNO2d
        >>> mixer = AFNO2d(64, num_blocks=8)
        >>> mixer(torch.randn(2, 14, 9, 64)).shape                      # any height and width
        torch.Size([2, 14, 9, 64])
        >>> mixer(torch.randn(2, 126, 64), spatial_size=(14, 9)).shape  # a sequence of tokens, row by row
        torch.Size([2, 126, 64])
    """

    def forward(
        self, x: Shaped[Tensor, "batch *tokens dim"], spatial_size: tuple[int, int] | None = None
    ) -> Float[Tensor, "batch *tokens dim"]:
        """Mix tokens.

        Args:
            x: Tokens, shape `(B, H, W, C)`, or `(B, N, C)` row by row.
            spatial_size: (H, W) of a sequence `(B, N, C)`; needed where N is not a square number.

        Returns:
            The mixed tokens, with the shape and dtype of `x`.

        Raises:
            InvalidTypeError: `x` is complex or of whole numbers.
            InvalidParameterError: H·W is not N, N is not square and no size is given, or C is not `dim`.
        """
        grid = self._on_grid(x, spatial_size)
        height, width = grid.shape[1], grid.shape[2]
        with torch.autocast(x.device.type, enabled=False):  # the FFT stays in float32
            signal = _at_least_float32(grid)
            columns, kept = self._kept_spectrum(signal)
            mixed = self._mix_modes(kept)
            if columns is not None:
                mixed = self._with_dropped_rows(mixed, height, width)
                mixed = mixed if columns else functional.pad(mixed, (0, 1))
            # irfft2 in its two steps
            lines = torch.fft.ifft(mixed, dim=-2, norm=self.norm)
            result = torch.fft.irfft(lines, n=width, norm=self.norm)  # pads the dropped columns
            result = result.permute(1, 2, 3, 0)
            if self.residual:
                result = signal + result
        return result.to(x.dtype).reshape(x.shape)

    def spectrum(
        self, x: Shaped[Tensor, "batch *tokens dim"], spatial_size: tuple[int, int] | None = None
    ) -> tuple[Complex[Tensor, "batch height half dim"], Complex[Tensor, "batch height half dim"]]:
        """The half spectrum of the tokens, and what the mixer makes of it: the coefficients after the shrinkage.

        Args:
            x: Tokens as for `forward`.
            spatial_size: (H, W) of a sequence, as for `forward`.

        Returns:
            The coefficients before and after, each of shape `(B, H, W // 2 + 1, C)`; dropped modes are 0 after.

        Example:
            >>> before, after = AFNO2d(16).spectrum(torch.randn(1, 8, 8, 16))
            >>> after.shape
            torch.Size([1, 8, 5, 16])
        """
        grid = self._on_grid(x, spatial_size)
        height, width = grid.shape[1], grid.shape[2]
        with torch.autocast(x.device.type, enabled=False):
            signal = _at_least_float32(grid)
            before = torch.fft.rfft2(signal, dim=(1, 2), norm=self.norm)
            columns, kept = self._kept_spectrum(signal)
            after = self._mix_modes(kept)
            if columns is not None:
                after = self._with_dropped_rows(after, height, width)
                after = functional.pad(after, (0, width // 2 + 1 - columns))
        return before, after.permute(1, 2, 3, 0)

    def _on_grid(self, x: Tensor, spatial_size: tuple[int, int] | None) -> Tensor:
        self._check(x, "(B, H, W, C) or (B, N, C)", (3, 4))
        if x.dim() == 4:
            if spatial_size is not None and tuple(spatial_size) != tuple(x.shape[1:3]):
                raise InvalidParameterError(
                    f"spatial_size is {tuple(spatial_size)} and the tokens lie on a grid of {tuple(x.shape[1:3])}; "
                    "leave spatial_size out for tokens of shape (B, H, W, C)"
                )
            return x
        return x.reshape(x.shape[0], *grid_of(x.shape[1], spatial_size), self.dim)

    def _kept_spectrum(self, signal: Tensor) -> tuple[int | None, Tensor]:
        """The kept modes, shape `(C, B, rows, columns)`; None for the number of columns where every mode is kept."""
        height, width = signal.shape[1], signal.shape[2]
        channels_first = signal.permute(3, 0, 1, 2)
        if self.keep_fraction == 1.0 and self.mode_truncation != "physicsnemo":
            return None, torch.fft.rfft2(channels_first, norm=self.norm)
        rows, columns = kept_modes_2d(height, width, self.keep_fraction, self.mode_truncation)
        lines = torch.fft.rfft(channels_first, norm=self.norm)[..., :columns]
        modes = torch.fft.fft(lines, dim=-2, norm=self.norm) if columns else lines  # torch refuses empty transforms
        return columns, torch.cat([modes[:, :, start:stop] for start, stop in rows], dim=2)

    def _with_dropped_rows(self, kept: Tensor, height: int, width: int) -> Tensor:
        rows, _ = kept_modes_2d(height, width, self.keep_fraction, self.mode_truncation)
        parts, done, taken = [], 0, 0
        for start, stop in (*rows, (height, height)):
            if start > done:
                parts.append(kept.new_zeros(*kept.shape[:2], start - done, kept.shape[3]))
            parts.append(kept[:, :, taken : taken + stop - start])
            taken, done = taken + stop - start, stop
        return torch.cat(parts, dim=2)


class AFNO1d(_SpectralMixer):
    r"""Mix tokens of a sequence by a shared, block-diagonal complex MLP between an FFT and its inverse.

    As `AFNO2d`, with z = rfft(x) along the tokens: y = irfft(S_λ(W₂ · ReLU(W₁ z + b₁) + b₂)), and the result is y + x.

    Args:
        dim: Channels C of a token.
        num_blocks: Number k of blocks of the weights; divides `dim`.
        hidden_factor: Width of the hidden layer in units of the block.
        sparsity_threshold: λ of the soft-shrinkage.
        keep_fraction: Fraction f of the band that is kept, in (0, 1].
        mode_truncation: `"lowpass"` keeps k ≤ ⌊f·N/2⌋; `"official"` and `"physicsnemo"` the first ⌊f·(N//2+1)⌋ modes.
        norm: Normalisation of the FFT.
        bias: Whether the MLP has biases.
        residual: Whether x is added to the result.
        device: Where the parameters are made.
        dtype: Type of the parameters.

    Attributes:
        w1: Weights of the first layer, shape `(2, k, s, s·f)` with s = dim / k; `b1` `(2, k, s·f)`, `w2`
            `(2, k, s·f, s)` and `b2` `(2, k, s)` likewise; index 0 is the real, 1 the imaginary part.

    Raises:
        InvalidParameterError: as for `AFNO2d`.

    Differs from the paper: none in the formula. Circular: the last token is the neighbour of the first, and every
    token sees every other, so it is not causal.

    Source: section 4, on one axis.

    Example:
        >>> import torch
        >>> from workingpapers.papers.afno import AFNO1d
        >>> AFNO1d(32, num_blocks=4)(torch.randn(2, 101, 32)).shape
        torch.Size([2, 101, 32])
    """

    def forward(
        self, x: Shaped[Tensor, "batch *tokens dim"], spatial_size: tuple[int, int] | None = None
    ) -> Float[Tensor, "batch *tokens dim"]:
        """Mix tokens along their sequence.

        Args:
            x: Tokens, shape `(B, N, C)`; `(B, H, W, C)` is taken row by row as one sequence.
            spatial_size: Not needed; where given, H·W must be N.

        Returns:
            The mixed tokens, with the shape and dtype of `x`.

        Raises:
            InvalidTypeError: `x` is complex or of whole numbers.
            InvalidParameterError: C is not `dim`, or H·W is not N.
        """
        self._check(x, "(B, N, C)", (3, 4))
        sequence = x.flatten(1, -2)
        tokens = sequence.shape[1]
        if spatial_size is not None:
            grid_of(tokens, spatial_size)
        with torch.autocast(x.device.type, enabled=False):
            signal = _at_least_float32(sequence)
            kept = kept_modes_1d(tokens, self.keep_fraction, self.mode_truncation)
            modes = torch.fft.rfft(signal.permute(2, 0, 1), norm=self.norm)[..., :kept]
            modes = self._mix_modes(modes.contiguous())  # so that dropped modes are not kept in memory
            modes = modes if kept else functional.pad(modes, (0, 1))
            result = torch.fft.irfft(modes, n=tokens, norm=self.norm).permute(1, 2, 0)
            if self.residual:
                result = signal + result
        return result.to(x.dtype).reshape(x.shape)


def grid_of(tokens: int, spatial_size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width of the grid on which `tokens` tokens lie, row by row.

    Raises:
        InvalidParameterError: the size does not fit, or none is given and `tokens` is not a square number.

    Example:
        >>> grid_of(196, None)
        (14, 14)
    """
    if spatial_size is not None:
        height, width = spatial_size
        if height * width != tokens:
            raise InvalidParameterError(
                f"spatial_size=({height}, {width}) holds {height * width} tokens and the sequence has {tokens}; "
                "pass spatial_size=(H, W) with H*W==N"
            )
        return height, width
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise InvalidParameterError(
            f"{tokens} tokens do not fill a square grid; pass spatial_size=(H,W) with H*W=={tokens} "
            "(that is, H*W==N), or tokens of shape (B, H, W, C)"
        )
    return side, side


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _affine(
    modes: Complex[Tensor, "blocks fan_in modes"], weight: Tensor, bias: Tensor | None
) -> Complex[Tensor, "blocks fan_out modes"]:
    matrix = _complex(weight, modes.dtype).transpose(1, 2)
    if bias is None:
        return torch.bmm(matrix, modes)
    return torch.baddbmm(_complex(bias, modes.dtype).unsqueeze(-1), matrix, modes)


def _complex(parts: Float[Tensor, "2 blocks *rest"], dtype: torch.dtype) -> Complex[Tensor, "blocks *rest"]:
    real = parts.to(torch.float64 if dtype == torch.complex128 else torch.float32)
    return torch.complex(real[0], real[1])
