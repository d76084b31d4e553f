"""Exact Learning of Permutations for Nonzero Binary Inputs, arXiv 2502.16763.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the ensemble of the main theorem: train on k basis vectors, average, round; and its closed-form limit.
Differences: exact sizes beside the bounds, a threshold that knows the input's weight, and a Gaussian-process engine.
"""

import math
import warnings
from typing import Any, SupportsIndex

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.permutations.gaussian_process import sample
from workingpapers.papers.permutations.inputs import all_inputs, binary_rows, read_permutation
from workingpapers.papers.permutations.moments import Moments, limit_moments
from workingpapers.papers.permutations.networks import train_networks, unit_rows
from workingpapers.papers.permutations.sizes import ROUNDINGS, ensemble_size, thresholds
from workingpapers.parts.checks import one_of, real_number, seed_number, usable_device, whole_number

_MOST_STEPS = 1_000_000
_LONG = 1e11  # operations of a training that takes several seconds on one core
_CONVERGED = 1e-7  # share of the first error that is left in the slowest direction after the chosen number of steps


class PermutationEnsemble(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An ensemble of two-layer networks that learns a permutation of k bits from the k basis vectors alone.

    Each network f(x) = W2 relu(W1 x/|x| / √k) / √n is trained on e_i → e_{π(i)} by full-batch gradient descent on half
    the sum of squared errors. Their mean is rounded, which is right on every nonzero input once there are enough.

    Args:
        k: Length of inputs and outputs, at least 2.
        width: Hidden units n of each network.
        n_models: Number of networks N; None takes `ensemble_size(k, delta, rounding=rounding)`, which makes any one
            input right with probability 1 - delta. For all inputs at once pass `ensemble_size(k, delta, inputs="all")`.
        delta: Probability of a mistake that sets N where n_models is None, between 0 and 1.
        rounding: `sign`: above 0 is 1, the paper's (above 1/2 for basis vectors, whose zeros converge to exactly 0);
            or `weight-aware`: above the middle of the two means for the input's number of ones, an addition of ours.
        steps: Steps of gradient descent; None takes as many as the limit needs to converge, and half as many again.
        lr: Learning rate, below the limit 2k/D with D = 1 - 1/2π + k/2π; None takes k/D.
        seed: Of initial weights or draws, from 0 to 2**63 - 1. The first networks do not depend on n_models.
        device: Where networks are trained; None for the CPU. Weights are drawn on the CPU on every device.
        engine: `networks` trains; `gp` draws the mean of N infinitely wide networks from the exact limit. A draw is
            made for the set of inputs it is asked for: the same set gives the same draw, another set another one.

    Attributes:
        permutation_: Where each bit goes, int64 `(k,)`: `out[permutation_[i]] = x[i]`.
        n_models_: Number of networks.
        n_features_in_: k.
        steps_: Steps in use (engine `networks`).
        lr_: Learning rate in use (engine `networks`).
        loss_: Half the sum of squared errors of each network at the end, float64 `(N,)` (engine `networks`).
        networks_: The trained weights, `first` `(N, n, k)` and `second` `(N, k, n)` (engine `networks`).

    Raises:
        InvalidParameterError: from `fit`; a setting or permutation out of range, or training that diverges. It is a
            `ValueError`.
        InvalidTypeError: from `fit`; settings or arrays of a wrong type. It is a `TypeError`.

    Differs from the paper:
        1. N comes from exact normal tails in the limit, not from the theorem's bound.
        2. `rounding="weight-aware"` and `engine="gp"` are additions.
        3. The official code trains layers with biases in PyTorch's parametrisation, where the last layer dominates;
           these are the networks of the theory.

    Example:
        >>> model = PermutationEnsemble(4, width=300, n_models=30, rounding="weight-aware").fit([2, 0, 3, 1])
        >>> model.predict([[1, 1, 0, 0]]).tolist()
        [[1, 0, 1, 0]]
        >>> model.predict_all().shape
        (15, 4)
    """

    def __init__(
        self,
        k: SupportsIndex,
        *,
        width: SupportsIndex = 1000,
        n_models: SupportsIndex | None = None,
        delta: float = 0.1,
        rounding: str = "sign",
        steps: SupportsIndex | None = None,
        lr: float | None = None,
        seed: SupportsIndex = 0,
        device: torch.device | str | None = None,
        engine: str = "networks",
    ) -> None:
        self.k = k
        self.width = width
        self.n_models = n_models
        self.delta = delta
        self.rounding = rounding
        self.steps = steps
        self.lr = lr
        self.seed = seed
        self.device = device
        self.engine = engine

    def fit(self, permutation: Any, Y: Any = None) -> "PermutationEnsemble":
        """Train the networks on the basis vectors (engine `gp`: remember the permutation).

        Long training shows a bar on the standard error where that is a terminal.

        Args:
            permutation: Where each bit goes, int array `(k,)`: bit i of the input becomes bit permutation[i] of the
                output. Or a permutation matrix `(k, k)` whose row i is the target of e_i, so that outputs are X @ P.
                Or, with Y, the training inputs: the basis vectors in any order, `(k, k)`.
            Y: Their targets, row for row, `(k, k)`; None where `permutation` says it all.

        Returns:
            The fitted estimator.

        Raises:
            InvalidParameterError: see the class; bad entries are named.
            InvalidTypeError: see the class.

        Example:
            >>> model = PermutationEnsemble(3, engine="gp").fit([1, 2, 0])
            >>> model.permutation_.tolist(), model.n_models_
            ([1, 2, 0], 112)
        """
        k = self._checked()
        places = read_permutation(permutation, Y, k)
        n_models = self.n_models
        if n_models is None:
            n_models = ensemble_size(k, self.delta, rounding=self.rounding)
        fitted: dict[str, Any] = {"permutation_": places, "n_models_": int(n_models), "n_features_in_": k}
        if self.engine == "networks":
            fitted |= self._trained(places, int(n_models))
        for name in ("steps_", "lr_", "loss_", "networks_"):  # of an earlier fit with the other engine
            self.__dict__.pop(name, None)
        self.__dict__.update(fitted)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """The mean of the networks' outputs, before rounding.

        Args:
            X: Nonzero binary inputs, array or tensor `(n, k)`.

        Returns:
            float64 array `(n, k)`.

        Raises:
            InvalidParameterError: other entries than 0 and 1, a row of zeros, or another width.
            NotFittedError: before `fit`.

        Example:
            >>> model = PermutationEnsemble(3, engine="gp").fit([1, 2, 0])
            >>> model.decision_function([[1, 0, 0]]).tolist()
            [[0.0, 1.0, 0.0]]
        """
        check_is_fitted(self, "permutation_")
        return self._decide(binary_rows(X, len(self.permutation_)))

    def predict(self, X: Any) -> np.ndarray:
        """The mean of the outputs, rounded to bits.

        Args:
            X: Nonzero binary inputs, array or tensor `(n, k)`.

        Returns:
            uint8 array `(n, k)`.

        Raises:
            InvalidParameterError: other entries than 0 and 1, a row of zeros, or another width.
            NotFittedError: before `fit`.

        Example:
            >>> model = PermutationEnsemble(3, width=200, n_models=9, rounding="weight-aware").fit([1, 2, 0])
            >>> model.predict([[1, 0, 1]])
            array([[1, 1, 0]], dtype=uint8)
        """
        check_is_fitted(self, "permutation_")
        k = len(self.permutation_)
        rows = binary_rows(X, k)
        level = thresholds(k, rows.sum(1, dtype=np.int64), one_of("rounding", self.rounding, ROUNDINGS))
        return (self._decide(rows) > level[:, None]).astype(np.uint8)

    def predict_all(self) -> np.ndarray:
        """`predict` for all 2^k - 1 nonzero inputs, in the order of `all_inputs(k)`; k up to 16.

        Returns:
            uint8 array `(2**k - 1, k)`.

        Raises:
            InvalidParameterError: k above 16.
            NotFittedError: before `fit`.

        Example:
            >>> model = PermutationEnsemble(3, width=200, n_models=9, rounding="weight-aware").fit([1, 2, 0])
            >>> bool((model.predict_all() == all_inputs(3)[:, [2, 0, 1]]).all())
            True
        """
        check_is_fitted(self, "permutation_")
        return self.predict(all_inputs(len(self.permutation_)))

    def score(self, X: Any, Y: Any) -> float:
        """Share of the inputs whose whole row is right.

        Args:
            X: Nonzero binary inputs, `(n, k)`.
            Y: What they should become, `(n, k)`.

        Returns:
            A float from 0 to 1.

        Raises:
            InvalidParameterError: X or Y is not binary, or their shapes differ.
            NotFittedError: before `fit`.

        Example:
            >>> PermutationEnsemble(3, engine="gp").fit([1, 2, 0]).score([[1, 0, 0]], [[0, 1, 0]])
            1.0
        """
        predicted = self.predict(X)
        wanted = binary_rows(Y, predicted.shape[1], name="Y", nonzero=False)
        if len(wanted) != len(predicted):
            raise InvalidParameterError(
                f"X has shape {predicted.shape} and Y {wanted.shape}; give as many rows of both"
            )
        return float((predicted == wanted).all(1).mean())

    def moments(self, X: Any) -> Moments:
        """The limit's moments of one network at given inputs; they depend on k alone, so no fit is needed.

        Args:
            X: Nonzero binary inputs, `(n, k)`.

        Returns:
            `Moments` of float64 arrays `(n,)`.

        Raises:
            InvalidParameterError: other entries than 0 and 1, a row of zeros, or another width.

        Example:
            >>> PermutationEnsemble(10).moments([[1, 1, 1, 0, 0, 0, 0, 0, 0, 0]]).mean_one.round(4).tolist()
            [0.4216]
        """
        k = whole_number("k", self.k, least=2)
        return limit_moments(k, binary_rows(X, k).sum(1, dtype=np.int64))

    def _checked(self) -> int:
        k = whole_number("k", self.k, least=2)
        whole_number("width", self.width, least=1)
        if self.n_models is not None:
            whole_number("n_models", self.n_models, least=1)
        real_number("delta", self.delta, above=0, below=1)
        one_of("rounding", self.rounding, ROUNDINGS)
        if self.steps is not None:
            whole_number("steps", self.steps, least=0)
        if self.lr is not None:
            most = 2 * k / _top(k)
            if real_number("lr", self.lr, above=0.0) >= most:
                raise InvalidParameterError(
                    f"lr is {self.lr}; gradient descent diverges from 2k/D = {most:.4g} on, choose a smaller one"
                )
        seed_number(self.seed)
        usable_device(self.device)
        one_of("engine", self.engine, ("networks", "gp"))
        return k

    def _trained(self, places: np.ndarray, n_models: int) -> dict[str, Any]:
        k = len(places)
        lr = k / _top(k) if self.lr is None else float(self.lr)
        steps = default_steps(k, lr) if self.steps is None else int(self.steps)
        targets = torch.eye(k)[places]
        networks = train_networks(
            targets,
            n_models,
            width=int(self.width),
            steps=steps,
            lr=lr,
            seed=int(self.seed),
            device=self.device,
            progress=6.0 * n_models * k**2 * int(self.width) * steps > _LONG,
        )
        loss = networks.loss.double().cpu().numpy()
        if self.steps is None and loss.max() > 1e-6:
            warnings.warn(
                f"the worst of {n_models} networks still has the loss {loss.max():.2g} after {steps} steps; the width "
                f"{self.width} is small for k = {k}, or lr too large: change one, or give steps",
                ConvergenceWarning,
                stacklevel=3,
            )
        return {"networks_": networks, "loss_": loss, "steps_": steps, "lr_": lr}

    def _decide(self, rows: np.ndarray) -> np.ndarray:
        k = rows.shape[1]
        if hasattr(self, "networks_"):
            return np.asarray(self.networks_.mean_output(unit_rows(torch.from_numpy(rows))).numpy())
        distinct, place = np.unique(rows, axis=0, return_inverse=True)
        noise = np.random.default_rng(seed_number(self.seed)).standard_normal(distinct.shape)
        made = sample(distinct, self.n_models_, noise)[place.reshape(-1)]
        out = np.empty((len(rows), k))
        out[:, self.permutation_] = made
        return out


def default_steps(k: int, lr: float, *, kernel_slope: float | None = None) -> int:
    """Steps until the slowest direction is left with 1e-7 of its error in the limit, and half as many again.

    Args:
        k: Length of the inputs.
        lr: Learning rate.
        kernel_slope: k times the smallest eigenvalue of the training kernel; None for a = 1 - 1/2π.

    Raises:
        InvalidParameterError: more than a million steps.
    """
    a = 1 - 1 / (2 * math.pi) if kernel_slope is None else kernel_slope
    left = max(abs(1 - lr * a / k), abs(1 - lr * (a + k / (2 * math.pi)) / k))  # of the error, after one step
    steps = 1.5 * math.log(_CONVERGED) / math.log(left) if left < 1 else math.inf
    if steps > _MOST_STEPS:
        raise InvalidParameterError(
            f"lr is {lr:g}; it would take more than {_MOST_STEPS} steps to converge: raise it, or give steps"
        )
    return math.ceil(steps)


def _top(k: int) -> float:
    """D, k times the largest eigenvalue of the training kernel."""
    return 1 - 1 / (2 * math.pi) + k / (2 * math.pi)
