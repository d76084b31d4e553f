"""How Many Heads Make an SSM? (arXiv 2512.15115): what the optimal heads are compared with.

Official code: none found.
Implements rivals of the closed form: heads found by optimisation, balanced truncation, heads gated by the value token.
Differences from the paper: none of these is in the paper; the gated pair marks the limit of its theorem.
"""

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError


def alternating_heads(
    operators: Float[Tensor, "n n p d"],
    heads: int,
    rng: np.random.Generator,
    *,
    sweeps: int = 2000,
    tolerance: float = 1e-13,
) -> float:
    """Fit heads `a^h_ij V_h` with a free coefficient for every pair by alternating least squares.

    It knows nothing of lags, weights or singular values, so it checks the closed form of the optimum.

    Args:
        operators: Interaction operators, `(n, n, p, d)`, zero for j > i.
        heads: H.
        rng: Source of the starting maps.
        sweeps: Most sweeps.
        tolerance: A sweep that lowers the relative error by less than this share ends the fit.

    Returns:
        The relative Frobenius error that was reached.
    """
    target = operators.detach().double().numpy()
    n = target.shape[0]
    rows = target[np.tril_indices(n)].reshape(n * (n + 1) // 2, -1)
    norm = np.linalg.norm(rows)
    maps = rng.standard_normal((heads, rows.shape[1]))
    error = np.inf
    for _ in range(sweeps):
        maps = np.linalg.qr(maps.T)[0].T  # the span is what matters; orthonormal maps keep it well conditioned
        gates = rows @ maps.T
        maps = np.linalg.lstsq(gates, rows, rcond=None)[0]
        before, error = error, float(np.linalg.norm(rows - gates @ maps) / norm)
        if before - error <= tolerance * error:
            break
    return error


class GatedPair:
    """Two heads whose gates read the value token, and which so reproduce any system with two inputs and outputs.

    `V_1 = I`, `V_2 = J` (quarter turn); at lag tau the gates of a token x are `x . M x / |x|^2` and
    `(J x) . M x / |x|^2` with `M = M_tau`. Then `g_1 x + g_2 J x = M x`: `x` and `J x` span the plane. The head count
    of the theorem is about operators, whose gates do not depend on the token they gate; as functions two heads are
    enough.

    Args:
        lags: Lag operators `(n, 2, 2)`.

    Raises:
        InvalidParameterError: another shape.
    """

    heads = 2

    def __init__(self, lags: Float[Tensor, "n p d"]) -> None:
        if lags.shape[1:] != (2, 2):
            raise InvalidParameterError(f"lags have shape {tuple(lags.shape)}; two gated heads need (n, 2, 2)")
        self.lags = lags
        self.quarter = lags.new_tensor([[0.0, -1.0], [1.0, 0.0]])

    def __call__(self, X: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        """Mix the tokens of one sequence; a token that is zero gets gates of zero."""
        n = X.shape[0]
        turned = X @ self.quarter.T
        mapped = torch.einsum("tpd,jd->tjp", self.lags[:n], X)
        size = X.square().sum(-1)
        size = torch.where(size > 0, size, torch.ones_like(size))
        gates = [torch.einsum("tjp,jp->tj", mapped, value) / size for value in (X, turned)]
        index = torch.arange(n)
        lag = index[:, None] - index[None, :]
        is_past = (lag >= 0).to(X.dtype)
        weights = [gate[lag.clamp(min=0), index[None, :]] * is_past for gate in gates]
        return weights[0] @ X + weights[1] @ turned


def balanced_truncation(
    A: np.ndarray, B: np.ndarray, C: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reduce a stable system to fewer states by balancing its Gramians (square-root method).

    Another aim than ours: it saves states of the recurrence, not heads.

    Args:
        A: `(N, N)`, spectral radius below one.
        B: `(N, d)`.
        C: `(p, N)`.
        order: States that are kept; at most the numerical rank of the Gramians' product.

    Returns:
        `A`, `B`, `C` of the reduced system.
    """
    reach = _root(scipy.linalg.solve_discrete_lyapunov(A, B @ B.T))
    observe = _root(scipy.linalg.solve_discrete_lyapunov(A.T, C.T @ C))
    u, s, vt = np.linalg.svd(observe.T @ reach)
    order = min(order, int((s > 1e-14 * s[0]).sum()))
    scale = s[:order] ** -0.5
    right = reach @ vt[:order].T * scale
    left = scale[:, None] * (u[:, :order].T @ observe.T)
    return left @ A @ right, left @ B, C @ right


def _root(gramian: np.ndarray) -> np.ndarray:
    """A square root L with L L^T equal to the Gramian, which rounding may have made slightly indefinite."""
    values, vectors = np.linalg.eigh((gramian + gramian.T) / 2)
    return vectors * np.sqrt(values.clip(min=0))
