"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements the partial correlation of one pair given chosen parts, and the R² of a log-ratio, for each reference.
Differences: rank correlation of the residuals is ours; residuals do not depend on a reference, so neither does it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike
from scipy import stats

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.partial_correlation.compositions import Composition, as_composition
from workingpapers.papers.partial_correlation.inference import fisher_intervals, p_values
from workingpapers.papers.partial_correlation.precision import precision_of_logs
from workingpapers.parts.checks import one_of


def partial_corr(
    data: ArrayLike, x: str | int, y: str | int, given: str | Sequence[str | int] = "rest", method: str = "pearson"
) -> pd.Series:
    """Partial correlation of two parts given others, in the subcomposition of these parts.

    Args:
        data: `(n, D)`, positive parts; a DataFrame or an array.
        x: One part, by name or position.
        y: The other.
        given: "rest" for all other parts, or a list of at least one of them, by name or position.
        method: "pearson", the correlation of the residuals of `log x / k` and `log y / k` on the other log-ratios; or
            "spearman", the rank correlation of these residuals, with p and interval as if it were r. With one given
            part g it is Spearman's ρ of `log x / g` and `log y / g`. It is not pingouin's partial correlation of
            ranks, which would change with the reference.

    Returns:
        `r`; `ci`, 95 % interval, `(2,)`; `p`, two-sided; and `df`, n minus the number of parts used plus 1.

    Raises:
        InvalidParameterError: x and y equal, a part given twice, no part given, too few rows, proportional columns,
            entries that are not positive and finite.
        UnknownPartError: no such part (a `KeyError`).

    Example:
        >>> X = pd.DataFrame(np.random.default_rng(1).dirichlet([4, 4, 4, 4], 80), columns=list("abcd"))
        >>> partial_corr(X, "a", "b", given=["c"]).df
        78
    """
    method = one_of("method", method, ("pearson", "spearman"))
    whole = as_composition(data, least_parts=3)
    i, j = whole.position(x, "x"), whole.position(y, "y")
    if isinstance(given, str):
        one_of("given", given, ("rest",))
        others = [k for k in range(len(whole.names)) if k not in (i, j)]
    elif isinstance(given, Sequence | np.ndarray | pd.Index):
        others = [whole.position(each, "given") for each in given]
    else:
        raise InvalidTypeError(f"given is {given!r}; give 'rest' or a list of parts")
    if i == j:
        raise InvalidParameterError(f"x and y are both {whole.names[i]!r}; give two different parts")
    if not others:
        raise InvalidParameterError("given is empty: two parts have one log-ratio; give at least one more part")
    if len({i, j, *others}) < len(others) + 2:
        raise InvalidParameterError("given names a part twice, or x or y; give each part once")
    used = whole.part([i, j, *others])
    n, d = used.values.shape
    df = n - d + 1
    if df < 2:
        raise InvalidParameterError(
            f"n={n} rows with {d} parts give df={df}, and at least 2 are needed; give fewer parts"
        )
    precision = precision_of_logs(used.logs, names=used.names)
    if method == "pearson":
        r = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    else:
        # residual of log x_i given the log-ratios of `others`: P restricted to x and y, inverted
        weights = np.linalg.solve(precision[:2, :2], precision[:2])
        centred = used.logs - used.logs.mean(axis=0)
        r = stats.spearmanr(*(weights @ centred.T)).statistic
    r = float(np.clip(r, -1, 1))
    one = np.array([r])
    return pd.Series({"r": r, "ci": fisher_intervals(one, n - d)[0], "p": float(p_values(one, df)[0]), "df": df})


def logratio_r2(X: ArrayLike, part: str | int, reference: str | int) -> float:
    """Share of the variance of `log x_part / x_reference` that all other log-ratios explain.

    `R² = 1 - v_part / var(log x_part / x_reference)`. The residual variance v is the same for every reference; the
    variance it is compared with is not, so R² depends on the reference and is no property of the part.

    Args:
        X: `(n, D)`, positive parts, n ≥ D + 1.
        part: By name or position.
        reference: Another part.

    Returns:
        R², 0 to 1.

    Raises:
        InvalidParameterError: part and reference equal, too few rows, proportional columns, entries that are not
            positive and finite.
        UnknownPartError: no such part (a `KeyError`).

    Example:
        >>> X = np.random.default_rng(0).dirichlet([1, 4, 16], 500)
        >>> round(logratio_r2(X, 0, 1) - logratio_r2(X, 0, 2), 2)
        0.09
    """
    parts = as_composition(X, least_parts=3)
    i, k = parts.position(part, "part"), parts.position(reference, "reference")
    if i == k:
        raise InvalidParameterError(f"part and reference are both {parts.names[i]!r}; give two different parts")
    return float(r2_by_reference(parts)[i, k])


def r2_by_reference(parts: Composition) -> Float[ndarray, "parts parts"]:
    """R² of every part (rows) for every reference (columns), `(D, D)`, NaN on the diagonal.

    Args:
        parts: The composition.

    Example:
        >>> parts = as_composition(np.random.default_rng(0).dirichlet([1, 4, 16], 500))
        >>> r2_by_reference(parts).shape
        (3, 3)
    """
    n, d = parts.values.shape
    if n < d + 1:
        raise InvalidParameterError(f"n={n} rows with {d} parts give df={n - d + 1}, and at least 2 are needed")
    logs = parts.logs
    residual = 1 / np.diag(precision_of_logs(logs, names=parts.names))
    total = np.array([[np.var(logs[:, i] - logs[:, k], ddof=1) for k in range(d)] for i in range(d)])
    np.fill_diagonal(total, np.nan)
    return np.clip(1 - residual[:, None] / total, 0.0, 1.0)
