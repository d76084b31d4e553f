"""How Many Heads Make an SSM? (arXiv 2512.15115): a linear SSM and linear attention in the unified form.

Official code: none found.
Implements two layers of the unified form that torch does not ship: the linear recurrence, attention without softmax.
Differences from the paper: complex systems give their real part; linear attention is one choice of the gate.
"""

from typing import SupportsIndex

import numpy as np
import torch
from jaxtyping import Float, Inexact, Shaped
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.heads_ssm.checks import Array, compute_dtype, tokens
from workingpapers.papers.heads_ssm.families import random_system
from workingpapers.papers.heads_ssm.lags import System, as_system, compact_lags, toeplitz_operators
from workingpapers.parts.checks import whole_number


class LinearSSM(nn.Module):
    """A linear state-space layer run as a scan: `h_i = A h_{i-1} + B x_i`, `y_i = C h_i + D x_i`, `h_0 = 0`.

    Args:
        A: `(N, N)`, a diagonal `(N,)`, or the diagonals `(d, N)` of a per-channel stack; real or complex.
        B: `(N, d)`, in a stack `(d, N)` or shared `(N,)`.
        C: `(p, N)`, in a stack as `B`.
        D: `(p, d)`, in a stack `(d,)`, or None.
        per_channel: Whether the system is a stack; None decides by shape (see `lag_operators`).
        conjugate_pairs: True where a complex system holds one of each conjugate pair: outputs are `2 Re(C h)`.
        device: Where the parameters lie; that of the arrays by default.
        dtype: Real type of the parameters, float64 by default. A complex system gets the complex twin.

    Raises:
        InvalidParameterError: shapes do not fit, NaN or infinities.
        InvalidTypeError: an array is none.

    Differs from the paper:
        A complex system without `conjugate_pairs` gives the real part of its output, as LRU does.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearSSM
        >>> layer = LinearSSM.random(family="rotation-blocks", N=4, d=3, p=2, rho=0.9, seed=0)
        >>> layer(torch.randn(5, 16, 3)).shape
        torch.Size([5, 16, 2])
    """

    A: nn.Parameter
    B: nn.Parameter
    C: nn.Parameter
    D: nn.Parameter | None

    def __init__(
        self,
        A: Array,
        B: Array,
        C: Array,
        D: Array | None = None,
        *,
        per_channel: bool | None = None,
        conjugate_pairs: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        system = as_system(A, B, C, D, per_channel=per_channel, conjugate_pairs=conjugate_pairs)
        self.per_channel = system.per_channel
        self.conjugate_pairs = system.conjugate_pairs
        for name in ("A", "B", "C", "D"):
            array = getattr(system, name)
            self.register_parameter(name, None if array is None else _parameter(array, device, dtype))

    @classmethod
    def random(
        cls,
        family: str = "dense-orthogonal",
        N: SupportsIndex = 8,
        d: SupportsIndex = 4,
        p: SupportsIndex = 4,
        rho: float | int = 0.95,
        seed: int | np.integer | np.random.Generator = 0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> "LinearSSM":
        """A random system of a named family; its lag span is known (see `families`).

        Args:
            family: One of `distinct-diagonal`, `repeated-diagonal`, `rotation-blocks`, `jordan`, `nilpotent`,
                `dense-orthogonal`.
            N: State size.
            d: Input width.
            p: Output width.
            rho: Spectral radius of A, in (0, 1]; without effect on `nilpotent`, whose radius is 0.
            seed: Seed or numpy generator.
            device: Where the parameters lie.
            dtype: Type of the parameters; float64 by default.

        Raises:
            InvalidParameterError: unknown family, or a size or radius outside its range.
        """
        return cls(*random_system(family, N, d, p, rho, seed), device=device, dtype=dtype)

    @property
    def system(self) -> System:
        """The checked system in float64, with gradients to the parameters."""
        return as_system(
            self.A, self.B, self.C, self.D, per_channel=self.per_channel, conjugate_pairs=self.conjugate_pairs
        )

    @property
    def inputs(self) -> int:
        """Width d of the tokens that the layer takes."""
        return self.B.shape[0] if self.per_channel else self.B.shape[1]

    def spectral_radius(self) -> float:
        """Largest modulus of A's eigenvalues."""
        a = self.A.detach()
        is_matrix = a.ndim == 2 and not self.per_channel
        return float((torch.linalg.eigvals(a) if is_matrix else a).abs().max())

    def lag_operators(self, n: SupportsIndex) -> Float[Tensor, "n p d"]:
        """`M_0 .. M_{n-1}` in float64, `(n, p, d)`; the real part where the system is complex."""
        lags = compact_lags(self.system, n)
        lags = lags.real if lags.is_complex() else lags
        return torch.diag_embed(lags) if self.per_channel else lags

    def operators(self, X: Float[Tensor, "n d"]) -> Float[Tensor, "n n p d"]:
        """Interaction operators on a sequence: `W_ij = C A^(i-j) B`, whatever the tokens hold."""
        tokens(X, self.inputs)
        return toeplitz_operators(self.lag_operators(X.shape[0]).to(X.dtype))

    def step(
        self, x: Float[Tensor, "batch d"], state: Inexact[Tensor, "batch ..."] | None = None
    ) -> tuple[Float[Tensor, "batch p"], Inexact[Tensor, "batch ..."]]:
        """One token in, one out: for streaming.

        Args:
            x: `(batch, d)`.
            state: What the last call returned; None before the first token.

        Returns:
            The output `(batch, p)` and the state for the next call.
        """
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise InvalidParameterError(f"x has shape {tuple(x.shape)}; it must be (batch, {self.inputs})")
        with torch.autocast(x.device.type, enabled=False):
            work = x.to(compute_dtype(x.dtype))
            a, b, c = (self._as(parameter, work) for parameter in (self.A, self.B, self.C))
            driven = work[:, :, None] * b if self.per_channel else work.to(b.dtype) @ b.mT
            if state is None:
                state = torch.zeros_like(driven)
            state = self._advance(a, state) + driven
            return self._read(c, state, work).to(x.dtype), state

    def forward(self, X: Shaped[Tensor, "*batch n d"]) -> Shaped[Tensor, "*batch n p"]:
        """Run the scan.

        Args:
            X: `(batch, n, d)` or `(n, d)`.

        Returns:
            `(batch, n, p)` or `(n, p)`, in the type of `X`.

        Raises:
            InvalidParameterError: `X` has another width or number of axes.
        """
        if X.ndim not in (2, 3) or X.shape[-1] != self.inputs:
            raise InvalidParameterError(
                f"X has shape {tuple(X.shape)}; it must be (batch, n, {self.inputs}) or (n, {self.inputs})"
            )
        with torch.autocast(X.device.type, enabled=False):
            work = X.to(compute_dtype(X.dtype))
            a, b, c = (self._as(parameter, work) for parameter in (self.A, self.B, self.C))
            driven = work[..., None] * b if self.per_channel else work.to(b.dtype) @ b.mT
            axis = X.ndim - 2
            state = torch.zeros_like(driven.select(axis, 0))
            states = []
            for drive in driven.unbind(axis):
                state = self._advance(a, state) + drive
                states.append(state)
            return self._read(c, torch.stack(states, dim=axis), work).to(X.dtype)

    def _advance(self, a: Tensor, state: Tensor) -> Tensor:
        return state @ a.mT if a.ndim == 2 and not self.per_channel else state * a

    def _read(self, c: Tensor, state: Tensor, x: Tensor) -> Tensor:
        out = (c * state).sum(-1) if self.per_channel else state @ c.mT
        out = out.real if out.is_complex() else out
        out = 2 * out if self.conjugate_pairs else out
        if self.D is None:
            return out
        through = self.D.to(x.dtype) if not self.D.is_complex() else self.D.real.to(x.dtype)
        return out + (x * through if self.per_channel else x @ through.mT)

    def _as(self, parameter: Tensor, x: Tensor) -> Tensor:
        # one complex array makes the whole recurrence complex
        is_complex = any(array.is_complex() for array in (self.A, self.B, self.C))
        return parameter.to(x.dtype.to_complex() if is_complex else x.dtype)

    def extra_repr(self) -> str:
        kind = "per-channel stack" if self.per_channel else "system"
        return f"{kind}, N={self.A.shape[-1]}, d={self.inputs}, p={self.C.shape[0]}"


def _parameter(array: Tensor, device: torch.device | str | None, dtype: torch.dtype | None) -> nn.Parameter:
    kind = array.dtype
    if dtype is not None:
        kind = dtype.to_complex() if array.is_complex() and not dtype.is_complex else dtype
    return nn.Parameter(array.detach().clone().to(device=device, dtype=kind))


class LinearAttention(nn.Module):
    """Attention without softmax: `y_i = sum_{j<=i} sum_h (q_i^h . k_j^h) / i  V_h x_j`, i counted from 1.

    The gate is a signed scalar of two tokens, the map `V_h` is shared by all pairs: the factorized class of the paper.

    Args:
        dim: Width of the tokens.
        num_heads: Number of heads; divides `dim`.
        device: Where the parameters lie.
        dtype: Type of the parameters.

    Raises:
        InvalidParameterError: `dim` is not divisible by `num_heads`.

    Differs from the paper:
        Division by the number of tokens seen keeps outputs of one size; a gate may depend on the position.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearAttention, interaction_operators, interaction_rank
        >>> layer = LinearAttention(8, num_heads=1, dtype=torch.float64)
        >>> interaction_rank(interaction_operators(layer, torch.randn(16, 8, dtype=torch.float64))).rank
        1
    """

    def __init__(
        self,
        dim: int,
        num_heads: int = 1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        dim, num_heads = whole_number("dim", dim, least=1), whole_number("num_heads", num_heads, least=1)
        if dim % num_heads:
            raise InvalidParameterError(f"dim {dim} is not divisible by num_heads {num_heads}; choose a divisor of dim")
        self.dim, self.num_heads = dim, num_heads
        shape = (num_heads, dim // num_heads, dim)
        self.query = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.key = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.value = nn.Parameter(torch.empty((num_heads, dim, dim), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all maps from a normal distribution of standard deviation `1 / sqrt(dim)`."""
        for parameter in (self.query, self.key, self.value):
            nn.init.normal_(parameter, std=self.dim**-0.5)

    def gates(self, X: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch heads n n"]:
        """The scalars `a^h_ij`, zero above the diagonal."""
        query = torch.einsum("hed,...nd->...hne", self.query, X)
        key = torch.einsum("hed,...nd->...hne", self.key, X)
        seen = torch.arange(1, X.shape[-2] + 1, device=X.device, dtype=X.dtype)
        return torch.tril(query @ key.mT) / seen[:, None]

    def operators(self, X: Float[Tensor, "n d"]) -> Float[Tensor, "n n d d"]:
        """Interaction operators `W_ij = sum_h a^h_ij V_h` on a sequence."""
        tokens(X, self.dim)
        return torch.einsum("hij,hpd->ijpd", self.gates(X), self.value)

    def forward(self, X: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n d"]:
        """Mix tokens `(batch, n, dim)` or `(n, dim)`."""
        if X.ndim not in (2, 3) or X.shape[-1] != self.dim:
            raise InvalidParameterError(f"X has shape {tuple(X.shape)}; it must be (batch, n, {self.dim})")
        mapped = torch.einsum("hpd,...nd->...hnp", self.value, X)
        return (self.gates(X) @ mapped).sum(-3)

    def extra_repr(self) -> str:
        return f"{self.dim}, num_heads={self.num_heads}"
