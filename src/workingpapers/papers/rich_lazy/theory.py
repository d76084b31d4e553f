"""Two-layer linear networks: the alignment of the tangent kernel in closed form, and the laziest initialisation."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.rich_lazy.checks import Array, as_matrix
from workingpapers.parts.checks import real_number, whole_number


def expected_alignment(m0: Array, dim: int | None = None) -> float:
    r"""Kernel alignment expected over random tasks, for whitened inputs.

    For `f(x) = w2^T W1 x` from small `W1`, `w2 ~ 0`, and teachers of random direction:
    `E[KA] = sqrt(PR) (1 + 1/d) / sqrt(d + 3)`, `PR = (tr M0)^2 / tr(M0^2)`, `M0 = W1(0)^T W1(0)`: largest where all
    singular values of W1 are equal, and for r equal ones `sqrt(r) (1 + 1/d) / sqrt(d + 3)`.

    Args:
        m0: `W1^T W1` at the start, `(d, d)`, positive semi-definite.
        dim: d, where m0 stands for the leading block of a larger matrix of zeros; its size by default.

    Returns:
        A number in (0, 1].

    Raises:
        InvalidParameterError: m0 is not square and symmetric, is zero, or dim is below its size.
        InvalidTypeError: no matrix of real numbers.

    Differs from the paper:
        The paper's theorem orders ranks; this closed form is derived here.

    Example:
        >>> import torch
        >>> round(expected_alignment(torch.diag(torch.tensor([1.0] * 5 + [0.0] * 15))), 3)
        0.49
    """
    m0 = _symmetric("m0", m0)
    d = len(m0) if dim is None else whole_number("dim", dim, least=len(m0))
    ratio = float(m0.trace() ** 2 / m0.square().sum())
    return ratio**0.5 * (1 + 1 / d) / (d + 3) ** 0.5


def linear_alignment(m0: Array, beta: Array, cov: Array | None = None) -> float:
    r"""Kernel alignment between start and end of training of a two-layer linear network, in closed form.

    Gradient flow conserves `W1 W1^T - w2 w2^T`, so from a small start with `w2 ~ 0` it ends at `W1 = u beta^T /
    sqrt|beta|`, `w2 = u sqrt|beta|`, with kernel matrix `G = |beta| (I + b b^T)`, `b = beta / |beta|`. Then
    `KA = tr(C M0 C G) / (|C^(1/2) M0 C^(1/2)| |C^(1/2) G C^(1/2)|)`, Frobenius norms.

    Args:
        m0: `W1^T W1` at the start, `(d, d)`, positive semi-definite.
        beta: Teacher, `(d,)`.
        cov: Covariance C of the inputs, `(d, d)`; the identity by default.

    Returns:
        A number in [0, 1].

    Raises:
        InvalidParameterError: shapes that do not fit, a zero m0 or beta, a covariance that is not positive definite.
        InvalidTypeError: no real numbers.

    Differs from the paper:
        Derived here; it predicts the paper's figures for any initial matrix, teacher and covariance.

    Example:
        >>> import torch
        >>> round(linear_alignment(torch.eye(20), torch.ones(20)), 3)
        0.979
    """
    start = _symmetric("m0", m0)
    problem = _problem(beta, cov, len(start))
    a = problem.root @ start @ problem.root
    return float((a * problem.goal).sum() / (torch.linalg.vector_norm(a) * torch.linalg.vector_norm(problem.goal)))


def aligned_init_(
    w: Float[Tensor, "hidden d"],
    beta: Array,
    cov: Array | None = None,
    rank: int | None = None,
    scale: float | int = 1e-2,
    *,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "hidden d"]:
    r"""Initialise the first layer with the most lazy matrix of a rank for one task, in place.

    `C^(1/2) W^T W C^(1/2)` is made proportional to the leading eigenvectors of `C^(1/2) G C^(1/2)`,
    `G = I + b b^T`: no matrix of that rank has a higher `linear_alignment`, which is then
    `sqrt(sum_{i<=r} mu_i^2 / sum mu_i^2)`.

    Args:
        w: Tensor or parameter `(hidden, d)`; it is written to.
        beta: Teacher, `(d,)`.
        cov: Covariance C of the inputs, `(d, d)`, positive definite; the identity by default.
        rank: 1 to `min(hidden, d)`; the largest by default.
        scale: Frobenius norm of the result; small for the theory to hold.
        generator: Torch generator of the hidden directions; None for the first hidden units.

    Returns:
        The same tensor `w`.

    Raises:
        InvalidParameterError: rank out of range, shapes that do not fit, scale not above 0, covariance not positive
            definite.
        InvalidTypeError: no real numbers.

    Differs from the paper:
        The paper shows that such initialisations exist; the closed form is derived here.

    Example:
        >>> import torch
        >>> w, beta = torch.empty(40, 20), torch.ones(20)
        >>> m0 = (lambda each: each.T @ each)(aligned_init_(w, beta, rank=1))
        >>> linear_alignment(m0, beta) > 0.4
        True
    """
    if w.ndim != 2:
        raise InvalidParameterError(f"w has shape {tuple(w.shape)}; give a matrix (hidden, d)")
    hidden, d = w.shape
    rank = whole_number("rank", min(hidden, d) if rank is None else rank, least=1, most=min(hidden, d))
    real_number("scale", scale, above=0)
    problem = _problem(beta, cov, d)
    mu, vectors = torch.linalg.eigh(problem.goal)
    mu, vectors = mu.flip(0)[:rank], vectors.flip(1)[:, :rank]
    if generator is None:
        frame = torch.eye(hidden, rank, dtype=torch.float64)
    else:
        frame = torch.linalg.qr(torch.randn(hidden, rank, dtype=torch.float64, generator=generator))[0]
    made = (frame * mu.sqrt()) @ torch.linalg.solve(problem.root, vectors).T
    with torch.no_grad():
        w.copy_(made * (scale / torch.linalg.vector_norm(made)))
    return w


class _Problem(NamedTuple):
    """Root of the covariance, and the kernel matrix at the end of training seen by whitened inputs."""

    root: Tensor
    goal: Tensor


def _problem(beta: Array, cov: Array | None, d: int) -> _Problem:
    values = torch.as_tensor(beta)
    if values.ndim != 1 or len(values) != d:
        raise InvalidParameterError(f"beta has shape {tuple(values.shape)}; give a vector of {d}")
    direction = as_matrix("beta", values[None])[0].double()
    if not direction.any():
        raise InvalidParameterError("beta is zero, so there is nothing to learn; give a nonzero teacher")
    direction = direction / torch.linalg.vector_norm(direction)
    final = torch.eye(d, dtype=torch.float64) + direction[:, None] * direction
    if cov is None:
        return _Problem(torch.eye(d, dtype=torch.float64), final)
    c = _symmetric("cov", cov)
    if len(c) != d:
        raise InvalidParameterError(f"cov has shape {tuple(c.shape)}; give ({d}, {d})")
    values, vectors = torch.linalg.eigh(c)
    if float(values[0]) <= 0.0:
        raise InvalidParameterError(
            f"cov has the eigenvalue {float(values[0]):.3g}; give a positive definite covariance"
        )
    root = (vectors * values.sqrt()) @ vectors.T
    return _Problem(root, root @ final @ root)


def _symmetric(name: str, value: Array) -> Tensor:
    m = as_matrix(name, value).double().cpu()
    if m.shape[0] != m.shape[1] or not torch.allclose(m, m.T, atol=1e-5 * float(m.abs().max())):
        raise InvalidParameterError(f"{name} has shape {tuple(m.shape)}; give a symmetric matrix (d, d)")
    if not m.any():
        raise InvalidParameterError(f"{name} is zero; give a matrix with a nonzero entry")
    return m
