"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements partial correlation and partial variance of the parts of a composition, with tests, as one estimator.
Differences: see the docstring of `CompositionalPartialCorrelation`.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.partial_correlation.compositions import Composition, as_composition
from workingpapers.papers.partial_correlation.induced import induced_value
from workingpapers.papers.partial_correlation.inference import fisher_intervals, p_values, p_values_against, q_values
from workingpapers.papers.partial_correlation.precision import (
    partial_correlation_of,
    precision_of_covariance,
    precision_of_logs,
)
from workingpapers.papers.partial_correlation.shrinkage import (
    correlation_shrinkage,
    shrunk_covariance,
    variance_shrinkage,
)
from workingpapers.parts.checks import one_of, real_number


class CompositionalPartialCorrelation(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Partial correlations and partial variances of the parts of a composition, without a reference part.

    With Γ the covariance of the centred log-ratios and `P = Γ⁺`: the partial variance of part i, `1 / P_ii`, is the
    variance of what all other log-ratios leave of `log x_i / x_k`, the same for every k; the partial correlation is
    `r_ij = -P_ij / √(P_ii P_jj)`. Section 3 of the paper; the inverse is one Cholesky factorisation of order D - 1.

    Only ratios within a row count: closed rows, counts and amounts give the same result, and so do columns in other
    units. Conditioning on D - 3 free log-ratios leaves `df = n - D + 1`.

    Args:
        shrinkage: None needs n ≥ D + 1 rows. "basis" shrinks the covariance of the logarithms of the closed rows, "clr"
            that of the centred log-ratios, each by the data-driven shares of Schäfer and Strimmer: correlations to 0,
            variances to their median. A number in [0, 1] is the share of both for "basis": 0 changes nothing, with 1
            every r is 1 / (D - 1). Basis shrinkage depends on closure, as no reference-free method does.
        zeros: "error" refuses zeros; "multiplicative" puts 0.65 times the smallest positive entry of the column in
            their place and takes that from the rest of the row; a positive number, in the unit of X, is put in instead.
        null: What p-values test against. "zero", by Student's t; or "induced", by Fisher's z, the value that closure
            alone gives to independent parts with these partial variances (`induced_partial_correlation`), which is no
            0 when parts are few.
        reference: Part that the factorisation divides by, by name or position. It changes nothing but rounding; None
            takes the part of least centred log-ratio variance.

    Attributes:
        precision_: P, `(D, D)`; its rows add up to 0.
        partial_correlation_: r, `(D, D)`, ones on the diagonal.
        partial_variance_: `(D,)`, in squared natural log-ratios, by n - 1.
        pvalue_: `(D, D)`, two-sided; 1 on the diagonal, which is not tested. With shrinkage they are approximate, and
            NaN where `df_` is below 1.
        qvalue_: `(D, D)`, p-values adjusted over D (D - 1) / 2 pairs after Benjamini and Hochberg.
        ci_: `(D, D, 2)`, 95 % intervals by Fisher's z with n - D in place of n - 3; 1 to 1 on the diagonal.
        df_: n - D + 1.
        lambda_: Share by which correlations were shrunk; 0 without shrinkage.
        lambda_variance_: The same for variances.
        induced_: `(D, D)`, the value that closure alone would give; what null="induced" tests against.
        feature_names_in_: Names of the parts, `(D,)`; `x0`, `x1`, … for an array.

    Raises:
        InvalidParameterError: on fit, for entries that are not positive and finite (with row and column), fewer than 3
            parts or too few rows, proportional columns (with their names), and parameters outside what is allowed.
        NonNumericPartError: on fit, for a column that holds no numbers (a `ValueError` and a `TypeError`).
        UnknownPartError: on fit, where the reference is no part (a `KeyError`).

    Differs from the paper:
        Tests, intervals, the closure-induced null and shrinkage are not in it. propr with `ivar="alr"` gives zeros in
        the row and column of the reference; here no part is lost.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> logs = rng.normal(size=(200, 5))
        >>> logs[:, 1] += logs[:, 0]
        >>> X = pd.DataFrame(np.exp(logs), columns=["Na", "Cl", "Si", "Al", "Fe"])
        >>> model = CompositionalPartialCorrelation(null="induced").fit(X.div(X.sum(axis=1), axis=0))
        >>> model.graph(alpha=0.01)[0][:2]
        ('Na', 'Cl')
        >>> other = CompositionalPartialCorrelation(reference="Fe").fit(X)  # not closed, other reference
        >>> bool(np.allclose(model.partial_correlation_, other.partial_correlation_))
        True
    """

    def __init__(
        self,
        shrinkage: str | float | None = None,
        zeros: str | float = "error",
        null: str = "zero",
        reference: str | int | None = None,
    ) -> None:
        self.shrinkage = shrinkage
        self.zeros = zeros
        self.null = null
        self.reference = reference

    def fit(self, X: ArrayLike, y: object = None) -> "CompositionalPartialCorrelation":
        """Estimate from a table of parts.

        Args:
            X: `(n, D)`, positive parts; a DataFrame (its columns name the parts) or an array.
            y: Not used; scikit-learn's convention.
        """
        null = one_of("null", self.null, ("zero", "induced"))
        parts = as_composition(X, self.zeros, least_parts=3, least_rows=2)
        n, d = parts.values.shape
        precision, shares = _precision(parts, self.shrinkage, self.reference)
        r = partial_correlation_of(precision)
        induced = induced_value(np.diag(precision))
        p = p_values(r, n - d + 1) if null == "zero" else p_values_against(r, induced, n - d)
        np.fill_diagonal(p, 1.0)
        self.feature_names_in_ = np.array(parts.names, dtype=object)
        self.n_features_in_ = d
        self.precision_ = precision
        self.partial_correlation_ = r
        self.partial_variance_ = 1 / np.diag(precision)
        self.pvalue_ = p
        self.qvalue_ = q_values(p)
        self.ci_ = fisher_intervals(r, n - d)
        self.df_ = n - d + 1
        self.lambda_, self.lambda_variance_ = shares
        self.induced_ = induced
        return self

    def to_frame(self, kind: str = "long") -> pd.DataFrame:
        """The result as a table.

        Args:
            kind: "long", one row for each pair, with columns `part_a`, `part_b`, `r`, `ci_low`, `ci_high`, `p`, `q`,
                the largest |r| first; or "square", r with the parts' names on both sides.
        """
        check_is_fitted(self)
        names = self.feature_names_in_
        if one_of("kind", kind, ("long", "square")) == "square":
            return pd.DataFrame(self.partial_correlation_, index=list(names), columns=list(names))
        a, b = np.triu_indices(len(names), 1)
        frame = pd.DataFrame(
            {
                "part_a": names[a],
                "part_b": names[b],
                "r": self.partial_correlation_[a, b],
                "ci_low": self.ci_[a, b, 0],
                "ci_high": self.ci_[a, b, 1],
                "p": self.pvalue_[a, b],
                "q": self.qvalue_[a, b],
            }
        )
        order = np.argsort(-frame["r"].abs().to_numpy(), kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def graph(self, alpha: float = 0.05, method: str = "bh") -> list[tuple[str, str, dict[str, float]]]:
        """The pairs that are significant, as an edge list: `networkx.Graph(model.graph())`.

        Args:
            alpha: Level that adjusted p-values are at or below, in (0, 1].
            method: How p-values are adjusted for the number of pairs: "bh", "by", "bonferroni" or "none".

        Returns:
            `(part_a, part_b, {"weight": r, "pvalue": p, "qvalue": adjusted p})`, the largest |r| first.

        Raises:
            InvalidParameterError: alpha or method outside what is allowed; or a fit with too few rows for p-values.
        """
        check_is_fitted(self)
        alpha = real_number("alpha", alpha, above=0, most=1)
        method = one_of("method", method, ("bh", "by", "bonferroni", "none"))
        if np.isnan(self.pvalue_).any():
            raise InvalidParameterError(
                f"df={self.df_}: too few rows for p-values, so no pair can be called significant; rank the pairs of "
                "to_frame() by |r|, or take intervals from bootstrap_partial_correlation"
            )
        q, r = q_values(self.pvalue_, method), self.partial_correlation_
        a, b = np.triu_indices(len(q), 1)
        kept = [(i, j) for i, j in zip(a, b, strict=True) if q[i, j] <= alpha]
        kept.sort(key=lambda pair: -abs(r[pair]))
        names = self.feature_names_in_
        return [
            (
                str(names[i]),
                str(names[j]),
                {"weight": float(r[i, j]), "pvalue": float(self.pvalue_[i, j]), "qvalue": float(q[i, j])},
            )
            for i, j in kept
        ]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def _precision(parts: Composition, shrinkage: Any, reference: object) -> tuple[np.ndarray, tuple[float, float]]:
    """P and the shares by which correlations and variances were shrunk."""
    if isinstance(shrinkage, str):
        one_of("shrinkage", shrinkage, ("basis", "clr"))
    elif shrinkage is not None:
        shrinkage = real_number("shrinkage", shrinkage, least=0, most=1)
    k = None if reference is None else parts.position(reference, "reference")
    n, d = parts.values.shape
    if (shrinkage is None or shrinkage == 0.0) and n < d + 1:
        raise InvalidParameterError(
            f"n={n} rows (n_samples={n}) with {d} parts give df={n - d + 1}, and at least 2 are needed; "
            "use shrinkage='basis', or merge parts"
        )
    if n < 3:
        raise InvalidParameterError(f"n={n} rows (n_samples={n}); even with shrinkage at least 3 are needed")
    if shrinkage is None or shrinkage == 0.0:
        return precision_of_logs(parts.logs, k, parts.names), (0.0, 0.0)
    logs = parts.logs
    columns = logs - logs.mean(axis=1, keepdims=True) if shrinkage == "clr" else logs
    if isinstance(shrinkage, str):
        shares = correlation_shrinkage(columns), variance_shrinkage(columns)
    else:
        shares = shrinkage, shrinkage
    covariance = shrunk_covariance(columns, *shares)
    if k is None:
        k = int(np.diag(covariance).argmin())
    return precision_of_covariance(covariance, k, parts.names), shares
