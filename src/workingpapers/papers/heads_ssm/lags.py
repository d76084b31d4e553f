"""How Many Heads Make an SSM? (arXiv 2512.15115): the lag operators of a linear state-space model.

Official code: none found.
Implements the state-space side of the unified form, W_ij = C A^(i-j) B (the paper's linear recurrence unrolled).
Differences from the paper: diagonal, per-channel and complex systems are accepted as such; D joins lag 0.
"""

from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.heads_ssm.checks import Array, finite_tensor
from workingpapers.parts.checks import whole_number

# lag operators count as real where their imaginary part is below this share of their largest entry
IMAGINARY_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class System:
    """A checked system h_i = A h_{i-1} + B x_i, y_i = C h_i + D x_i in float64 or complex128.

    Args:
        A: `(N, N)`, its diagonal `(N,)`, or for a per-channel stack the diagonals `(d, N)`.
        B: `(N, d)`, or `(d, N)` for a stack.
        C: `(p, N)`, or `(d, N)` for a stack.
        D: `(p, d)`, or `(d,)` for a stack, or None.
        per_channel: Whether it is a stack of d systems with one input and one output each.
        conjugate_pairs: Whether it holds one of each conjugate pair, so that outputs are `2 Re(...)`.
    """

    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor | None
    per_channel: bool
    conjugate_pairs: bool

    @property
    def states(self) -> int:
        """N, for a stack the states of one channel."""
        return self.A.shape[-1]

    @property
    def inputs(self) -> int:
        """d."""
        return self.B.shape[0] if self.per_channel else self.B.shape[1]

    @property
    def outputs(self) -> int:
        """p."""
        return self.C.shape[0]


def as_system(
    A: Array,
    B: Array,
    C: Array,
    D: Array | None = None,
    *,
    per_channel: bool | None = None,
    conjugate_pairs: bool = False,
) -> System:
    """Check and normalise a system; see `lag_operators` for the accepted forms and the errors."""
    a, b, c = finite_tensor("A", A), finite_tensor("B", B), finite_tensor("C", C)
    stack = _looks_like_a_stack(a, b, c) if per_channel is None else bool(per_channel)
    if stack:
        b, c = _stack_shapes(a, b, c)
    else:
        b, c = _dense_shapes(a, b, c)
    through = None if D is None else _through(D, outputs=c.shape[0], inputs=b.shape[1], stack=stack)
    return System(a, b, c, through, stack, bool(conjugate_pairs))


def _looks_like_a_stack(a: Tensor, b: Tensor, c: Tensor) -> bool:
    # square A, B and C of one shape are an ordinary system; a square stack has to be named by per_channel=True
    return a.ndim == 2 and a.shape == b.shape == c.shape and a.shape[0] != a.shape[1]


def _dense_shapes(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    shapes = f"A {tuple(a.shape)}, B {tuple(b.shape)}, C {tuple(c.shape)}"
    if a.ndim not in (1, 2) or a.numel() == 0 or (a.ndim == 2 and a.shape[0] != a.shape[1]):
        raise InvalidParameterError(
            f"A is not square: {shapes}; A must be (N, N), a diagonal (N,), or for a per-channel stack the "
            "diagonals (d, N) with B and C of the same shape"
        )
    states = a.shape[0]
    b = b[:, None] if b.ndim == 1 else b
    c = c[None, :] if c.ndim == 1 else c
    if b.ndim != 2 or b.shape[0] != states or b.shape[1] == 0:
        raise InvalidParameterError(f"B does not fit A: {shapes}; B must be (N, d) with N = {states}")
    if c.ndim != 2 or c.shape[1] != states or c.shape[0] == 0:
        raise InvalidParameterError(f"C does not fit A: {shapes}; C must be (p, N) with N = {states}")
    return b, c


def _stack_shapes(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    shapes = f"A {tuple(a.shape)}, B {tuple(b.shape)}, C {tuple(c.shape)}"
    if a.ndim != 2 or a.numel() == 0:
        raise InvalidParameterError(f"a per-channel stack needs A as diagonals (d, N): {shapes}")
    b = b.expand(a.shape) if b.ndim == 1 and b.shape[0] == a.shape[1] else b
    c = c.expand(a.shape) if c.ndim == 1 and c.shape[0] == a.shape[1] else c
    if b.shape != a.shape or c.shape != a.shape:
        raise InvalidParameterError(
            f"B or C does not fit A: {shapes}; in a per-channel stack both are (d, N) like A, or (N,) where all "
            "channels share them"
        )
    return b, c


def _through(D: Array, *, outputs: int, inputs: int, stack: bool) -> Tensor:
    through = finite_tensor("D", D)
    allowed = (outputs,) if stack else (outputs, inputs)
    if not stack and outputs == inputs == 1 and through.numel() == 1:
        return through.reshape(1, 1)
    if tuple(through.shape) != allowed:
        raise InvalidParameterError(f"D has shape {tuple(through.shape)}; for this system it must be {allowed}")
    return through


def compact_lags(system: System, n: SupportsIndex) -> Inexact[Tensor, "n ..."]:
    """Lag operators without padding by zeros: `(n, p, d)`, or for a stack their diagonals `(n, d)`.

    Real wherever the system is real, holds conjugate pairs, or is closed under conjugation to within rounding.
    """
    n = whole_number("n", n, least=1)
    kind = torch.promote_types(torch.promote_types(system.A.dtype, system.B.dtype), system.C.dtype)
    a, b, c = system.A.to(kind), system.B.to(kind), system.C.to(kind)
    if system.per_channel:
        lags = (c * _diagonal_powers(a, n) * b).sum(-1)
    elif a.ndim == 1:
        lags = (c * _diagonal_powers(a, n)[:, None, :]) @ b
    else:
        # by recurrence: C A^tau keeps p rows, so that a step costs p N^2
        row, rows = c, [c]
        for _ in range(n - 1):
            row = row @ a
            rows.append(row)
        lags = torch.stack(rows) @ b
    if system.conjugate_pairs:
        lags = 2 * lags.real if lags.is_complex() else 2 * lags
    elif lags.is_complex() and _is_real(lags):
        lags = lags.real
    if system.D is None:
        return lags
    first = (lags[0] + system.D)[None]
    return torch.cat([first, lags[1:].to(first.dtype)])


def _diagonal_powers(a: Tensor, n: int) -> Tensor:
    """a^tau for tau = 0..n-1 by a running product, `(n, *a.shape)`."""
    factors = torch.cat([torch.ones_like(a)[None], a.expand(n - 1, *a.shape)])
    return torch.cumprod(factors, dim=0)


def _is_real(lags: Tensor) -> bool:
    return bool(lags.imag.abs().max() <= IMAGINARY_TOLERANCE * lags.abs().max())


def lag_operators(
    A: Array,
    B: Array,
    C: Array,
    n: SupportsIndex,
    D: Array | None = None,
    *,
    per_channel: bool | None = None,
    conjugate_pairs: bool = False,
    dtype: torch.dtype | None = None,
) -> Inexact[Tensor, "n p d"]:
    r"""The operators by which an SSM mixes tokens: `M_tau = C A^tau B`, plus `D` at lag 0.

    A state-space layer `h_i = A h_{i-1} + B x_i`, `y_i = C h_i + D x_i` with `h_0 = 0` is
    `y_i = sum_j W_ij x_j` with `W_ij = M_{i-j}`. The powers are made by recurrence in float64.

    Args:
        A: `(N, N)`, or a diagonal as a vector `(N,)`, or the diagonals `(d, N)` of a per-channel stack (S4D, Mamba
            with frozen gates). Real or complex.
        B: `(N, d)`, or `(N,)` for one input; in a stack `(d, N)`, or `(N,)` where channels share it.
        C: `(p, N)`, or `(N,)` for one output; in a stack as `B`.
        n: Number of lags.
        D: `(p, d)`, in a stack `(d,)`.
        per_channel: Whether the system is a stack. None decides by shape: `A`, `B` and `C` of one non-square shape
            are a stack. A stack with N = d looks like an ordinary system, so it has to be named by True.
        conjugate_pairs: True where a complex system holds one of each conjugate pair, as S4D does; then
            `M_tau = 2 Re(C A^tau B)`.
        dtype: Type of the result; float64 by default.

    Returns:
        `(n, p, d)`; for a stack diagonal matrices `(n, d, d)` (`lag_diagonals` gives them without the zeros). Complex
        only where a complex system is not closed under conjugation.

    Raises:
        InvalidParameterError: shapes do not fit (the message names them), `n < 1`, NaN or infinities.
        InvalidTypeError: `n` is no whole number, or an array is none.

    Differs from the paper:
        `D`, stacks and complex systems are our additions.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import lag_operators
        >>> A = torch.tensor([[0.0, -0.5], [0.5, 0.0]])
        >>> lag_operators(A, torch.eye(2), torch.eye(2), n=3)[2]
        tensor([[-0.2500,  0.0000],
                [ 0.0000, -0.2500]], dtype=torch.float64)
    """
    system = as_system(A, B, C, D, per_channel=per_channel, conjugate_pairs=conjugate_pairs)
    lags = compact_lags(system, n)
    return _cast(torch.diag_embed(lags) if system.per_channel else lags, dtype)


def lag_diagonals(
    A: Array,
    B: Array,
    C: Array,
    n: SupportsIndex,
    D: Array | None = None,
    *,
    conjugate_pairs: bool = False,
    dtype: torch.dtype | None = None,
) -> Inexact[Tensor, "n d"]:
    """The diagonals of the lag operators of a per-channel stack: one impulse response for each channel.

    Equals `lag_operators(..., per_channel=True)` without the zeros off the diagonal.

    Args:
        A: Diagonals `(d, N)`.
        B: `(d, N)`, or `(N,)` where channels share it.
        C: As `B`.
        n: Number of lags.
        D: `(d,)`.
        conjugate_pairs: True where the stack holds one of each conjugate pair.
        dtype: Type of the result; float64 by default.

    Returns:
        `(n, d)`.

    Raises:
        InvalidParameterError: shapes do not fit, `n < 1`, NaN or infinities.
        InvalidTypeError: `n` is no whole number, or an array is none.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import lag_diagonals
        >>> decay = torch.tensor([[0.5], [0.25]])  # two channels, one state each
        >>> lag_diagonals(decay, torch.ones(1), torch.ones(1), n=3)
        tensor([[1.0000, 1.0000],
                [0.5000, 0.2500],
                [0.2500, 0.0625]], dtype=torch.float64)
    """
    return _cast(compact_lags(as_system(A, B, C, D, per_channel=True, conjugate_pairs=conjugate_pairs), n), dtype)


def toeplitz_operators(lags: Float[Tensor, "n p d"]) -> Float[Tensor, "n n p d"]:
    """Spread lag operators over a sequence: `W_ij = M_{i-j}` for `j <= i`, zero above.

    Args:
        lags: `(n, p, d)`.

    Returns:
        `(n, n, p, d)`.
    """
    n = lags.shape[0]
    index = torch.arange(n, device=lags.device)
    lag = index[:, None] - index[None, :]
    return torch.where((lag >= 0)[:, :, None, None], lags[lag.clamp(min=0)], torch.zeros_like(lags[:1, None]))


def _cast(lags: Tensor, dtype: torch.dtype | None) -> Any:
    if dtype is None:
        return lags
    return lags.to(dtype.to_complex() if lags.is_complex() and not dtype.is_complex else dtype)
