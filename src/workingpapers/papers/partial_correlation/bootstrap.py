"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements bootstrap intervals of partial correlations and partial variances, many resamples in one Cholesky call.
Differences: the paper has no intervals.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.partial_correlation.compositions import as_composition
from workingpapers.papers.partial_correlation.method import CompositionalPartialCorrelation
from workingpapers.papers.partial_correlation.precision import SMALLEST_EIGENVALUE
from workingpapers.parts.checks import check_generator, real_number, usable_device, whole_number

_NUMBERS_AT_ONCE = 20_000_000  # float64 numbers that a block of resamples may hold
_MOST_FAILURES = 0.1


@dataclass(frozen=True)
class BootstrapIntervals:
    """Percentile intervals over resamples of the rows.

    Attributes:
        partial_correlation: Of the sample itself, `(D, D)`.
        ci: Intervals of the partial correlations, `(D, D, 2)`.
        standard_error: Of the partial correlations, `(D, D)`.
        partial_variance: Of the sample itself, `(D,)`.
        partial_variance_ci: `(D, 2)`.
        resamples: Number of resamples used.
        failed: Resamples thrown away because their log-ratios were collinear.
        names: Names of the parts.

    Example:
        >>> X = np.random.default_rng(0).dirichlet([4, 4, 4], 60)
        >>> found = bootstrap_partial_correlation(X, resamples=100, generator=torch.Generator().manual_seed(0))
        >>> low, high = found.ci[0, 1]
        >>> bool(low < found.partial_correlation[0, 1] < high)
        True
    """

    partial_correlation: np.ndarray
    ci: np.ndarray
    standard_error: np.ndarray
    partial_variance: np.ndarray
    partial_variance_ci: np.ndarray
    resamples: int
    failed: int
    names: tuple[str, ...]


def bootstrap_partial_correlation(
    X: ArrayLike,
    resamples: int = 1000,
    *,
    shrinkage: str | float | None = None,
    zeros: str | float = "error",
    confidence: float = 0.95,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> BootstrapIntervals:
    """Bootstrap intervals: rows are drawn with replacement, all resamples factorised in batches.

    Args:
        X: `(n, D)`, positive parts.
        resamples: How many.
        shrinkage: As in `CompositionalPartialCorrelation`; the shares are estimated once, on X, and kept.
        zeros: As there.
        confidence: In (0, 1).
        generator: Torch generator on the CPU; None takes torch's default one.
        device: Where the factorisations run; None is the CPU.

    Returns:
        `BootstrapIntervals`.

    Raises:
        InvalidParameterError: as `CompositionalPartialCorrelation.fit`; or more than a tenth of the resamples is
            collinear, because rows are few (a resample holds some 63 % of them).

    Example:
        >>> X = np.random.default_rng(0).dirichlet([4, 4, 4], 60)
        >>> found = bootstrap_partial_correlation(X, resamples=200, generator=torch.Generator().manual_seed(0))
        >>> found.ci.shape, found.failed
        ((3, 3, 2), 0)
    """
    resamples = whole_number("resamples", resamples, least=2)
    confidence = real_number("confidence", confidence, above=0, below=1)
    check_generator(generator, torch.device("cpu"))
    place = usable_device(device)
    model = CompositionalPartialCorrelation(shrinkage=shrinkage, zeros=zeros).fit(X)
    parts = as_composition(X, zeros, least_parts=3)
    n, d = parts.values.shape
    logs = parts.logs - (parts.logs.mean(axis=1, keepdims=True) if shrinkage == "clr" else 0.0)
    columns = torch.tensor(logs - logs.mean(axis=0), device=place)
    block = max(1, _NUMBERS_AT_ONCE // (n * d + 4 * d * d))
    made: list[Tensor] = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = torch.randint(n, (size, n), generator=generator).to(place)
        counts = torch.zeros(size, n, dtype=torch.float64, device=place)
        counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
        made.append(_precisions(columns, counts, model.lambda_, model.lambda_variance_).cpu())
    precision = torch.cat(made)
    is_kept = precision[:, 0, 0].isfinite()
    failed = int((~is_kept).sum())
    if failed > _MOST_FAILURES * resamples:
        raise InvalidParameterError(
            f"{failed} of {resamples} resamples are collinear: {n} rows are too few for {d} parts to be resampled; "
            "use shrinkage='basis'"
        )
    kept = precision[is_kept].numpy()
    diagonal = np.diagonal(kept, axis1=1, axis2=2)
    r = np.clip(-kept / np.sqrt(diagonal[:, :, None] * diagonal[:, None, :]), -1, 1)
    r[:, np.arange(d), np.arange(d)] = 1.0
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    return BootstrapIntervals(
        partial_correlation=model.partial_correlation_,
        ci=np.moveaxis(np.quantile(r, ends, axis=0), 0, -1),
        standard_error=r.std(axis=0, ddof=1),
        partial_variance=model.partial_variance_,
        partial_variance_ci=np.quantile(1 / diagonal, ends, axis=0).T,
        resamples=len(kept),
        failed=failed,
        names=parts.names,
    )


def _precisions(
    columns: Float[Tensor, "samples parts"],
    counts: Float[Tensor, "resamples samples"],
    lambda_: float,
    lambda_variance: float,
) -> Float[Tensor, "resamples parts parts"]:
    """P of every resample; NaN where it is collinear."""
    n = len(columns)
    mean = counts @ columns / n
    covariance = (counts[:, None, :] * columns.T) @ columns - n * mean[:, :, None] * mean[:, None, :]
    covariance = covariance / (n - 1)
    if lambda_ or lambda_variance:
        variances = covariance.diagonal(dim1=1, dim2=2)
        middle = torch.quantile(variances, 0.5, dim=1, keepdim=True)  # torch's median takes the lower of two
        wanted = lambda_variance * middle + (1 - lambda_variance) * variances
        scale = (wanted / variances.clamp_min(torch.finfo(variances.dtype).tiny)).sqrt()
        covariance = (1 - lambda_) * covariance * scale[:, :, None] * scale[:, None, :]
        covariance.diagonal(dim1=1, dim2=2).copy_(wanted)
    sigma = covariance[:, 1:, 1:] - covariance[:, 1:, :1] - covariance[:, :1, 1:] + covariance[:, :1, :1]
    spread = sigma.diagonal(dim1=1, dim2=2).clamp_min(torch.finfo(sigma.dtype).tiny).sqrt()
    factor, info = torch.linalg.cholesky_ex(sigma / spread[:, :, None] / spread[:, None, :])
    smallest = factor.diagonal(dim1=1, dim2=2).amin(dim=1)
    failed = (info > 0) | ~(smallest**2 >= SMALLEST_EIGENVALUE)
    factor[failed] = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    inverse = torch.cholesky_inverse(factor) / spread[:, :, None] / spread[:, None, :]
    sums = inverse.sum(dim=1)
    precision = columns.new_empty(len(counts), columns.shape[1], columns.shape[1])
    precision[:, 1:, 1:] = inverse
    precision[:, 0, 1:] = precision[:, 1:, 0] = -sums
    precision[:, 0, 0] = sums.sum(dim=1)
    precision[failed] = torch.nan
    return precision
