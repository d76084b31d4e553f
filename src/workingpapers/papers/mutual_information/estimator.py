"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: as a scikit-learn estimator.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements `estimate_mi` behind fit, score and transform.
Differences: none known.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.mutual_information.arguments import scaled_pair, threads, training_options
from workingpapers.papers.mutual_information.critics import Critic
from workingpapers.papers.mutual_information.inputs import ArrayLike, as_samples
from workingpapers.papers.mutual_information.method import estimate_mi


class MutualInformation(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn gives no types
    """`estimate_mi` as an estimator: `fit(X, Y)`, then `score_`, and `transform(X)` for the critic's embedding of X.

    Args:
        bound: As for `estimate_mi`, and so all others.
        critic: separable, hybrid, concat, or a module.
        encoder: Module for both, or a pair of modules.
        variational: VSIB.
        beta: Weight of the information.
        embed_dim: Numbers of an embedding.
        gammas: Into how many chunks the sample is cut; None for 1 to 6.
        repeats: Runs of each chunk, by γ; None for 3 at γ = 1 and 2 at γ = 2.
        confidence: Of the interval.
        split: random or blocked.
        units: bits or nats.
        epochs: Of training.
        batch_size: Pairs of a step.
        lr: Learning rate of Adam.
        device: Where to train.
        seed: All randomness comes from it.
        n_jobs: Threads of torch.
        hidden: Units of the hidden layers.
        discrete_y: Y holds class labels.

    Attributes:
        score_: The estimate.
        result_: The whole `MIResult`.
        n_features_in_: Columns of X.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(300, 4))
        >>> model = MutualInformation(gammas=(1, 2, 3), epochs=5).fit(X, X[:, :2])
        >>> model.score_ == model.result_.mi, model.transform(X).shape
        (True, (300, 16))
    """

    def __init__(
        self,
        bound: str = "infonce",
        critic: Any = "separable",
        encoder: Any = None,
        variational: bool = False,
        beta: float = 1024.0,
        embed_dim: int = 16,
        gammas: tuple[int, ...] | None = None,
        repeats: Mapping[int, int] | None = None,
        confidence: float = 0.95,
        split: str = "random",
        units: str = "bits",
        epochs: int = 50,
        batch_size: int = 128,
        lr: float = 5e-4,
        device: Any = None,
        seed: int = 0,
        n_jobs: int = 1,
        hidden: int = 64,
        discrete_y: bool = False,
    ) -> None:
        self.bound = bound
        self.critic = critic
        self.encoder = encoder
        self.variational = variational
        self.beta = beta
        self.embed_dim = embed_dim
        self.gammas = gammas
        self.repeats = repeats
        self.confidence = confidence
        self.split = split
        self.units = units
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.seed = seed
        self.n_jobs = n_jobs
        self.hidden = hidden
        self.discrete_y = discrete_y

    def fit(self, X: ArrayLike, Y: ArrayLike) -> "MutualInformation":
        """Run the protocol on X, `(samples, features)`, and Y, likewise."""
        given = {name: value for name, value in self.get_params(deep=False).items() if value is not None}
        result = estimate_mi(X, Y, **given)
        names = ("bound", "critic", "encoder", "variational", "beta", "embed_dim", "hidden", "split")
        options = training_options(
            **{name: getattr(self, name) for name in names}, epochs=self.epochs, batch_size=self.batch_size, lr=self.lr
        )
        _, _, scalers = scaled_pair(X, Y, options, discrete_y=self.discrete_y, device=self.device, dtype=torch.float32)
        self.result_ = result
        self.score_ = result.mi
        self.scaler_ = scalers[0]
        self.n_features_in_ = int(as_samples("X", X).shape[1])
        return self

    def transform(self, X: ArrayLike) -> Float[np.ndarray, "samples dim"]:
        """The embedding of X, shape `(samples, embed_dim)`, by the critic trained on the whole sample."""
        check_is_fitted(self, "result_")
        samples = as_samples("X", X)
        if samples.shape[1:] != self.scaler_.shape:
            raise InvalidParameterError(
                f"X has samples of shape {samples.shape[1:]}; the estimator was fitted on {self.scaler_.shape}"
            )
        model = self.result_.model
        if not isinstance(model, Critic) or model.x is None:
            raise InvalidParameterError(
                f"critic={self.critic!r} has no embedding; choose critic='separable' or 'hybrid' to transform"
            )
        device = torch.device("cpu" if self.device is None else self.device)
        with threads(self.n_jobs), torch.no_grad():
            return model.embed_x(self.scaler_(samples, device, torch.float32)).cpu().numpy()
