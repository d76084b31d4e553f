"""How much two sets of features depend on each other: HSIC and COCO from kernel matrices, both differentiable.

Gretton et al. 2005 (HSIC, COCO), Song et al. 2012 (unbiased HSIC), Fukumizu et al. 2008 (normalised HSIC).
Gaussian kernel matrices are made in the features' own type (at least float32), linear ones and all that is inverted in
float64 where there is one.
"""

import warnings
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import check_generator, one_of, real_number, true_or_false, whole_number
from workingpapers.parts.dependence_kernels import (
    CONSTANT,
    centre,
    check_rows,
    coco_of,
    features_of,
    kernel_matrix,
    normalised_operator,
    wide,
)

Kernel = Literal["gaussian", "linear"]


class ConstantInputWarning(UserWarning):
    """Features are the same in every row, so that nothing can depend on them; the measure is 0."""


class HSICTest(NamedTuple):
    """Statistic and p-value of a permutation test, both floats."""

    statistic: float
    p_value: float


def gram(
    x: Shaped[Tensor, "n *x"], kernel: Kernel = "gaussian", sigma: float | Literal["median"] = 5.0
) -> Float[Tensor, "n n"]:
    """Kernel matrix of a batch: Gaussian `exp(-|u - v|² / (2 σ² dim))`, or linear `u · v`.

    Args:
        x: Features, `(n, ...)`; everything after the first axis is flattened to `dim` numbers; `(n,)` is one feature.
        kernel: `"gaussian"` or `"linear"`.
        sigma: Width σ of the Gaussian kernel; `"median"` takes the median distance between rows over √dim, without
            a gradient through it. The linear kernel has none.

    Returns:
        Shape `(n, n)`, in the type of `x`, at least float32.

    Raises:
        InvalidParameterError: fewer than 2 rows, no features, NaN or infinite values, or a bad kernel or width.
        InvalidTypeError: `x` is no tensor of real numbers, or `sigma` no number.

    Example:
        >>> gram(torch.tensor([[0.0], [5.0]]), sigma=5.0)
        tensor([[1.0000, 0.6065],
                [0.6065, 1.0000]])
    """
    _check_kernel("kernel", kernel, sigma)
    return kernel_matrix(features_of("x", x, least=2), kernel, sigma)


def hsic(
    x: Shaped[Tensor, "n *x"],
    y: Shaped[Tensor, "m *y"],
    *,
    kernel_x: Kernel = "gaussian",
    kernel_y: Kernel = "gaussian",
    sigma: float | Literal["median"] = 5.0,
    normalized: bool = True,
    eps: float = 1e-5,
    estimator: Literal["biased", "unbiased"] = "biased",
) -> Float[Tensor, ""]:
    """Hilbert-Schmidt independence criterion of two batches of features, differentiable in both.

    With centred kernel matrices `K = H K_x H`, `L = H K_y H` of n rows: normalised `tr(K (K + εnI)⁻¹ L (L + εnI)⁻¹)`,
    between 0 and n - 1; plain `tr(K L) / (n - 1)²`, biased; or the unbiased U-statistic of Song et al. (equation 5),
    which may be negative. The inverse is one of a symmetric matrix, by Cholesky factors in float64.

    Args:
        x: Features `(n, ...)`, flattened after the first axis; n of at least 4.
        y: Features `(n, ...)` of the same rows, for example one-hot labels with `kernel_y="linear"`.
        kernel_x: `"gaussian"` or `"linear"`.
        kernel_y: Likewise.
        sigma: Width of Gaussian kernels, see `gram`.
        normalized: Whether each kernel is divided by its spectrum, as in BiDO.
        eps: ε of the normalised measure.
        estimator: `"unbiased"` exists for `normalized=False`.

    Returns:
        A tensor without axes, in the wider of both types. 0, with a `ConstantInputWarning`, where x or y is constant.

    Raises:
        InvalidParameterError: fewer than 4 rows, different numbers of rows, NaN, or options outside what is allowed.
        InvalidTypeError: no tensors of real numbers, or options of another type.

    Example:
        >>> x = torch.eye(2).repeat(4, 1)                    # labels of two balanced classes, eight rows
        >>> round(hsic(x, x, kernel_x="linear", kernel_y="linear").item(), 3)   # classes - 1
        1.0
        >>> round(hsic(x, x, kernel_x="linear", kernel_y="linear", normalized=False).item(), 3)
        0.327
    """
    _check_kernel("kernel_x", kernel_x, sigma)
    _check_kernel("kernel_y", kernel_y, sigma)
    normalized = true_or_false("normalized", normalized)
    eps = real_number("eps", eps, above=0)
    one_of("estimator", estimator, ("biased", "unbiased"))
    if estimator == "unbiased" and normalized:
        raise InvalidParameterError("estimator is 'unbiased' and normalized True; give normalized=False with it")
    first, second = _pair(x, y)
    rows = len(first)
    k, l_ = _kernel(first, kernel_x, sigma), _kernel(second, kernel_y, sigma)
    kc, lc = centre(wide(k)), centre(wide(l_))
    result = torch.promote_types(first.dtype, second.dtype)
    if _constant(kc, k, "x") | _constant(lc, l_, "y"):
        return (kc.sum() * 0 + lc.sum() * 0).to(result)
    if normalized:
        value = (normalised_operator(kc, eps) * normalised_operator(lc, eps)).sum()
    elif estimator == "biased":
        value = (kc * lc).sum() / (rows - 1) ** 2
    else:
        value = _unbiased(wide(k), wide(l_))
    return value.to(result)


def coco(
    x: Shaped[Tensor, "n *x"],
    y: Shaped[Tensor, "m *y"],
    *,
    kernel_x: Kernel = "gaussian",
    kernel_y: Kernel = "gaussian",
    sigma: float | Literal["median"] = 5.0,
    norm: Literal["fro", "spectral"] = "fro",
) -> Float[Tensor, ""]:
    """Constrained covariance of two batches of features, `sqrt(‖K L‖ + 1e-12) / n` with centred kernel matrices.

    Args:
        x: Features `(n, ...)`, flattened after the first axis; n of at least 4.
        y: Features `(n, ...)` of the same rows.
        kernel_x: `"gaussian"` or `"linear"`.
        kernel_y: Likewise.
        sigma: Width of Gaussian kernels, see `gram`.
        norm: Frobenius norm, as the official code of BiDO has it and never smaller; or the largest singular value,
            as COCO is defined.

    Returns:
        A tensor without axes, in the wider of both types. 0, with a `ConstantInputWarning`, where x or y is constant.

    Raises:
        InvalidParameterError: fewer than 4 rows, different numbers of rows, NaN, or options outside what is allowed.
        InvalidTypeError: no tensors of real numbers.

    Example:
        >>> x = torch.tensor([-1.0, 0.0, 0.0, 1.0])
        >>> round(coco(x, x, kernel_x="linear", kernel_y="linear").item(), 3)   # sqrt(|x·x| |x| |x|) / 4
        0.5
    """
    _check_kernel("kernel_x", kernel_x, sigma)
    _check_kernel("kernel_y", kernel_y, sigma)
    one_of("norm", norm, ("fro", "spectral"))
    first, second = _pair(x, y)
    k, l_ = _kernel(first, kernel_x, sigma), _kernel(second, kernel_y, sigma)
    kc, lc = centre(wide(k)), centre(wide(l_))
    result = torch.promote_types(first.dtype, second.dtype)
    if _constant(kc, k, "x") | _constant(lc, l_, "y"):
        return (kc.sum() * 0 + lc.sum() * 0).to(result)
    return coco_of(kc, lc, norm).to(result)


@torch.no_grad()
def hsic_test(
    x: Shaped[Tensor, "n *x"],
    y: Shaped[Tensor, "m *y"],
    n_permutations: int = 1000,
    *,
    kernel_x: Kernel = "gaussian",
    kernel_y: Kernel = "gaussian",
    sigma: float | Literal["median"] = "median",
    generator: torch.Generator | None = None,
) -> HSICTest:
    """Permutation test of independence: is plain biased HSIC larger than with the rows of `y` shuffled?

    `p = (1 + #{permuted ≥ observed}) / (1 + n_permutations)`, so it is never 0 and valid at any number of rows.

    Args:
        x: Features `(n, ...)`, flattened after the first axis; n of at least 4.
        y: Features `(n, ...)` of the same rows.
        n_permutations: Shuffles; 1000 resolve p to 0.001.
        kernel_x: `"gaussian"` or `"linear"`.
        kernel_y: Likewise.
        sigma: Width of Gaussian kernels, see `gram`.
        generator: Source of the shuffles, on the CPU; None for torch's default one.

    Returns:
        Statistic and p-value.

    Raises:
        InvalidParameterError: as `hsic`, or `n_permutations` below 1.
        InvalidTypeError: as `hsic`.

    Example:
        >>> x = torch.linspace(-1, 1, 40)
        >>> statistic, p = hsic_test(x, x**2, n_permutations=99, generator=torch.Generator().manual_seed(0))
        >>> p
        0.01
    """
    _check_kernel("kernel_x", kernel_x, sigma)
    _check_kernel("kernel_y", kernel_y, sigma)
    n_permutations = whole_number("n_permutations", n_permutations, least=1)
    check_generator(generator, torch.device("cpu"))
    first, second = _pair(x, y)
    k, l_ = _kernel(first, kernel_x, sigma), _kernel(second, kernel_y, sigma)
    kc, lc = centre(wide(k)), centre(wide(l_))
    if _constant(kc, k, "x") | _constant(lc, l_, "y"):
        return HSICTest(0.0, 1.0)
    rows = len(kc)
    observed = (kc * lc).sum()
    slack = 1e-12 * torch.linalg.vector_norm(kc) * torch.linalg.vector_norm(lc)  # equal up to rounding counts as equal
    exceeding = 0
    for _ in range(n_permutations):
        order = torch.randperm(rows, generator=generator).to(lc.device)
        exceeding += int((kc * lc[order][:, order]).sum() >= observed - slack)
    return HSICTest(float(observed) / (rows - 1) ** 2, (1 + exceeding) / (1 + n_permutations))


def _check_kernel(name: str, kernel: str, sigma: float | str) -> None:
    one_of(name, kernel, ("gaussian", "linear"))
    if isinstance(sigma, str):
        one_of("sigma", sigma, ("median",))
    else:
        real_number("sigma", sigma, above=0)


def _kernel(x: Tensor, kernel: Kernel, sigma: float | str) -> Tensor:
    """The kernel matrix; a linear one in float64, because its small eigenvalues drown in float32's rounding."""
    return kernel_matrix(wide(x) if kernel == "linear" else x, kernel, sigma)


def _pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    first, second = features_of("x", x), features_of("y", y)
    check_rows("x", first, "y", second)
    if first.device != second.device:
        raise InvalidTypeError(f"x is on {first.device} and y on {second.device}; bring both to one device")
    return first, second


def _constant(centred: Tensor, kernel: Tensor, name: str) -> bool:
    """Whether nothing but rounding is left by centring; warns then."""
    tolerance = CONSTANT[kernel.dtype]
    is_constant = bool(centred.detach().abs().max() <= tolerance * kernel.detach().abs().max())
    if is_constant:
        warnings.warn(
            f"{name} is the same in all {len(kernel)} rows as far as its kernel can tell, so the dependence is 0; give "
            "features that vary, or a smaller sigma",
            ConstantInputWarning,
            stacklevel=3,
        )
    return is_constant


def _unbiased(k: Tensor, l_: Tensor) -> Tensor:
    rows = len(k)
    k, l_ = k - torch.diag(k.diagonal()), l_ - torch.diag(l_.diagonal())
    sums = k.sum() * l_.sum() / ((rows - 1) * (rows - 2)) - 2 * (k.sum(0) @ l_.sum(0)) / (rows - 2)
    return ((k * l_).sum() + sums) / (rows * (rows - 3))
