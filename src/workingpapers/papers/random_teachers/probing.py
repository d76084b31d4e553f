"""Random Teachers are Good Teachers (arXiv 2302.12091): how much a linear or neighbour classifier reads from features.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements the linear probing and the k-nearest-neighbour evaluation of section 3 (Tables 1 to 3).
Differences from the paper: the probe's convex problem is solved by L-BFGS; AdamW as in the paper is there beside it.
"""

from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import one_of, real_number, true_or_false, whole_number

Features = Any  # a tensor, an array, or what numpy can read
SOLVERS = ("lbfgs", "adamw")


class ProbeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A linear layer on frozen features: softmax regression, a scikit-learn estimator.

    Minimises `mean_i CE(W x_i + b, y_i) + l2 / 2 |W|^2` on standardised features. Both solvers minimise this one
    objective, so that they can be compared at equal accuracy.

    Args:
        solver: "lbfgs" solves to convergence with the whole sample; "adamw" trains as the paper does, in batches.
        standardize: Whether features are centred and scaled by the training sample's mean and standard deviation.
        l2: Strength of the penalty on W; the intercept has none.
        max_iter: Most iterations of L-BFGS.
        tol: Largest entry of the gradient at which L-BFGS stops.
        epochs: Passes of AdamW over the sample.
        lr: Learning rate of AdamW.
        batch_size: Samples of a step of AdamW.
        random_state: Of AdamW: start (uniform within 1 / sqrt(features)) and order. Int, RandomState or None.

    Attributes:
        classes_: The labels, sorted.
        coef_: On the features as given, shape `(classes, features)`.
        intercept_: Shape `(classes,)`.
        n_features_in_: Number of features seen in `fit`.
        n_iter_: Iterations of L-BFGS, or steps of AdamW.

    Differs from the paper: the paper's probe is trained by AdamW with weight decay and no penalty in the loss; whether
    it standardises and for how many epochs it trains are not said.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0], [1.0], [4.0], [5.0]])
        >>> ProbeClassifier().fit(x, ["a", "a", "b", "b"]).predict([[4.5]]).tolist()
        ['b']
    """

    def __init__(
        self,
        *,
        solver: Any = "lbfgs",
        standardize: Any = True,
        l2: Any = 1e-3,
        max_iter: Any = 1000,
        tol: Any = 1e-4,
        epochs: Any = 100,
        lr: Any = 1e-3,
        batch_size: Any = 256,
        random_state: Any = 0,
    ) -> None:
        self.solver = solver
        self.standardize = standardize
        self.l2 = l2
        self.max_iter = max_iter
        self.tol = tol
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: Features, y: Any) -> "ProbeClassifier":
        """Fit to features.

        Args:
            X: Features, shape `(samples, features)`.
            y: Labels, shape `(samples,)`: numbers or strings.

        Returns:
            The probe itself.

        Raises:
            InvalidParameterError: fewer than two classes, or an option out of range.
            ValueError: shapes that do not fit, NaN or infinite values (scikit-learn's message).
        """
        one_of("solver", self.solver, SOLVERS)
        l2 = real_number("l2", self.l2, least=0.0)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=2)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise InvalidParameterError(
                f"y holds one class only, {self.classes_[0]!r}; a probe needs two or more classes"
            )
        mean, scale = np.zeros(X.shape[1], X.dtype), np.ones(X.shape[1], X.dtype)
        if true_or_false("standardize", self.standardize):
            mean, scale = X.mean(0), X.std(0)
            # a constant feature has a scale of rounding size: it must not be blown up
            scale = np.where(scale > 10 * np.finfo(X.dtype).eps * np.abs(mean), scale, 1.0).astype(X.dtype)
        z, codes = (X - mean) / scale, encoder.transform(y)
        solve = self._lbfgs if self.solver == "lbfgs" else self._adamw
        weight, intercept = solve(z, codes, l2)
        self.coef_ = weight / scale
        self.intercept_ = intercept - self.coef_ @ mean
        return self

    def _lbfgs(self, z: np.ndarray, codes: np.ndarray, l2: float) -> tuple[np.ndarray, np.ndarray]:
        # of two classes it fits the difference d of the rows; the rows -d/2 and d/2 have half of d's penalty
        halves = 2.0 if len(self.classes_) == 2 else 1.0
        strength = np.inf if l2 == 0 else halves / (l2 * len(z))
        tol, most = real_number("tol", self.tol, above=0.0), whole_number("max_iter", self.max_iter, least=1)
        model = LogisticRegression(C=strength, tol=tol, max_iter=most)
        model.fit(z, codes)
        self.n_iter_ = int(model.n_iter_.max())
        if len(self.classes_) == 2:
            return np.vstack([-model.coef_, model.coef_]) / 2, np.concatenate([-model.intercept_, model.intercept_]) / 2
        return model.coef_, model.intercept_

    def _adamw(self, z: np.ndarray, codes: np.ndarray, l2: float) -> tuple[np.ndarray, np.ndarray]:
        epochs = whole_number("epochs", self.epochs, least=1)
        batch_size = whole_number("batch_size", self.batch_size, least=1)
        lr = real_number("lr", self.lr, above=0.0)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        generator = torch.Generator().manual_seed(seed)
        x, labels = torch.from_numpy(z), torch.from_numpy(codes)
        bound = x.shape[1] ** -0.5
        shape = (len(self.classes_), x.shape[1])
        weight = ((2 * torch.rand(shape, generator=generator, dtype=x.dtype) - 1) * bound).requires_grad_()
        bias = ((2 * torch.rand(shape[0], generator=generator, dtype=x.dtype) - 1) * bound).requires_grad_()
        optimizer = torch.optim.AdamW([weight, bias], lr=lr, weight_decay=0.0)
        self.n_iter_ = 0
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(x), generator=generator), batch_size):
                loss = functional.cross_entropy(functional.linear(x[rows], weight, bias), labels[rows])
                loss = loss + l2 / 2 * weight.square().sum()
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                self.n_iter_ += 1
        return weight.detach().numpy(), bias.detach().numpy()

    def decision_function(self, X: Features) -> np.ndarray:
        """Scores of shape `(samples, classes)`; for two classes `(samples,)`, the second's minus the first's."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        scores = np.asarray(X @ self.coef_.T + self.intercept_)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Features) -> np.ndarray:
        """Probabilities, shape `(samples, classes)`."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([-scores / 2, scores / 2], 1)
        return np.asarray(softmax(scores, axis=1))

    def predict(self, X: Features) -> np.ndarray:
        """The most likely class of each sample, shape `(samples,)`."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(1)
        return np.asarray(self.classes_[best])


def linear_probe(
    features: Features,
    y: Any,
    features_test: Features,
    y_test: Any,
    *,
    solver: str = "lbfgs",
    standardize: bool = True,
    l2: Any = 1e-3,
    **options: Any,
) -> float:
    """Held-out accuracy of a linear probe.

    Args:
        features: Training features, shape `(samples, features)`: tensor or array.
        y: Their labels, shape `(samples,)`.
        features_test: Held-out features, shape `(others, features)`.
        y_test: Their labels; one that does not occur in y counts as an error.
        solver: "lbfgs" or "adamw".
        standardize: Whether to standardise by the training features.
        l2: Strength of the penalty.
        options: Others of `ProbeClassifier`.

    Returns:
        Share of held-out samples that are classified right, in [0, 1].

    Raises:
        InvalidParameterError: one class only, features and labels that do not fit, NaN or infinite values.
        InvalidTypeError: no arrays of numbers.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0], [1.0], [4.0], [5.0]])
        >>> linear_probe(x, [0, 0, 1, 1], torch.tensor([[0.5], [4.5]]), [0, 1])
        1.0
    """
    arrays = _arrays(features, y, features_test, y_test)
    try:
        probe = ProbeClassifier(solver=solver, standardize=standardize, l2=l2, **options)
    except TypeError as error:
        raise InvalidTypeError(f"linear_probe: {error}; the options are those of ProbeClassifier") from error
    probe.fit(arrays[0], arrays[1])
    return float(np.mean(probe.predict(arrays[2]) == arrays[3]))


def knn_probe(
    features: Features, y: Any, features_test: Features, y_test: Any, *, k: Any = 20, standardize: bool = True
) -> float:
    """Held-out accuracy of the majority among the k nearest training samples, Euclidean distance.

    Args:
        features: Training features, shape `(samples, features)`: tensor or array.
        y: Their labels, shape `(samples,)`.
        features_test: Held-out features, shape `(others, features)`.
        y_test: Their labels.
        k: Number of neighbours, at most the number of training samples.
        standardize: Whether to standardise by the training features.

    Returns:
        Share of held-out samples that are classified right, in [0, 1].

    Raises:
        InvalidParameterError: k out of range, one class only, or data that do not fit.
        InvalidTypeError: no arrays of numbers.

    Example:
        >>> knn_probe([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1], [[0.5], [4.5]], [0, 1], k=2)
        1.0
    """
    x, labels, x_test, labels_test = _arrays(features, y, features_test, y_test)
    k = whole_number("k", k, least=1)
    if k > len(x):
        raise InvalidParameterError(f"k is {k} and there are {len(x)} training samples; choose k up to their number")
    if true_or_false("standardize", standardize):
        mean, scale = x.mean(0), x.std(0)
        scale = np.where(scale > 10 * np.finfo(x.dtype).eps * np.abs(mean), scale, 1.0)
        x, x_test = (x - mean) / scale, (x_test - mean) / scale
    return float(np.mean(KNeighborsClassifier(k).fit(x, labels).predict(x_test) == labels_test))


def _arrays(features: Features, y: Any, features_test: Features, y_test: Any) -> tuple[np.ndarray, ...]:
    x, x_test = _matrix("features", features), _matrix("features_test", features_test)
    if x.shape[1] != x_test.shape[1]:
        raise InvalidParameterError(
            f"features have {x.shape[1]} columns and features_test {x_test.shape[1]}; give the same features of both"
        )
    labels, labels_test = _labels("y", y, len(x)), _labels("y_test", y_test, len(x_test))
    if len(np.unique(labels)) < 2:
        raise InvalidParameterError(f"y holds one class only, {labels[0]!r}; a probe needs two or more classes")
    return x, labels, x_test, labels_test


def _matrix(name: str, value: Features) -> np.ndarray:
    try:
        if isinstance(value, Tensor):
            value = value.detach().cpu()
            value = (value if value.dtype in (torch.float32, torch.float64) else value.double()).numpy()
        matrix = np.asarray(value)
        matrix = matrix if matrix.dtype == np.float32 else matrix.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} is no matrix of numbers ({error}); give a tensor or an array") from error
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InvalidParameterError(f"{name} has shape {matrix.shape}; give a matrix (samples, features)")
    if not np.isfinite(matrix).all():
        raise InvalidParameterError(f"{name} holds NaN or infinite values; give finite ones")
    return np.ascontiguousarray(matrix)


def _labels(name: str, value: Any, samples: int) -> np.ndarray:
    labels = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    if labels.shape != (samples,):
        raise InvalidParameterError(f"{name} has shape {labels.shape}; give one label for each of {samples} samples")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise InvalidParameterError(f"{name} holds NaN or infinite values; give class labels")
    return labels
