"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Implements a loss of three nested logits with every property stated of Eqs 7-10, and gradient flow on it.
Differences from the paper: the formula is ours, re-derived from those properties.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from scipy.integrate import solve_ivp
from scipy.special import expit
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import whole_number

Number = Tensor | float | int


def nested_logit_loss(beta1: Number, alpha: Number, xi: Number, n_pairs: int, n_labels: int) -> Float[Tensor, "..."]:
    r"""Loss of an induction head made of three logits, each inside the next.

    `p = e^beta1 / (e^beta1 + N)`, `q = e^(alpha p) / (e^(alpha p) + N - 1)` and
    `loss = -ln(e^(xi q) / (e^(xi q) + (N - 1) e^(xi (1 - q) / (N - 1)) + L - N))`: label tokens find the item before
    them (p), the target finds its label (q), the classifier reads it (xi).

    At the origin the loss is ln L and its gradient `(0, 0, -(1 / N)(1 - N / L))`: zero exactly where L = N.

    Args:
        beta1: Logit of the previous-token head, any shape that broadcasts.
        alpha: Logit of the match, likewise.
        xi: Classifier's overlap with a label's own vector less that with others, likewise.
        n_pairs: N.
        n_labels: L, at least N.

    Returns:
        The loss in nats, of the broadcast shape; differentiable.

    Raises:
        InvalidParameterError: N below 1, or L below N.

    Differs from the paper:
        See the head of this file.

    Example:
        >>> nested_logit_loss(0.0, 0.0, 0.0, 8, 32).item()  # ln 32
        3.4657...
    """
    n, labels = _sizes(n_pairs, n_labels)
    kind = next((each.dtype for each in (beta1, alpha, xi) if isinstance(each, Tensor)), torch.float64)
    beta1, alpha, xi = (torch.as_tensor(each, dtype=kind) for each in (beta1, alpha, xi))
    p = torch.sigmoid(beta1 - math.log(n))
    if n == 1:
        q = torch.ones_like(alpha * p)
        terms = [xi * q]
    else:
        q = torch.sigmoid(alpha * p - math.log(n - 1))
        terms = [xi * q, xi * (1 - q) / (n - 1) + math.log(n - 1)]
    if labels > n:
        terms.append(torch.full_like(terms[0], math.log(labels - n)))
    return torch.logsumexp(torch.stack(_broadcast(terms)), 0) - xi * q


@dataclass(frozen=True)
class Trajectory:
    """Gradient flow on the nested-logit loss: arrays of shape `(times,)`.

    Args:
        times: Times of the flow.
        beta1: Logit of the previous-token head.
        alpha: Logit of the match.
        xi: The classifier's overlap.
        loss: Loss in nats.

    Example:
        >>> import math
        >>> flow = nested_logit_flow(8, 32, 0.01, 100.0)
        >>> round(flow.time_at(1.05 * math.log(8))), round(flow.time_at(0.5 * math.log(8)))
        (47, 48)
    """

    times: np.ndarray
    beta1: np.ndarray
    alpha: np.ndarray
    xi: np.ndarray
    loss: np.ndarray

    def time_at(self, loss: float | int) -> float:
        """When the loss first falls to a value, by linear interpolation; infinity where it never does."""
        below = np.flatnonzero(self.loss <= loss)
        if not len(below):
            return math.inf
        after = below[0]
        if after == 0:
            return float(self.times[0])
        high, low = self.loss[after - 1], self.loss[after]
        share = (high - loss) / (high - low)
        return float(self.times[after - 1] + share * (self.times[after] - self.times[after - 1]))


def nested_logit_flow(
    n_pairs: int,
    n_labels: int,
    init: float | int | Sequence[float | int] | np.ndarray = 0.01,
    t_max: float | int = 1000.0,
    *,
    points: int = 20001,
    trains: Sequence[bool] = (True, True, True),
) -> Trajectory:
    r"""Follow `d(beta1, alpha, xi) / dt = -gradient of the loss` (LSODA, relative tolerance 1e-9).

    Args:
        n_pairs: N.
        n_labels: L, at least N.
        init: Start of all three, or a start for each of (beta1, alpha, xi).
        t_max: Last time.
        points: Equally spaced times that are kept.
        trains: Which of (beta1, alpha, xi) move; the others stay at their start.

    Returns:
        The trajectory; its arrays have shape `(points,)`.

    Raises:
        InvalidParameterError: N below 1, L below N, `t_max` not positive, fewer than two points, or a start that is
            neither one nor three finite numbers.

    Differs from the paper:
        See the head of this file.

    Example:
        >>> slow, fast = nested_logit_flow(8, 8, 0.01, 500.0), nested_logit_flow(8, 32, 0.01, 500.0)
        >>> slow.time_at(1.0) > 5 * fast.time_at(1.0)  # without more labels than pairs the start is a saddle
        True
    """
    n, labels = _sizes(n_pairs, n_labels)
    start = np.broadcast_to(np.asarray(init, float), (3,)) if np.ndim(init) == 0 else np.asarray(init, float)
    if start.shape != (3,) or not np.isfinite(start).all():
        raise InvalidParameterError(f"init is {init!r}; give one finite number, or three: beta1, alpha, xi")
    if not 0 < t_max < math.inf:
        raise InvalidParameterError(f"t_max is {t_max!r}; it must be a positive finite time")
    kept = whole_number("points", points, least=2)
    solved = solve_ivp(
        partial(_descent, n=n, labels=labels, moves=np.asarray(trains, float)),
        (0.0, t_max),
        start,
        method="LSODA",
        t_eval=np.linspace(0.0, t_max, kept),
        rtol=1e-9,
        atol=1e-12,
    )
    beta1, alpha, xi = solved.y
    path = torch.from_numpy(solved.y.copy())
    loss = nested_logit_loss(path[0], path[1], path[2], n, labels).numpy()
    return Trajectory(solved.t, beta1, alpha, xi, loss)


def _descent(_: float, at: np.ndarray, n: int, labels: int, moves: np.ndarray) -> np.ndarray:
    """Minus the gradient, in closed form: thousands of calls of autograd would take seconds."""
    beta1, alpha, xi = at
    p = expit(beta1 - math.log(n))
    if n == 1:
        own, other, q, rest = xi, -math.inf, 1.0, 0.0
    else:
        q = expit(alpha * p - math.log(n - 1))
        rest = (1 - q) / (n - 1)
        own, other = xi * q, xi * rest + math.log(n - 1)
    free = math.log(labels - n) if labels > n else -math.inf
    top = max(own, other, free)
    share_own, share_other, share_free = np.exp(own - top), np.exp(other - top), np.exp(free - top)
    total = share_own + share_other + share_free
    share_own, share_other = share_own / total, share_other / total
    by_xi = -q + share_own * q + share_other * rest
    by_q = xi * (share_own - 1.0) - (xi * share_other / (n - 1) if n > 1 else 0.0)
    by_match = by_q * q * (1 - q)
    return -moves * np.array([by_match * alpha * p * (1 - p), by_match * p, by_xi])


def _broadcast(terms: list[Tensor]) -> list[Tensor]:
    # the sum of all has the shape that they broadcast to
    like = torch.zeros_like(sum(terms, torch.zeros((), dtype=terms[0].dtype)))
    return [term + like for term in terms]


def _sizes(n_pairs: int, n_labels: int) -> tuple[int, int]:
    n, labels = whole_number("n_pairs", n_pairs, least=1), whole_number("n_labels", n_labels, least=1)
    if labels < n:
        raise InvalidParameterError(f"n_labels is {labels} and n_pairs {n}; the loss needs n_labels >= n_pairs")
    return n, labels
