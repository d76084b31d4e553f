"""Effective rank of a weight matrix, and cutting it to a rank at equal norm."""

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.rich_lazy.checks import Array, as_matrix
from workingpapers.parts.checks import one_of, whole_number


def effective_rank(w: Array, *, kind: str = "participation") -> float:
    r"""How many dimensions a matrix uses, as a number that need not be whole.

    With singular values `s_i`: `participation`: `(sum s_i^2)^2 / sum s_i^4`; `entropy`: `exp(-sum p_i log p_i)` with
    `p_i = s_i / sum s` (Roy and Vetterli 2007); `stable`: `sum s_i^2 / s_1^2`.

    Args:
        w: The matrix `(rows, columns)`: a tensor or an array.
        kind: `participation`, `entropy` or `stable`.

    Returns:
        Between 1 and `min(rows, columns)`; 1 for a rank-one matrix, n for the identity of size n.

    Raises:
        InvalidParameterError: unknown kind, a zero matrix, not two axes, NaN or infinite values.
        InvalidTypeError: no matrix of real numbers.

    Example:
        >>> import torch
        >>> effective_rank(torch.eye(5))
        5.0
    """
    one_of("kind", kind, ("participation", "entropy", "stable"))
    s = torch.linalg.svdvals(as_matrix("w", w).double())
    largest = float(s.max())
    if largest == 0.0:
        raise InvalidParameterError("w is zero and has no effective rank; give a matrix with a nonzero entry")
    s = s / largest
    squares = s.square()
    if kind == "participation":
        rank = squares.sum() ** 2 / squares.square().sum()
    elif kind == "stable":
        rank = squares.sum()
    else:
        p = s / s.sum()
        rank = torch.exp(torch.special.entr(p).sum())
    return float(rank)


def truncate_rank_(
    w: Float[Tensor, "rows columns"], rank: int, *, preserve: str | None = "frobenius"
) -> Float[Tensor, "rows columns"]:
    r"""Cut a matrix to its leading singular triplets, in place, and rescale it to its former norm.

    `W <- c U_r S_r V_r^T`, with c such that the chosen norm is what it was. Two ranks at equal Frobenius norm differ in
    their spectral norm, and so in the dynamics at the start of training; at equal spectral norm they differ in their
    Frobenius norm. Measure both.

    Args:
        w: Tensor or parameter `(rows, columns)`; it is written to.
        rank: How many singular values stay, 1 to `min(rows, columns)`.
        preserve: Norm that is kept: `frobenius`, `spectral` (which truncation itself keeps), or None for no
            rescaling.

    Returns:
        The same tensor `w`.

    Raises:
        InvalidParameterError: rank out of range, a zero matrix, not two axes, NaN or infinite values, unknown norm.
        InvalidTypeError: rank is no whole number.

    Differs from the paper:
        The official code keeps the Frobenius norm; the spectral norm answers its reviewers.

    Example:
        >>> import torch
        >>> w = torch.nn.Linear(30, 30).weight
        >>> before = float(w.detach().norm())
        >>> _ = truncate_rank_(w, 3)
        >>> int(torch.linalg.matrix_rank(w, rtol=1e-4)), abs(float(w.detach().norm()) - before) < 1e-4
        (3, True)
    """
    if preserve is not None:
        one_of("preserve", preserve, ("frobenius", "spectral"))
    matrix = as_matrix("w", w)
    rank = whole_number("rank", rank, least=1, most=min(matrix.shape))
    if not matrix.any():
        raise InvalidParameterError("w is zero and has no singular directions; give a matrix with a nonzero entry")
    if rank == min(matrix.shape):
        return w
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    kept = s[:rank]
    if preserve == "frobenius":
        kept = kept * (torch.linalg.vector_norm(s) / torch.linalg.vector_norm(kept))
    with torch.no_grad():
        w.copy_((u[:, :rank] * kept) @ vh[:rank])
    return w
