"""Closed forms for synchronized replicas (arXiv 1010.4517): spread, centroid error, bound, required coupling.

No official code known. Nothing is taken from elsewhere.
Implements the paper's contraction argument on the disagreement; constants derived here by Itô's formula.
Differences from the paper: exact moments of a quadratic loss, and those of the Euler-Maruyama recursion at step dt.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.synchronization.checks import Array, as_float64, as_laplacian, spectrum
from workingpapers.parts.checks import real_number, whole_number


@dataclass(frozen=True)
class SyncMoments:
    """Stationary second moments of n coupled replicas around the optimum w*, all in squared units of the weights.

    Args:
        spread: S = (1/n) Σ_i E|w_i - w̄|².
        centroid: E|w̄ - w*|²; infinite where a curvature is zero or less, as nothing then holds the centroid.
        individual: (1/n) Σ_i E|w_i - w*|² = spread + centroid.
        per_mode: Variance of each mode, shape `(n, d)`: row k for the Laplacian's k-th eigenvalue (the first row is
            √n times the centroid), column j for the Hessian's j-th, both ascending.

    Example:
        >>> SyncMoments(0.5, 0.25, 0.75, torch.tensor([[0.5], [1.0]])).individual
        0.75
    """

    spread: float
    centroid: float
    individual: float
    per_mode: Float[Tensor, "n d"]


def stationary_moments(
    hessian: Array, laplacian: Array, coupling: float | int, noise: float | int, *, dt: float | int | None = None
) -> SyncMoments:
    """Exact stationary moments of coupled replicas on the quadratic loss ½ (w - w*)ᵀ H (w - w*).

    In the eigenbases of H and L each mode is an Ornstein-Uhlenbeck process of rate a_jk = h_j + κ l_k, so

        S = (σ²/2n) Σ_{k≥2} Σ_j 1/a_jk,    E|w̄ - w*|² = (σ²/2n) Σ_j 1/h_j.

    With a step dt these are the exact moments of the Euler-Maruyama recursion: 1/(2a) becomes 1/(2a - dt a²).

    Args:
        hessian: H, symmetric `(d, d)`; or its eigenvalues `(d,)`; or one number for d = 1.
        laplacian: L, shape `(n, n)`, from `laplacian`.
        coupling: κ, at least 0.
        noise: σ, at least 0: standard deviation of each replica's noise per square root of unit time.
        dt: Step of the recursion; None for continuous time.

    Returns:
        The moments.

    Raises:
        InvalidParameterError: H not symmetric, L no Laplacian, negative coupling or noise, a disagreement mode whose
            rate is not above 0, or dt · max a >= 2 (the largest allowed dt is given).
        InvalidTypeError: values that are no real numbers.

    Differs from the paper: the paper gives bounds; these are the values.

    Source: sections 2 and 3; derived by Itô's formula.

    Example:
        >>> from workingpapers.papers.synchronization import laplacian
        >>> moments = stationary_moments([0.5, 1, 1.5, 2, 3], laplacian("complete", 10), 0.5, 1.0)
        >>> round(moments.spread, 4), round(moments.centroid, 4)
        (0.3466, 0.225)
    """
    h, eigenvalues = _curvatures(hessian), spectrum(as_laplacian(laplacian))
    kappa, sigma = real_number("coupling", coupling, least=0), real_number("noise", noise, least=0)
    rates = h + kappa * eigenvalues[:, None]
    if len(eigenvalues) > 1 and float(rates[1:].min()) <= 0:
        raise InvalidParameterError(
            f"the slowest rate of disagreement, λ + κ l_2 = {float(rates[1:].min()):g}, is not above 0: not "
            "contracting, so there is no stationary spread; raise the coupling or connect the graph"
        )
    step = None if dt is None else _check_step(dt, float(rates.max()))
    variances = sigma**2 / (2 * rates if step is None else 2 * rates - step * rates**2)
    variances[0, h <= 0] = math.inf
    n = len(eigenvalues)
    spread, centroid = float(variances[1:].sum()) / n, float(variances[0].sum()) / n
    return SyncMoments(spread, centroid, spread + centroid, variances)


def synchronization_bound(
    n: int,
    dim: int,
    curvature: float | int,
    lambda2: float | int,
    coupling: float | int,
    noise: float | int,
    *,
    dt: float | int | None = None,
    rate_max: float | int | None = None,
) -> float:
    """Upper bound on the stationary spread of n coupled replicas, for any loss with curvature of at least λ.

        S <= ((n-1)/n) d σ² / (2a),    a = λ + κ l_2

    With a step dt, 2a becomes 2a - dt a². That is a bound for the Euler-Maruyama recursion while no mode overshoots
    more than the slowest one lags, dt (a + a_max) <= 2. Give `rate_max` and the larger of both ends is taken, which is
    a bound for every stable dt.

    Args:
        n: Number of replicas.
        dim: Dimension d of the weights of one replica.
        curvature: λ, lower bound on the eigenvalues of every Hessian; negative for a loss that is not convex.
        lambda2: l_2, second smallest eigenvalue of the Laplacian, at least 0.
        coupling: κ, at least 0.
        noise: σ, at least 0.
        dt: Step of the recursion; None for continuous time.
        rate_max: a_max, upper bound on curvature plus κ times the Laplacian's largest eigenvalue; used with `dt`.

    Returns:
        The bound, in squared units of the weights. It is 0 for n = 1.

    Raises:
        InvalidParameterError: λ + κ l_2 <= 0 (not contracting), dt · a >= 2, or a value out of range.
        InvalidTypeError: values that are no numbers.

    Differs from the paper: constants derived by Itô's formula on the disagreement; the discrete form is an addition.

    Source: section 3, from the contraction rate λ + κ l_2.

    Example:
        >>> round(synchronization_bound(10, 5, 0.5, 10.0, 0.5, 1.0), 4)
        0.4091
    """
    size, d = whole_number("n", n, least=1), whole_number("dim", dim, least=1)
    lambda_, connectivity = real_number("curvature", curvature), real_number("lambda2", lambda2, least=0)
    kappa, sigma = real_number("coupling", coupling, least=0), real_number("noise", noise, least=0)
    slow = lambda_ + kappa * connectivity
    if slow <= 0:
        raise InvalidParameterError(
            f"curvature + coupling · lambda2 = {slow:g} is not above 0: not contracting, so there is no bound; "
            f"{'raise the coupling' if connectivity else 'connect the graph (lambda2 is 0)'}"
        )
    rates = [slow]
    if rate_max is not None:
        rates.append(real_number("rate_max", rate_max, least=slow))
    if dt is None:
        pull = 2 * slow
    else:
        step = _check_step(dt, max(rates))
        pull = min(2 * a - step * a**2 for a in rates)
    return (size - 1) / size * d * sigma**2 / pull


def required_coupling(
    target_spread: float | int,
    n: int,
    dim: int,
    curvature: float | int,
    lambda2: float | int,
    noise: float | int,
    *,
    dt: float | int | None = None,
) -> float:
    """Smallest coupling κ >= 0 at which `synchronization_bound` promises a spread of at most the target.

        κ = (((n-1)/n) d σ² / (2 S) - λ) / l_2, and 0 where this is negative

    Args:
        target_spread: S, above 0, in squared units of the weights.
        n: Number of replicas.
        dim: Dimension d of the weights of one replica.
        curvature: λ, lower bound on the eigenvalues of every Hessian.
        lambda2: l_2 of the Laplacian.
        noise: σ, at least 0.
        dt: Step of the recursion; None for continuous time.

    Returns:
        κ. Where the curvature is 0 or less and noise is 0 there is no smallest κ; the limit -λ / l_2 is returned.

    Raises:
        InvalidParameterError: no coupling reaches the target: l_2 is 0, or at this dt even the best rate 1 / dt does
            not; or a value out of range.
        InvalidTypeError: values that are no numbers.

    Source: the bound solved for κ.

    Example:
        >>> round(required_coupling(0.1, 10, 5, 0.5, 10.0, 1.0), 6)
        2.2
    """
    target = real_number("target_spread", target_spread, above=0)
    size, d = whole_number("n", n, least=1), whole_number("dim", dim, least=1)
    lambda_, connectivity = real_number("curvature", curvature), real_number("lambda2", lambda2, least=0)
    sigma = real_number("noise", noise, least=0)
    pull = (size - 1) / size * d * sigma**2 / target  # the value that 2a, or 2a - dt a², must have
    if dt is None:
        rate = pull / 2
    else:
        step = real_number("dt", dt, above=0)
        if step * pull > 1:
            raise InvalidParameterError(
                f"no coupling reaches a spread of {target:g} at dt = {step:g}: the best rate is 1 / dt, with a "
                f"spread of {step * pull * target:g}; choose dt of at most {1 / pull:g}"
            )
        rate = pull / (1 + math.sqrt(1 - step * pull))  # the smaller root, written without cancellation
    if rate <= lambda_ or (size == 1 and lambda_ > 0):
        return 0.0
    if connectivity == 0:
        raise InvalidParameterError(
            f"lambda2 is 0 (a disconnected graph): no coupling reaches a spread of {target:g}; connect the graph"
        )
    return (rate - lambda_) / connectivity


def _curvatures(hessian: Array) -> Tensor:
    matrix = as_float64("hessian", hessian).cpu()
    if matrix.ndim == 0 or (matrix.ndim == 1 and len(matrix)):
        return matrix.reshape(-1).sort().values
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 1:
        raise InvalidParameterError(
            f"hessian has shape {tuple(matrix.shape)}; give (d, d), its eigenvalues (d,), or one number"
        )
    if float((matrix - matrix.T).abs().max()) > 1e-5 * float(matrix.abs().max()):
        raise InvalidParameterError("hessian is not symmetric; give (H + H.T) / 2")
    return torch.linalg.eigvalsh(0.5 * (matrix + matrix.T))


def _check_step(dt: float | int, rate: float) -> float:
    step = real_number("dt", dt, above=0)
    if step * rate >= 2:
        raise InvalidParameterError(
            f"dt is {step:g} and the fastest rate {rate:g}: the recursion is unstable; choose dt below {2 / rate:g}"
        )
    return step
