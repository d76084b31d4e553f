"""How Many Heads Make an SSM? (arXiv 2512.15115): the interaction rank, the dimension of a layer's operator span.

Official code: none found.
Implements the interaction rank: rank of the matrix whose rows are the vectorised operators.
Differences from the paper: it is a numerical rank, given with the whole spectrum and the effective rank beside it.
"""

from dataclasses import dataclass
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.heads_ssm.lags import compact_lags
from workingpapers.papers.heads_ssm.layers import LinearAttention, LinearSSM
from workingpapers.papers.heads_ssm.mixers import FactorizedMixer, SoftmaxMixer
from workingpapers.papers.heads_ssm.operators import Layer, convolution_lags, interaction_operators
from workingpapers.parts.checks import whole_number


@dataclass(frozen=True, eq=False)
class RankReport:
    """The dimension of a span of operators, and how sharply it ends.

    Args:
        rank: Number of singular values above `rtol` times the largest.
        singular_values: All of them, float64, largest first, `(r,)`.
        bound: What bounds the rank from above, in words.
        rtol: The relative tolerance that was used.

    Differs from the paper:
        The paper's rank is an integer of exact arithmetic; the spectrum beside it says how much each dimension weighs.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import interaction_rank
        >>> lags = torch.diag(torch.tensor([3.0, 1.0, 0.1, 0.0])).reshape(4, 2, 2)
        >>> report = interaction_rank(lags)
        >>> report.rank, report.effective_rank(0.99), report.effective_rank(0.5)
        (3, 2, 1)
    """

    rank: int
    singular_values: Float[Tensor, "r"]
    bound: str
    rtol: float

    def effective_rank(self, energy: float | int = 0.99) -> int:
        """The fewest singular values that hold a share `energy` of the sum of squares.

        Args:
            energy: A share in (0, 1].

        Returns:
            The number; 0 for operators that are all zero.

        Raises:
            InvalidParameterError: `energy` is outside (0, 1].
        """
        if not 0.0 < energy <= 1.0:
            raise InvalidParameterError(f"energy is {energy!r}; it is a share in (0, 1]")
        shares = self.tail_errors().square()
        return int((shares > 1.0 - energy).sum()) if energy < 1.0 else int((shares > 0).sum())

    def tail_errors(self) -> Float[Tensor, "r1"]:
        """Relative Frobenius error of the best approximation by H operators, for H = 0, 1, ...

        Returns:
            `sqrt(sum_{r>H} s_r^2 / sum_r s_r^2)`, one longer than `singular_values`; zeros for zero operators.
        """
        return tail_errors(self.singular_values)

    def __str__(self) -> str:
        return f"rank {self.rank} ({self.bound}); 99 % of the energy in {self.effective_rank(0.99)}"


def tail_errors(singular_values: Float[Tensor, "r"]) -> Float[Tensor, "r1"]:
    """`sqrt(sum_{r>H} s_r^2 / sum_r s_r^2)` for H = 0..r; summed from the small end, so that no digits cancel."""
    squares = singular_values.square()
    tails = torch.cat([squares.flip(0).cumsum(0).flip(0), squares.new_zeros(1)])
    return (tails / tails[0]).sqrt() if float(tails[0]) > 0 else torch.zeros_like(tails)


def interaction_rank(
    ops_or_layer: Layer, n: SupportsIndex | None = None, rtol: float | int | None = None
) -> RankReport:
    r"""The dimension of `span{W_ij : j <= i}`, by singular values in float64.

    For lag operators the rows are `vec(M_0) .. vec(M_{n-1})`; for interaction operators every `vec(W_ij)`. The rank
    says how many heads an exact factorized replacement needs. Lag operators of a stable system are badly conditioned
    (Vandermonde): the exact rank and the useful rank differ, and the report gives both.

    Args:
        ops_or_layer: Lag operators `(n, p, d)`, their diagonals `(n, d)` for a per-channel stack, interaction
            operators `(n, n, p, d)`; or a layer: LinearSSM, nn.Conv1d, FactorizedMixer, SoftmaxMixer,
            nn.MultiheadAttention, LinearAttention. Attention depends on its input: it is probed with one fixed
            standard-normal sequence; for another input pass `interaction_operators(layer, X)`.
        n: Sequence length, needed with a layer (a mixer's own length by default). With operators: the first n.
        rtol: Singular values at or below `rtol * largest` count as zero. By default the larger side of the matrix
            times the machine epsilon of the operators' type.

    Returns:
        The report.

    Raises:
        InvalidTypeError: neither operators nor a supported layer.
        InvalidParameterError: wrong shape, `n` missing or out of range, NaN or infinities, negative `rtol`.

    Differs from the paper:
        The paper's rank is exact; this one is numerical.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearSSM, interaction_rank
        >>> report = interaction_rank(LinearSSM.random("rotation-blocks", N=6, d=4, p=4), n=32)
        >>> report.rank, report.bound
        (6, 'min(n = 32, N = 6, p d = 16) = 6')
    """
    if isinstance(ops_or_layer, Tensor):
        matrix, bound, eps = _of_operators(ops_or_layer, n)
    else:
        matrix, bound, eps = _of_layer(ops_or_layer, n)
    if not bool(torch.isfinite(matrix).all()):
        raise InvalidParameterError("the operators hold NaN or an infinity; clean them before taking their rank")
    if rtol is None:
        rtol = max(matrix.shape) * eps
    elif not 0.0 <= rtol < 1.0:
        raise InvalidParameterError(f"rtol is {rtol!r}; it must lie in [0, 1)")
    values = torch.linalg.svdvals(matrix)
    return RankReport(int((values > rtol * values[0]).sum()), values, bound, float(rtol))


def _of_operators(ops: Tensor, n: SupportsIndex | None) -> tuple[Tensor, str, float]:
    if ops.ndim not in (2, 3, 4) or ops.numel() == 0 or (ops.ndim == 4 and ops.shape[0] != ops.shape[1]):
        raise InvalidParameterError(
            f"operators have shape {tuple(ops.shape)}; they must be lag operators (n, p, d), diagonals (n, d) or "
            "interaction operators (n, n, p, d)"
        )
    if not (ops.is_floating_point() or ops.is_complex()):
        raise InvalidParameterError(f"operators are of type {ops.dtype}; they must be floats or complex numbers")
    if n is not None:
        length = whole_number("n", n, least=1)
        if length > ops.shape[0]:
            raise InvalidParameterError(f"n is {length} and the operators reach only {ops.shape[0]} tokens")
        ops = ops[:length, :length] if ops.ndim == 4 else ops[:length]
    ops = ops.detach()
    wide = ops.to(torch.complex128 if ops.is_complex() else torch.float64)
    if ops.ndim == 4:
        matrix = wide.flatten(2).flatten(0, 1)
        return matrix, f"p d = {matrix.shape[1]}", torch.finfo(ops.dtype).eps
    matrix = wide.flatten(1)
    width = f"d = {matrix.shape[1]}" if ops.ndim == 2 else f"p d = {matrix.shape[1]}"
    bound = f"min(n = {matrix.shape[0]}, {width}) = {min(matrix.shape)}"
    return matrix, bound, torch.finfo(ops.dtype).eps


def _of_layer(layer: Layer, n: SupportsIndex | None) -> tuple[Tensor, str, float]:
    if n is None and isinstance(layer, FactorizedMixer | SoftmaxMixer):
        n = layer.n
    if n is None:
        raise InvalidParameterError(f"n is missing; give the sequence length at which {type(layer).__name__} is judged")
    n = whole_number("n", n, least=1)
    eps = torch.finfo(torch.float64).eps
    if isinstance(layer, LinearSSM):
        return _of_ssm(layer, n)
    if isinstance(layer, FactorizedMixer):
        matrix, bound, _ = _of_operators(layer.lag_operators().detach()[:n], None)
        return matrix, f"{bound}, and H = {layer.heads}", eps
    if isinstance(layer, nn.Conv1d):
        return _of_operators(convolution_lags(layer, n).detach(), None)
    width, dtype, device, heads = _probe(layer)
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, width, generator=generator, dtype=dtype).to(device)
    matrix, bound, eps = _of_operators(interaction_operators(layer, X).detach(), None)
    return matrix, f"min(H = {heads}, {bound}) = {min(heads, matrix.shape[1])}, at one probe input", eps


def _of_ssm(layer: LinearSSM, n: int) -> tuple[Tensor, str, float]:
    lags = compact_lags(layer.system, n).detach()
    lags = lags.real if lags.is_complex() else lags
    states = layer.A.shape[-1]
    through = "" if layer.D is None else ", D adds at most 1"
    if layer.per_channel:
        bound = f"min(n = {n}, d = {lags.shape[1]}) = {min(lags.shape)}"
        return lags, bound, torch.finfo(torch.float64).eps
    # a complex system counts with its conjugate
    states = 2 * states if layer.A.is_complex() else states
    sizes = (n, states + (layer.D is not None), lags.shape[1] * lags.shape[2])
    bound = f"min(n = {n}, N = {states}, p d = {sizes[2]}) = {min(sizes)}{through}"
    return lags.flatten(1), bound, torch.finfo(torch.float64).eps


def _probe(layer: Layer) -> tuple[int, torch.dtype, torch.device, int]:
    if isinstance(layer, nn.MultiheadAttention):
        weight = layer.out_proj.weight
        return layer.embed_dim, weight.dtype, weight.device, layer.num_heads
    if isinstance(layer, LinearAttention):
        return layer.dim, layer.value.dtype, layer.value.device, layer.num_heads
    if isinstance(layer, SoftmaxMixer):
        return layer.value.shape[-1], layer.value.dtype, layer.value.device, layer.value.shape[0]
    raise InvalidTypeError(
        f"{type(layer).__name__} is neither operators nor a layer whose width is known. Supported: a tensor of "
        "operators, LinearSSM, nn.Conv1d, FactorizedMixer, SoftmaxMixer, nn.MultiheadAttention, LinearAttention; for "
        "another layer pass interaction_operators(layer, X)"
    )
