"""The linear classifiers of this paper: scikit-learn's by name or as objects, and two in closed form."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils.validation import has_fit_parameter

from workingpapers.errors import InvalidParameterError, InvalidTypeError

CLOSED_FORM = ("mean-difference", "lda")
NAMES = ("svm", "logistic", *CLOSED_FORM)


def closed_form(estimator: Any) -> bool:
    """Whether the estimator is one of the two that need no fitting."""
    return isinstance(estimator, str) and estimator in CLOSED_FORM


def classifier(estimator: Any) -> BaseEstimator:
    """A fresh scikit-learn classifier: None and `"svm"` are a linear SVM with C = 1, `"logistic"` with C = 1 too.

    Raises:
        InvalidParameterError: an unknown name.
        InvalidTypeError: no scikit-learn classifier.
    """
    if estimator is None or (isinstance(estimator, str) and estimator == "svm"):
        return LinearSVC(C=1.0, dual="auto", max_iter=10_000, random_state=0)
    if isinstance(estimator, str):
        if estimator != "logistic":
            raise InvalidParameterError(
                f"estimator is {estimator!r}; known names are {', '.join(NAMES)}, or give a scikit-learn classifier"
            )
        return LogisticRegression(C=1.0, max_iter=1000)
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        raise InvalidTypeError(
            f"estimator is {type(estimator).__name__}, without fit and predict; give a scikit-learn classifier or one "
            f"of {', '.join(NAMES)}"
        )
    return clone(estimator)


def fitted(estimator: Any, z: np.ndarray, y: np.ndarray, index: np.ndarray) -> BaseEstimator:
    """A fresh classifier fitted to `z` `(n, p)` and `y` `(n,)`; conditions `index` of unequal size get equal weight."""
    fresh = classifier(estimator)
    sizes = np.bincount(index)
    sizes_present = sizes[sizes > 0]
    if len(set(sizes_present.tolist())) > 1 and has_fit_parameter(fresh, "sample_weight"):
        weights = len(index) / len(sizes_present) / sizes[index]
        return fresh.fit(z, y, sample_weight=weights)
    return fresh.fit(z, y)
