"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements log-ratio transforms, their inverses, the variation matrix and proportionality, its rivals.
Differences: none known; the definitions are Aitchison's (1986), Egozcue's (2003) for ilr, Quinn's (2017) for ρ_p, φ_s.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike
from scipy.linalg import helmert
from scipy.special import softmax
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.partial_correlation.compositions import as_composition, as_table, zero_deltas
from workingpapers.parts.checks import one_of

Table = Any  # numpy.ndarray, or pandas.DataFrame where a DataFrame was given


def clr(X: ArrayLike) -> Table:
    """Centred log-ratios: `log x_i - mean_j log x_j`.

    Args:
        X: `(n, D)`, positive parts; rows need not be closed.

    Returns:
        `(n, D)`; rows add up to 0. A DataFrame gives a DataFrame.

    Raises:
        InvalidParameterError: entries that are not positive and finite.

    Example:
        >>> clr([[1.0, 1.0, np.e**3]]).round(6)
        array([[-1., -1.,  2.]])
    """
    parts = as_composition(X)
    return _like(X, _clr(parts.values), parts.names)


def alr(X: ArrayLike, reference: str | int = -1) -> Table:
    """Additive log-ratios: `log x_i / x_k` for every part but the reference k.

    Args:
        X: `(n, D)`, positive parts.
        reference: k by name or position.

    Returns:
        `(n, D - 1)`. A DataFrame gives a DataFrame with columns such as `Si/Al`.

    Raises:
        InvalidParameterError: entries that are not positive and finite.
        UnknownPartError: no such part (a `KeyError`).

    Example:
        >>> alr([[1.0, np.e, 1.0]]).round(6)
        array([[0., 1.]])
    """
    parts = as_composition(X)
    k = parts.position(reference, "reference")
    logs = np.log(parts.values)
    names = [f"{name}/{parts.names[k]}" for i, name in enumerate(parts.names) if i != k]
    return _like(X, np.delete(logs, k, axis=1) - logs[:, [k]], names)


def ilr(X: ArrayLike) -> Table:
    """Isometric log-ratios in Helmert's basis: `√(i / (i+1)) (mean(log x_1 … log x_i) - log x_{i+1})`.

    Args:
        X: `(n, D)`, positive parts.

    Returns:
        `(n, D - 1)`; Euclidean distances are Aitchison's. A DataFrame gives a DataFrame with columns `ilr1`, `ilr2`, …

    Raises:
        InvalidParameterError: entries that are not positive and finite.

    Example:
        >>> ilr([[np.e**2, 1.0, np.e]]).round(4)
        array([[1.4142, 0.    ]])
    """
    parts = as_composition(X)
    coordinates = np.log(parts.values) @ helmert(len(parts.names)).T
    return _like(X, coordinates, [f"ilr{i}" for i in range(1, len(parts.names))])


def clr_inverse(Y: ArrayLike) -> Float[ndarray, "samples parts"]:
    """Parts that add up to 1 from centred log-ratios.

    Args:
        Y: `(n, D)`; whatever is common to a row does not count.

    Returns:
        `(n, D)`, closed to 1.

    Raises:
        InvalidParameterError: no table of finite numbers.

    Example:
        >>> clr_inverse([[0.0, 0.0, np.log(2)]])
        array([[0.25, 0.25, 0.5 ]])
    """
    closed: np.ndarray = softmax(_coordinates(Y), axis=1)
    return closed


def alr_inverse(Y: ArrayLike, reference: int = -1) -> Float[ndarray, "samples parts"]:
    """Parts that add up to 1 from additive log-ratios.

    Args:
        Y: `(n, D - 1)`.
        reference: Position of the reference among the D parts.

    Returns:
        `(n, D)`, closed to 1.

    Raises:
        InvalidParameterError: no table of finite numbers.
        UnknownPartError: no such position (a `KeyError`).

    Example:
        >>> alr_inverse([[0.0, np.log(2)]], reference=0)
        array([[0.25, 0.25, 0.5 ]])
    """
    coordinates = _coordinates(Y)
    with_reference = np.insert(coordinates, 0, 0.0, axis=1)
    k = as_composition(np.ones_like(with_reference)).position(reference, "reference")
    return clr_inverse(np.insert(coordinates, k, 0.0, axis=1))


def ilr_inverse(Y: ArrayLike) -> Float[ndarray, "samples parts"]:
    """Parts that add up to 1 from the isometric log-ratios of `ilr`.

    Args:
        Y: `(n, D - 1)`.

    Returns:
        `(n, D)`, closed to 1.

    Raises:
        InvalidParameterError: no table of finite numbers.

    Example:
        >>> x = np.array([[0.2, 0.3, 0.5]])
        >>> bool(np.allclose(ilr_inverse(ilr(x)), x))
        True
    """
    coordinates = _coordinates(Y)
    return clr_inverse(coordinates @ helmert(coordinates.shape[1] + 1))


def variation_matrix(X: ArrayLike) -> Table:
    """Variances of all log-ratios: `t_ij = var(log x_i / x_j)`, the one measure here that no subcomposition changes.

    Args:
        X: `(n, D)`, positive parts, at least 2 rows.

    Returns:
        `(D, D)`, symmetric, zeros on the diagonal. A DataFrame gives a DataFrame.

    Raises:
        InvalidParameterError: entries that are not positive and finite, or one row.

    Example:
        >>> variation_matrix([[1.0, 1.0], [1.0, np.e**2]])
        array([[0., 2.],
               [2., 0.]])
    """
    parts = as_composition(X)
    return _square(X, _variation(_covariance(parts.values)), parts.names)


def proportionality(X: ArrayLike, kind: str = "rho_p") -> Table:
    """Proportionality of parts, with clr as the normalisation A.

    `ρ_p = 1 - var(A_i - A_j) / (var A_i + var A_j)` and `φ_s = var(A_i - A_j) / var(A_i + A_j)`.

    Args:
        X: `(n, D)`, positive parts, at least 2 rows.
        kind: "rho_p" (-1 to 1, 1 is proportional) or "phi_s" (from 0, proportional, without bound).

    Returns:
        `(D, D)`, symmetric. A DataFrame gives a DataFrame.

    Raises:
        InvalidParameterError: another kind, entries that are not positive and finite, one row, or a part whose clr is
            constant.

    Example:
        >>> X = [[1.0, 2.0, 5.0], [2.0, 4.0, 1.0], [3.0, 6.0, 2.0]]
        >>> float(proportionality(X)[0, 1]), float(proportionality(X, "phi_s")[0, 1])
        (1.0, 0.0)
    """
    kind = one_of("kind", kind, ("rho_p", "phi_s"))
    parts = as_composition(X)
    covariance = _covariance(parts.values)
    variances = np.diag(covariance)
    if not (variances > 0).all():
        name = parts.names[int((variances <= 0).argmax())]
        raise InvalidParameterError(
            f"the centred log-ratio of {name!r} is constant, so its proportionality is undefined"
        )
    both = variances[:, None] + variances
    variation = np.maximum(_variation(covariance), 0.0)
    variation[variation < 1e-14 * both] = 0.0
    if kind == "rho_p":
        return _square(X, 1 - variation / both, parts.names)
    with np.errstate(divide="ignore"):
        return _square(X, variation / np.maximum(both + 2 * covariance, 0.0), parts.names)


class LogRatioTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """clr, alr or ilr as a step of a scikit-learn pipeline; `set_output(transform="pandas")` works.

    Args:
        kind: "clr", "alr" or "ilr".
        reference: The part that alr divides by, by name or position; None takes the last.
        zeros: "error", "multiplicative" or a positive number, as in `CompositionalPartialCorrelation`; the
            smallest positive entries are those of the table of the fit.

    Attributes:
        feature_names_in_: Names of the parts, `(D,)`; `x0`, `x1`, … for an array.
        reference_: Position of the reference.

    Example:
        >>> X = pd.DataFrame({"Si": [70.0, 60.0], "Al": [20.0, 30.0], "Fe": [10.0, 10.0]})
        >>> LogRatioTransformer("alr", reference="Fe").set_output(transform="pandas").fit_transform(X).round(3)
              Si/Fe  Al/Fe
        0  1.946  0.693
        1  1.792  1.099
    """

    def __init__(self, kind: str = "clr", reference: str | int | None = None, zeros: str | float = "error") -> None:
        self.kind = kind
        self.reference = reference
        self.zeros = zeros

    def fit(self, X: ArrayLike, y: object = None) -> "LogRatioTransformer":
        """Learn the names of the parts.

        Args:
            X: `(n, D)`.
            y: Not used.
        """
        one_of("kind", self.kind, ("clr", "alr", "ilr"))
        parts = as_composition(X, self.zeros)
        reference = parts.position(-1 if self.reference is None else self.reference, "reference")
        self._delta = zero_deltas(as_table(X)[0], self.zeros)
        self.feature_names_in_ = np.array(parts.names, dtype=object)
        self.n_features_in_ = len(parts.names)
        self.reference_ = reference
        return self

    def transform(self, X: ArrayLike) -> Table:
        """Log-ratios of `(n, D)`: `(n, D)` for clr, else `(n, D - 1)`."""
        check_is_fitted(self)
        names = as_table(X, least_parts=1)[1]
        if len(names) != self.n_features_in_:
            raise InvalidParameterError(
                f"X has {len(names)} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
        if isinstance(X, pd.DataFrame) and names != tuple(self.feature_names_in_):
            raise InvalidParameterError(
                "The feature names should match those that were passed during fit: "
                f"X has {', '.join(names)}, fit had {', '.join(self.feature_names_in_)}"
            )
        parts = as_composition(X, self.zeros, delta=self._delta)
        if self.kind == "clr":
            return _clr(parts.values)
        return ilr(parts.values) if self.kind == "ilr" else alr(parts.values, self.reference_)

    def inverse_transform(self, Y: ArrayLike) -> Float[ndarray, "samples parts"]:
        """Parts closed to 1, `(n, D)`, from log-ratios."""
        check_is_fitted(self)
        width = self.n_features_in_ - (self.kind != "clr")
        given = _coordinates(Y).shape[1]
        if given != width:
            raise InvalidParameterError(
                f"log-ratios have {given} columns; {self.kind} of {self.n_features_in_} parts has {width}"
            )
        if self.kind == "clr":
            return clr_inverse(Y)
        return ilr_inverse(Y) if self.kind == "ilr" else alr_inverse(Y, self.reference_)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Names of the columns that `transform` gives; `input_features` must be those of the fit."""
        check_is_fitted(self)
        names = list(self.feature_names_in_)
        if input_features is not None and list(input_features) != names:
            raise InvalidParameterError(f"input_features is not equal to feature_names_in_, {', '.join(names)}")
        if self.kind == "alr":
            k = self.reference_
            names = [f"{name}/{names[k]}" for i, name in enumerate(names) if i != k]
        elif self.kind == "ilr":
            names = [f"ilr{i}" for i in range(1, len(names))]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def _clr(values: np.ndarray) -> np.ndarray:
    logs = np.log(values)
    return logs - logs.mean(axis=1, keepdims=True)


def _covariance(values: np.ndarray) -> np.ndarray:
    if len(values) < 2:
        raise InvalidParameterError("there is 1 row, and variances need at least 2; give more samples")
    return np.atleast_2d(np.cov(_clr(values), rowvar=False))


def _variation(covariance: np.ndarray) -> np.ndarray:
    variances = np.diag(covariance)
    variation: np.ndarray = variances[:, None] + variances - 2 * covariance
    np.fill_diagonal(variation, 0.0)
    return variation


def _coordinates(Y: ArrayLike) -> np.ndarray:
    try:
        values = np.asarray(Y)
        numeric = values.dtype.kind in "iuf"
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidParameterError(f"log-ratios cannot be read as numbers: {error}") from error
    if not numeric or values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        raise InvalidParameterError(
            f"log-ratios have shape {values.shape} and type {values.dtype}; give a finite table (n, columns)"
        )
    return values.astype(np.float64)


def _like(X: Any, values: np.ndarray, names: Sequence[str]) -> Table:
    return pd.DataFrame(values, index=X.index, columns=list(names)) if isinstance(X, pd.DataFrame) else values


def _square(X: Any, values: np.ndarray, names: Sequence[str]) -> Table:
    return pd.DataFrame(values, list(names), list(names)) if isinstance(X, pd.DataFrame) else values
