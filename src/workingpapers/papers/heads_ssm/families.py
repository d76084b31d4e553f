"""How Many Heads Make an SSM? (arXiv 2512.15115): families of random systems whose lag span is known.

Official code: none found.
Implements test systems for the head-count theorem; the span of {C A^tau B} follows from the Jordan form of A.
Differences from the paper: the families are ours.
"""

from collections.abc import Callable
from typing import SupportsIndex

import numpy as np

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import whole_number


def _distinct_diagonal(N: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    return np.diag(_spread(N, rho, rng))


def _repeated_diagonal(N: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    values = _spread(distinct_eigenvalues("repeated-diagonal", N), rho, rng)
    return np.diag(values[np.arange(N) % len(values)])


def _rotation_blocks(N: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    A = np.zeros((N, N))
    blocks = N // 2
    # angles in disjoint slots inside (0, pi): no two blocks share an eigenvalue
    angles = np.pi * (np.arange(blocks) + rng.uniform(0.3, 0.7, blocks)) / max(blocks, 1)
    for block, angle in enumerate(angles):
        cosine, sine = np.cos(angle), np.sin(angle)
        A[2 * block : 2 * block + 2, 2 * block : 2 * block + 2] = [[cosine, -sine], [sine, cosine]]
    if N % 2:
        A[-1, -1] = 1.0
    return rho * A


def _jordan(N: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    # 1 - rho above the diagonal is similar to 1 there, and keeps the powers of A from growing to huge numbers
    above = 1.0 - rho if rho < 1.0 else 1.0
    return rho * np.eye(N) + above * np.eye(N, k=1)


def _nilpotent(N: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    return np.eye(N, k=-1)


def _dense_orthogonal(N: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.standard_normal((N, N)))
    return rho * q * np.sign(np.diag(r))


def _spread(count: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    """Distinct values from rho / 10 to rho: equal spacing, each moved by at most a tenth of it, the largest kept."""
    if count == 1:
        return np.array([rho])
    steps = np.linspace(0.1, 1.0, count)
    steps[:-1] += rng.uniform(-0.1, 0.1, count - 1) * (steps[1] - steps[0])
    return rho * steps


_TRANSITIONS: dict[str, Callable[[int, float, np.random.Generator], np.ndarray]] = {
    "distinct-diagonal": _distinct_diagonal,
    "repeated-diagonal": _repeated_diagonal,
    "rotation-blocks": _rotation_blocks,
    "jordan": _jordan,
    "nilpotent": _nilpotent,
    "dense-orthogonal": _dense_orthogonal,
}

FAMILIES: tuple[str, ...] = tuple(_TRANSITIONS)


def random_system(
    family: str,
    N: SupportsIndex,
    d: SupportsIndex,
    p: SupportsIndex,
    rho: float | int = 0.95,
    seed: int | np.integer | np.random.Generator = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `A`, `B`, `C` of a family; `B` and `C` are Gaussian with variance `1 / N`.

    Args:
        family: A name of `FAMILIES`; blanks and underscores count as hyphens.
        N: State size.
        d: Input width.
        p: Output width.
        rho: Spectral radius of `A`, in (0, 1]; without effect on `nilpotent`.
        seed: Seed or numpy generator.

    Returns:
        `A` `(N, N)`, `B` `(N, d)`, `C` `(p, N)` in float64.

    Raises:
        InvalidParameterError: unknown family, or a size or radius outside its range.

    Example:
        >>> from workingpapers.papers.heads_ssm import random_system
        >>> A, B, C = random_system("nilpotent", N=3, d=2, p=2, seed=1)
        >>> float(abs(A @ A @ A).max())
        0.0
    """
    name = _known(family)
    N, d, p = whole_number("N", N, least=1), whole_number("d", d, least=1), whole_number("p", p, least=1)
    if not 0.0 < rho <= 1.0:
        raise InvalidParameterError(f"rho is {rho!r}; the spectral radius must lie in (0, 1]")
    rng = np.random.default_rng(seed)
    A = _TRANSITIONS[name](N, float(rho), rng)
    scale = N**-0.5
    return A, scale * rng.standard_normal((N, d)), scale * rng.standard_normal((p, N))


def distinct_eigenvalues(family: str, N: SupportsIndex) -> int:
    """Degree of the minimal polynomial of `A` in a family of state size `N`."""
    states = whole_number("N", N, least=1)
    return max(1, states // 2) if _known(family) == "repeated-diagonal" else states


def family_rank(family: str, N: SupportsIndex, d: SupportsIndex, p: SupportsIndex, n: SupportsIndex) -> int:
    """The number k(n) of heads that a generic system of a family needs, in exact arithmetic.

    `min(n, m, p d)` with m the degree of the minimal polynomial of `A`; for `repeated-diagonal` each eigenvalue's
    part `C_m B_m` is one matrix, so repetition adds nothing.

    Args:
        family: A name of `FAMILIES`.
        N: State size.
        d: Input width.
        p: Output width.
        n: Sequence length.

    Returns:
        k(n).

    Example:
        >>> from workingpapers.papers.heads_ssm import family_rank
        >>> family_rank("repeated-diagonal", N=8, d=4, p=4, n=32)
        4
    """
    return min(
        whole_number("n", n, least=1),
        distinct_eigenvalues(family, N),
        whole_number("p", p, least=1) * whole_number("d", d, least=1),
    )


def _known(family: str) -> str:
    name = str(family).lower().replace(" ", "-").replace("_", "-")
    if name not in _TRANSITIONS:
        raise InvalidParameterError(f"no family is called {family!r}; choose one of {', '.join(FAMILIES)}")
    return name
