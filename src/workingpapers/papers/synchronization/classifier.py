"""Logistic regression learned by synchronized noisy replicas (arXiv 1010.4517), as a scikit-learn classifier.

No official code known. Nothing is taken from elsewhere.
Implements the coupled system of section 2 for the L2-regularised logistic loss, and decisions of many replicas.
Differences from the paper: the paper studies learners in general; this one is the specification's own example.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.nn import functional

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.papers.synchronization.simulation import simulate
from workingpapers.parts.checks import real_number, whole_number

DECISIONS = ("centroid", "vote")
_LARGEST_STEP = 0.05


def logistic_gradient(
    X: Float[Tensor, "samples features"], y: Int[Tensor, " samples"], outputs: int, alpha: float
) -> Callable[[Float[Tensor, "paths n d"]], Float[Tensor, "paths n d"]]:
    """∇ of the mean logistic loss plus (α/2)|w|², for all replicas at once; `X` carries its own column of ones.

    Args:
        X: Samples.
        y: Classes from 0.
        outputs: 1 for two classes (logistic), else the number of classes (softmax).
        alpha: Strength of the penalty, on every weight, so that every Hessian is at least α.

    Returns:
        A callable for `simulate`; d = features · outputs.

    Example:
        >>> drift = logistic_gradient(torch.ones(2, 1), torch.tensor([0, 1]), 1, 0.5)
        >>> drift(torch.full((1, 3, 1), 2.0))[0, 0].item().__round__(3)
        1.381
    """
    samples, features = X.shape
    target = y.to(X.dtype)[:, None] if outputs == 1 else functional.one_hot(y, outputs).to(X.dtype)

    def gradient(w: Tensor) -> Tensor:
        paths, n, _ = w.shape
        columns = w.reshape(paths * n, features, outputs).permute(1, 0, 2).reshape(features, -1)
        logits = (X @ columns).view(samples, -1, outputs)
        wrong = (torch.sigmoid(logits) if outputs == 1 else torch.softmax(logits, 2)) - target[:, None]
        slope = (X.T @ wrong.reshape(samples, -1)).view(features, -1, outputs).permute(1, 0, 2)
        return slope.reshape(w.shape) / samples + alpha * w

    return gradient


class SynchronizedSGDClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Logistic regression by n replicas of a noisy gradient learner, coupled along a graph.

    Each replica follows the full gradient of the mean logistic loss plus (α/2)|w|² (intercept included) with Gaussian
    noise of its own, and is pulled towards its neighbours. Scale the features first, as for any gradient method.

    Args:
        n_replicas: Number of replicas n.
        graph: What `laplacian` takes.
        coupling: κ, at least 0.
        gradient_noise: σ, at least 0.
        alpha: α, at least 0; at least the curvature λ of the loss.
        max_iter: Number of steps.
        random_state: Seed of the noise, and of the graph where it is random.
        learning_rate: Step dt; None for 0.05, or less where features, α or coupling ask for it.
        decision: Which decision `predict` takes: "centroid" that of the averaged weights, "vote" that of the averaged
            probabilities of all replicas.

    Attributes:
        classes_: The classes.
        coef_: The centroid's weights, `(1, features)` for two classes, else `(classes, features)`.
        intercept_: The centroid's intercepts, `(1,)` or `(classes,)`.
        replica_coefs_: Weights of each replica, `(n, outputs, features)`.
        replica_intercepts_: Intercepts of each, `(n, outputs)`.
        spread_: (1/n) Σ_i |w_i - w̄|² at the end, intercepts included.
        learning_rate_: The step in use.
        n_iter_: The number of steps.

    Raises:
        InvalidParameterError: from `fit`; a setting out of range, one class, or a step too large for the coupling.
        InvalidTypeError: from `fit`; a setting of a wrong type.

    Differs from the paper: none known; the paper names no data.

    Source: section 2 with Φ the logistic loss.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.preprocessing import scale
        >>> X, y = load_iris(return_X_y=True)
        >>> model = SynchronizedSGDClassifier(random_state=0).fit(scale(X), y)
        >>> model.score(scale(X), y) > 0.8
        True
        >>> model.replica_scores(scale(X), y).shape
        (10,)
    """

    def __init__(
        self,
        n_replicas: int = 10,
        graph: Any = "complete",
        coupling: float | int = 1.0,
        gradient_noise: float | int = 0.1,
        alpha: float | int = 0.01,
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        *,
        learning_rate: float | int | None = None,
        decision: str = "centroid",
    ) -> None:
        self.n_replicas = n_replicas
        self.graph = graph
        self.coupling = coupling
        self.gradient_noise = gradient_noise
        self.alpha = alpha
        self.max_iter = max_iter
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.decision = decision

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def fit(self, X: Any, y: Any) -> "SynchronizedSGDClassifier":
        """Run the coupled learners from zero weights.

        Args:
            X: Samples `(samples, features)`.
            y: Classes `(samples,)`.

        Returns:
            The fitted estimator.

        Raises:
            InvalidParameterError: see the class.
            InvalidTypeError: see the class.
        """
        n = whole_number("n_replicas", self.n_replicas, least=1)
        steps = whole_number("max_iter", self.max_iter, least=1)
        kappa = real_number("coupling", self.coupling, least=0)
        sigma = real_number("gradient_noise", self.gradient_noise, least=0)
        alpha = real_number("alpha", self.alpha, least=0)
        if self.decision not in DECISIONS:
            raise InvalidParameterError(f"decision is {self.decision!r}; choose 'centroid' or 'vote'")
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InvalidParameterError(f"y holds one class, {classes[0]!r}; a classifier needs 2 or more")
        random = check_random_state(self.random_state)
        source = torch.Generator().manual_seed(int(random.randint(2**31 - 1)))
        graph = laplacian(self.graph, n, generator=torch.Generator().manual_seed(source.initial_seed()))
        samples = torch.from_numpy(np.hstack([X, np.ones((len(X), 1))]))
        outputs = 1 if len(classes) == 2 else len(classes)
        # the logistic loss curves by at most a quarter of the features' second moments, softmax by at most half
        moments = torch.linalg.matrix_norm(samples, 2).item() ** 2 / len(samples)
        steepest = moments * (0.25 if outputs == 1 else 0.5) + alpha
        fastest = steepest + kappa * max(float(torch.linalg.eigvalsh(graph)[-1]), 0.0)
        if self.learning_rate is None:
            dt = min(_LARGEST_STEP, 1 / fastest)
        else:
            dt = real_number("learning_rate", self.learning_rate, above=0)
            if dt * fastest >= 2:
                raise InvalidParameterError(
                    f"learning_rate {dt:g} is unstable with these features and this coupling; choose one below "
                    f"{2 / fastest:g}, or scale the features"
                )
        run = simulate(
            logistic_gradient(samples, torch.from_numpy(labels), outputs, alpha),
            torch.zeros(samples.shape[1] * outputs, dtype=torch.float64),
            graph,
            kappa,
            sigma,
            dt=dt,
            steps=steps,
            burn_in=steps - 1,
            paths=1,
            generator=source,
        )
        weights = run.final[0].view(n, -1, outputs).transpose(1, 2).numpy()  # (n, outputs, features + 1)
        self.classes_ = classes
        self.replica_coefs_, self.replica_intercepts_ = weights[:, :, :-1].copy(), weights[:, :, -1].copy()
        self.coef_, self.intercept_ = self.replica_coefs_.mean(0), self.replica_intercepts_.mean(0)
        self.spread_, self.learning_rate_, self.n_iter_ = float(run.spread[-1]), dt, steps
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of the averaged weights: `(samples,)` for two classes, else `(samples, classes)`."""
        X = self._checked(X)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, `(samples, classes)`, by the chosen decision."""
        X = self._checked(X)
        if self.decision == "vote":
            return _probabilities(self._replica_scores(X)).mean(0)
        return _probabilities((X @ self.coef_.T + self.intercept_)[None])[0]

    def predict(self, X: Any) -> np.ndarray:
        """Classes by the chosen decision, `(samples,)`."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def replica_predictions(self, X: Any) -> np.ndarray:
        """Classes by each replica alone, `(n, samples)`.

        Example:
            >>> X, y = np.array([[-1.0], [1.0]]), np.array(["left", "right"])
            >>> SynchronizedSGDClassifier(3, random_state=0).fit(X, y).replica_predictions(X).shape
            (3, 2)
        """
        best = _probabilities(self._replica_scores(self._checked(X))).argmax(2)
        return self.classes_[best]

    def replica_scores(self, X: Any, y: Any) -> np.ndarray:
        """Accuracy of each replica alone, `(n,)`."""
        check_consistent_length(X, y)
        return (self.replica_predictions(X) == np.asarray(y)).mean(1)

    def disagreement(self, X: Any) -> float:
        """Share of samples on which two replicas decide differently, averaged over pairs; 0 for one replica.

        Example:
            >>> X, y = np.array([[-1.0], [1.0]]), np.array([0, 1])
            >>> SynchronizedSGDClassifier(3, gradient_noise=0).fit(X, y).disagreement(X)
            0.0
        """
        return pairwise_disagreement(self.replica_predictions(X))

    def _checked(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _replica_scores(self, X: np.ndarray) -> np.ndarray:
        return np.einsum("sf,nof->nso", X, self.replica_coefs_) + self.replica_intercepts_[:, None]


def pairwise_disagreement(decisions: np.ndarray) -> float:
    """Share of columns in which two rows differ, averaged over pairs of rows; `(replicas, samples)`.

    Example:
        >>> pairwise_disagreement(np.array([[0, 1], [0, 0], [0, 1]])).__round__(3)
        0.333
    """
    n = len(decisions)
    if n < 2:
        return 0.0
    differs = [(decisions[i] != decisions[i + 1 :]).mean(1).sum() for i in range(n - 1)]
    return float(sum(differs) / (n * (n - 1) / 2))


def _probabilities(scores: np.ndarray) -> np.ndarray:
    """Of the classes, from `(..., outputs)`."""
    if scores.shape[-1] == 1:
        right = expit(scores[..., 0])
        return np.stack([1 - right, right], -1)
    return softmax(scores, axis=-1)
