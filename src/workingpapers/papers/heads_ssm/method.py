"""How Many Heads Make an SSM? (arXiv 2512.15115): the optimal multi-head replacement of a state-space layer.

Official code: none found.
Implements the head-count theorem (H = k heads are necessary and sufficient) by an SVD of the lag operators.
Differences from the paper: optimal heads below k with certified error, and counts for a tolerance, are ours.
"""

from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.heads_ssm.checks import Array
from workingpapers.papers.heads_ssm.lags import as_system, compact_lags
from workingpapers.papers.heads_ssm.mixers import FactorizedMixer
from workingpapers.papers.heads_ssm.ranks import interaction_rank, tail_errors
from workingpapers.parts.checks import whole_number


def heads_needed(
    A: Array,
    B: Array,
    C: Array,
    n: SupportsIndex,
    tol: float | int = 1e-6,
    *,
    D: Array | None = None,
    per_channel: bool | None = None,
    conjugate_pairs: bool = False,
) -> int:
    r"""The smallest number of heads that replaces an SSM on n tokens to within `tol`.

    `E(H) = sqrt(sum_{r>H} s_r^2 / sum_r s_r^2)` with `s` the singular values of the lag operators, lag tau weighted by
    `sqrt(n - tau)` because it occurs n - tau times. It answers for operators with gates that do not depend on the
    tokens: a gate that may depend arbitrarily on the value token can reproduce the outputs with fewer heads.

    Args:
        A: `(N, N)`, a diagonal `(N,)`, or the diagonals `(d, N)` of a per-channel stack; see `lag_operators`.
        B: `(N, d)`, in a stack `(d, N)`.
        C: `(p, N)`, in a stack `(d, N)`.
        n: Sequence length.
        tol: Largest relative Frobenius error of the operators, in [0, 1).
        D: `(p, d)`, in a stack `(d,)`.
        per_channel: Whether the system is a stack; None decides by shape.
        conjugate_pairs: True where a complex system holds one of each conjugate pair.

    Returns:
        H; 0 where the system gives no output at all.

    Raises:
        InvalidParameterError: shapes do not fit, `n < 1`, NaN or infinities, `tol` outside [0, 1), or a complex system
            whose operators are not real.
        InvalidTypeError: `n` is no whole number, or an array is none.

    Differs from the paper:
        The paper counts heads for equality; the tolerance is ours.

    Example:
        >>> from workingpapers.papers.heads_ssm import heads_needed, random_system
        >>> A, B, C = random_system("distinct-diagonal", N=16, d=8, p=8, seed=0)
        >>> heads_needed(A, B, C, n=64) <= 16 and heads_needed(A, B, C, n=64, tol=0.1) < heads_needed(A, B, C, n=64)
        True
    """
    _in_unit_interval(tol)
    lags = _real_lags(A, B, C, n, D, per_channel, conjugate_pairs)
    return int((_errors(lags) > tol).sum())


def head_errors(
    A: Array,
    B: Array,
    C: Array,
    n: SupportsIndex,
    *,
    D: Array | None = None,
    per_channel: bool | None = None,
    conjugate_pairs: bool = False,
) -> Float[Tensor, "heads"]:
    """The least possible relative operator error for H = 0, 1, ... heads: the curve behind `heads_needed`.

    `E(H) = sqrt(sum_{r>H} s_r^2 / sum_r s_r^2)`, the tail of the singular values of the weighted lag operators.

    Args:
        A: `(N, N)`, `(N,)`, or `(d, N)`, as in `heads_needed`.
        B: `(N, d)`, in a stack `(d, N)`.
        C: `(p, N)`, in a stack `(d, N)`.
        n: Sequence length.
        D: `(p, d)`, in a stack `(d,)`.
        per_channel: As in `heads_needed`.
        conjugate_pairs: As in `heads_needed`.

    Returns:
        `E(0) .. E(min(n, p d))` in float64, `(min(n, p d) + 1,)`.

    Raises:
        InvalidParameterError: as in `heads_needed`.
        InvalidTypeError: likewise.

    Example:
        >>> from workingpapers.papers.heads_ssm import head_errors, random_system
        >>> errors = head_errors(*random_system("rotation-blocks", N=2, d=2, p=2, seed=0), n=16)
        >>> bool(errors[1] > 0.1), bool(errors[2] < 1e-14)
        (True, True)
    """
    return _errors(_real_lags(A, B, C, n, D, per_channel, conjugate_pairs))


def ssm_to_heads(
    A: Array,
    B: Array,
    C: Array,
    n: SupportsIndex,
    heads: SupportsIndex | None = None,
    tol: float | int | None = None,
    *,
    D: Array | None = None,
    per_channel: bool | None = None,
    conjugate_pairs: bool = False,
    method: str = "auto",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> FactorizedMixer:
    r"""The best multi-head replacement of an SSM on n tokens, with a certified error.

    With `G = diag(sqrt(n - tau)) [vec M_tau] = U S Z^T` the best H heads are `V_h = reshape(Z_h)` and
    `c_h(tau) = U[tau, h] S_h / sqrt(n - tau)`; their error is `E(H)^2 = sum_{r>H} S_r^2`. No other factorized heads
    with coefficients that do not depend on the tokens do better, Toeplitz or not.

    Args:
        A: `(N, N)`, a diagonal `(N,)`, or the diagonals `(d, N)` of a per-channel stack; see `lag_operators`.
        B: `(N, d)`, in a stack `(d, N)`.
        C: `(p, N)`, in a stack `(d, N)`.
        n: Longest sequence.
        heads: Number of heads H.
        tol: Instead: the largest relative operator error; the fewest heads that reach it are taken.
            With neither, as many heads as the numerical interaction rank: an exact replacement.
        D: `(p, d)`, in a stack `(d,)`.
        per_channel: Whether the system is a stack; None decides by shape. Its heads have diagonal maps `(H, d)`.
        conjugate_pairs: True where a complex system holds one of each conjugate pair.
        method: How the mixer runs: `auto`, `direct` or `fft`.
        device: Where its parameters lie; that of A by default.
        dtype: Type of its parameters; float64 by default.

    Returns:
        The mixer. `operator_error` is the relative Frobenius error of its operators, measured on its parameters after
        rounding to `dtype`.

    Raises:
        InvalidTypeError: both `heads` and `tol` are given, or a number is no whole number.
        InvalidParameterError: `heads` above `min(n, p d)` (`min(n, d)` for a stack), `tol` outside [0, 1), and as in
            `heads_needed`.

    Differs from the paper:
        The paper gives k heads for equality; the optimal truncation is ours.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearSSM, ssm_to_heads
        >>> ssm = LinearSSM.random("dense-orthogonal", N=8, d=4, p=4, rho=0.95, seed=0)
        >>> mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, n=128, tol=1e-6)
        >>> X = torch.randn(2, 128, 4, dtype=torch.float64)
        >>> mixer.heads, torch.allclose(mixer(X), ssm(X))
        (8, True)
    """
    if heads is not None and tol is not None:
        raise InvalidTypeError(f"both heads = {heads!r} and tol = {tol!r} are given; give one of them")
    lags = _real_lags(A, B, C, n, D, per_channel, conjugate_pairs)
    most = min(lags.shape[0], lags[0].numel())
    count = None if heads is None else whole_number("heads", heads, least=1)
    if count is not None and count > most:
        width = "d" if lags.ndim == 2 else "p d"
        raise InvalidParameterError(
            f"heads is {count}; on n = {lags.shape[0]} tokens with {width} = {lags[0].numel()} at most {most} heads "
            f"can be independent; choose 1 to {most}"
        )
    if tol is not None:
        _in_unit_interval(tol)
        count = max(1, int((_errors(lags) > tol).sum()))
    elif count is None:
        count = max(1, interaction_rank(lags).rank)
    weights = _weights(lags)
    weighted = weights * lags.flatten(1)
    u, s, z = torch.linalg.svd(weighted, full_matrices=False)
    # the scale goes to the coefficients: maps have norm one
    coeff = (u[:, :count] * s[:count] / weights).T
    kind = torch.float64 if dtype is None else dtype
    value = z[:count].reshape(count, *lags.shape[1:]).to(kind)
    coeff = coeff.to(kind)
    residual = weighted - weights * torch.einsum("hn,h...->n...", coeff.double(), value.double()).flatten(1)
    norm = float(torch.linalg.vector_norm(weighted))
    error = float(torch.linalg.vector_norm(residual)) / norm if norm > 0 else 0.0
    return FactorizedMixer(coeff, value, method=method, operator_error=error, device=device)


def _real_lags(
    A: Array, B: Array, C: Array, n: SupportsIndex, D: Array | None, per_channel: bool | None, conjugate_pairs: bool
) -> Tensor:
    lags = compact_lags(as_system(A, B, C, D, per_channel=per_channel, conjugate_pairs=conjugate_pairs), n).detach()
    if lags.is_complex():
        raise InvalidParameterError(
            "the lag operators are complex, so no real heads equal them; a system that holds one of each conjugate "
            "pair needs conjugate_pairs=True (its output is 2 Re(C h))"
        )
    return lags


def _weights(lags: Tensor) -> Tensor:
    """sqrt(n - tau) as a column: on n tokens lag tau occurs n - tau times."""
    n = lags.shape[0]
    return torch.arange(n, 0, -1, device=lags.device, dtype=lags.dtype).sqrt()[:, None]


def _errors(lags: Tensor) -> Tensor:
    return tail_errors(torch.linalg.svdvals(_weights(lags) * lags.flatten(1)))


def _in_unit_interval(tol: float | int) -> None:
    if not 0.0 <= tol < 1.0:
        raise InvalidParameterError(f"tol is {tol!r}; the relative error must lie in [0, 1)")
