"""What HSIC, COCO and regularisers made of them share: kernel matrices, centring, spectra; all batched over layers."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

LEAST_ROWS = 4
ROOT_GUARD = 1e-12  # inside COCO's root, whose gradient would not be finite at 0
# Below this share of the kernel matrix, what centring leaves is rounding
CONSTANT = {torch.float32: 1e-7, torch.float64: 1e-15}


def features_of(name: str, values: Any, least: int = LEAST_ROWS) -> Float[Tensor, "n dim"]:
    """A batch as a matrix of real numbers `(n, dim)`, at least float32, checked.

    Raises:
        InvalidTypeError: no tensor, bool or complex.
        InvalidParameterError: too few rows, no features, NaN or infinite values.

    Example:
        >>> features_of("x", torch.zeros(4, 2, 3)).shape
        torch.Size([4, 6])
    """
    if not isinstance(values, Tensor):
        raise InvalidTypeError(f"{name} is {type(values).__name__}; give a torch.Tensor (torch.as_tensor makes one)")
    if values.dtype == torch.bool or values.is_complex():
        raise InvalidTypeError(f"{name} holds {values.dtype}; give real numbers")
    if values.ndim == 0 or len(values) < least:
        rows = "no axis" if values.ndim == 0 else f"{len(values)} rows"
        raise InvalidParameterError(f"{name} has {rows}; a dependence needs a batch of at least {least} rows")
    matrix = values.flatten(1) if values.ndim > 1 else values[:, None]
    if matrix.shape[1] == 0:
        raise InvalidParameterError(f"{name} has shape {tuple(values.shape)}, without any feature; give at least one")
    if matrix.dtype not in (torch.float32, torch.float64):
        matrix = matrix.to(torch.float32)
    # a sum takes one pass and no memory; where it overflows, the values themselves are looked at
    bad = 0
    if not bool(matrix.detach().sum().isfinite()):
        bad = int((~matrix.detach().isfinite()).sum())
    if bad:
        raise InvalidParameterError(
            f"{name} holds {bad} NaN or infinite of {matrix.numel()} values; remove those rows, or lower the learning "
            "rate where a network has diverged"
        )
    return matrix


def check_rows(name: str, first: Tensor, other: str, second: Tensor) -> None:
    """Raise `InvalidParameterError` where two batches differ in size."""
    if len(first) != len(second):
        raise InvalidParameterError(
            f"{name} has {len(first)} rows and {other} {len(second)}; both must be about the same samples"
        )


def kernel_matrix(x: Float[Tensor, "n dim"], kernel: str, sigma: float | str) -> Float[Tensor, "n n"]:
    """Linear or Gaussian kernel matrix; rows are shifted first, which changes no distance and keeps digits.

    Example:
        >>> kernel_matrix(torch.eye(2), "linear", 1.0)
        tensor([[1., 0.],
                [0., 1.]])
    """
    with torch.autocast(x.device.type, enabled=False):
        if kernel == "linear":
            return x @ x.T
        distances = _SquaredDistances.apply(x)  # type: ignore[no-untyped-call]  # torch gives no types
        if isinstance(sigma, str):
            rows, columns = torch.triu_indices(len(x), len(x), 1, device=x.device)
            lengths = distances.detach()[rows, columns].sqrt().sort().values
            scale = 2 * (0.5 * (lengths[(len(lengths) - 1) // 2] + lengths[len(lengths) // 2])) ** 2
            return (distances / scale.clamp_min(torch.finfo(x.dtype).tiny)).neg().exp()
        return (distances * (-0.5 / (sigma**2 * x.shape[1]))).exp()


class _SquaredDistances(torch.autograd.Function):
    """`|x_i - x_j|²`; its gradient is one product, `2 (diag(S 1) - S) x` with the symmetric part S of what comes in.

    Built from the product of all rows with all rows, autograd would take two, and one more pass for the centring.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        products = _products(x - x[0])
        squares = products.diagonal()
        distances = (squares[:, None] + squares[None, :]).sub_(products, alpha=2).clamp_min_(0)
        return distances.fill_diagonal_(0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # of torch operations, so that it can be differentiated again
        (x,) = ctx.saved_tensors
        doubled = 2 * (gradients[0] + gradients[0].transpose(0, 1))
        return (torch.diag(doubled.sum(1)) - doubled) @ x


def _products(x: Tensor) -> Tensor:
    """`x xᵀ`, of which one quarter is copied, not computed."""
    half = len(x) // 2
    top = x[:half] @ x.T
    return torch.cat((top, torch.cat((top[:, half:].T, x[half:] @ x[half:].T), 1)))


class _Inverse(torch.autograd.Function):
    """Inverse of symmetric positive definite matrices by Cholesky factors, with the gradient `-S G S`."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        return -(inverse @ gradients[0] @ inverse)


def wide(matrix: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """In float64, where the device has it: kernels of n rows are ill-conditioned and small."""
    return matrix if matrix.device.type == "mps" else matrix.to(torch.float64)


def centre(matrix: Float[Tensor, "*layers n n"]) -> Float[Tensor, "*layers n n"]:
    """`H K H` with `H = I - 11ᵀ/n`.

    Example:
        >>> centre(torch.eye(2))
        tensor([[ 0.5000, -0.5000],
                [-0.5000,  0.5000]])
    """
    columns = matrix.mean(-2, keepdim=True)
    return matrix - columns - matrix.mean(-1, keepdim=True) + columns.mean(-1, keepdim=True)


def normalised_operator(centred: Float[Tensor, "*layers n n"], eps: float) -> Float[Tensor, "*layers n n"]:
    """`K (K + εnI)⁻¹ = I - εn (K + εnI)⁻¹`, symmetric, one Cholesky factor for each matrix.

    Example:
        >>> normalised_operator(torch.zeros(2, 2, dtype=torch.float64), 1e-5).abs().max().item() < 1e-12
        True
    """
    rows = centred.shape[-1]
    shift = eps * rows
    eye = torch.eye(rows, dtype=centred.dtype, device=centred.device)
    inverse = _Inverse.apply(centred + shift * eye)  # type: ignore[no-untyped-call]  # likewise
    return eye - shift * inverse


def coco_of(
    first: Float[Tensor, "*layers n n"], second: Float[Tensor, "*others n n"], norm: str
) -> Float[Tensor, "*shape"]:
    """`sqrt(‖K L‖ + 1e-12) / n` of centred kernel matrices."""
    product = first @ second
    kind = "fro" if norm == "fro" else 2
    return (torch.linalg.matrix_norm(product, kind) + ROOT_GUARD).sqrt() / product.shape[-1]
