"""Linear decoding: of one dichotomy, and of all of them (shattering dimensionality)."""

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.classifiers import closed_form, fitted
from workingpapers.papers.representational_geometry.designs import Conditions, as_conditions, as_signs, features
from workingpapers.papers.representational_geometry.generalisation import solve_spread
from workingpapers.parts.kernel_alignment import Array


def linear_decodability(z: Array, y: Array, *, estimator: Any = None, cv: int = 5) -> float | np.ndarray:
    """Cross-validated accuracy with which a linear classifier reads `y` from `z`; both classes count the same.

    Args:
        z: Features `(n, p)`.
        y: Labels `(n,)`, two values; or several `(n, k)`, each decoded.
        estimator: None or `"svm"`: scikit-learn's linear SVM, C = 1. `"logistic"`, `"lda"`, `"mean-difference"`, or
            any scikit-learn classifier.
        cv: Folds, stratified, shuffled with a fixed seed: they depend on the order of the samples.

    Returns:
        One number in [0, 1] (chance is 0.5), or an array `(k,)`.

    Raises:
        InvalidParameterError: different lengths, NaN, an empty side, `cv` below 2 or above the samples of a class.
        InvalidTypeError: `estimator` has no fit and predict.

    Differs from the paper: none known.

    Example:
        >>> z = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> linear_decodability(z, z[:, 0] > 0, estimator="lda") > 0.9
        True
    """
    found = features(z)
    signs, _ = as_signs(y, len(found), "y")
    scores = []
    for column in signs.T:
        which = as_conditions(column, len(found), "y")
        scores.append(float(_accuracies(found, which, torch.tensor([[-1.0], [1.0]]), estimator, cv)[0]))
    single = getattr(y, "ndim", np.ndim(y)) == 1
    return scores[0] if single else np.array(scores)


def shattering_dimension(
    z: Array,
    conditions: Array,
    *,
    estimator: Any = None,
    n_dichotomies: str | int = "all",
    cv: int = 5,
    random_state: int = 0,
) -> float:
    """Shattering dimensionality: the mean accuracy of linear decoding over balanced dichotomies of the conditions.

    8 conditions have 35 of them. Each condition counts the same; with an odd number of conditions the sides differ by
    one.

    Args:
        z: Features `(n, p)`.
        conditions: Condition of each sample: ids `(n,)` or factor values `(n, m)`.
        estimator: None or `"svm"`: scikit-learn's linear SVM, C = 1. `"lda"` and `"mean-difference"` decode all
            dichotomies at once in closed form. `"logistic"`, or any scikit-learn classifier.
        n_dichotomies: `"all"`, or a number of different dichotomies drawn at random.
        cv: Folds, each with samples of all conditions, shuffled with a fixed seed.
        random_state: Seed of the draw of dichotomies.

    Returns:
        A number in [0, 1] (chance is 0.5).

    Raises:
        InvalidParameterError: different lengths, NaN, fewer than two conditions, `cv` below 2 or above the samples of
            a condition, `n_dichotomies` below 1, or `"all"` of more than 24 conditions.
        InvalidTypeError: `estimator` has no fit and predict.

    Differs from the paper: none known.

    Example:
        >>> conditions = torch.arange(4).repeat(10)
        >>> plane = torch.stack([conditions % 2, conditions // 2], 1).double()
        >>> round(shattering_dimension(torch.eye(4)[conditions], conditions), 3)
        1.0
        >>> shattering_dimension(plane, conditions) < 0.9  # exclusive or is one of the three
        True
    """
    found = features(z)
    which = as_conditions(conditions, len(found))
    signs = dichotomies(which.count, n_dichotomies, random_state)
    return float(_accuracies(found, which, signs, estimator, cv).mean())


def dichotomies(count: int, number: str | int = "all", random_state: int = 0) -> Tensor:
    """Balanced dichotomies of `count` conditions as columns of -1 and 1, shape `(count, m)`; none twice.

    Raises:
        InvalidParameterError: fewer than two conditions, a number below 1, or all of more than 24 conditions.
    """
    if count < 2:
        raise InvalidParameterError(f"there is {count} condition; a dichotomy needs at least 2")
    half = count // 2
    # The first condition is on one side; where the sides are equal this leaves out the mirror images
    total = comb(count - 1, half - 1) if count % 2 == 0 else comb(count, half)
    if isinstance(number, str):
        if number != "all":
            raise InvalidParameterError(f"n_dichotomies is {number!r}; give 'all' or a number of at least 1")
        if count > 24:
            raise InvalidParameterError(f"{count} conditions have {total} dichotomies; give n_dichotomies, say 100")
    elif number < 1:
        raise InvalidParameterError(f"n_dichotomies is {number}; give 'all' or a number of at least 1")
    if isinstance(number, str) or number >= total:
        if count % 2 == 0:
            sides = [(0, *rest) for rest in combinations(range(1, count), half - 1)]
        else:
            sides = list(combinations(range(count), half))
    else:
        rng = np.random.default_rng(random_state)
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < number:
            picked = np.sort(rng.permutation(count)[:half])
            if count % 2 == 0 and picked[0] != 0:
                picked = np.setdiff1d(np.arange(count), picked)
            drawn[tuple(picked.tolist())] = None
        sides = list(drawn)
    signs = torch.ones(count, len(sides), dtype=torch.float64)
    for column, side in enumerate(sides):
        signs[list(side), column] = -1.0
    return signs


def dichotomy_accuracies(
    train: Tensor, test: Tensor, which: Conditions, tested: Conditions, signs: Tensor, rule: str
) -> Tensor:
    """Accuracy of all dichotomies at once by a closed form, each condition counting the same.

    The direction is `m⁺ - m⁻` or, for `"lda"`, `S⁺(m⁺ - m⁻)` with S the total covariance: by Sherman and Morrison the
    same direction as with the covariance within classes, and one factorisation serves all dichotomies.

    Args:
        train: Features `(n, p)` that the rule is made from.
        test: Features `(m, p)` it is tried on.
        which: Conditions of `train`.
        tested: Conditions of `test`, the same in the same order.
        signs: Dichotomies `(conditions, d)`.
        rule: `"mean-difference"` or `"lda"`.

    Returns:
        Right answers of each test sample, `(m, d)`: 1, 0, or 0.5 for a tie.
    """
    signs = signs.to(train)
    means = which.means(train)
    origin = means.mean(0)
    plus, minus = (signs > 0).to(train), (signs < 0).to(train)
    high, low = (means - origin).T @ (plus / plus.sum(0)), (means - origin).T @ (minus / minus.sum(0))
    weight = high - low  # (p, d)
    if rule == "lda":
        rows = train - origin
        weighted = rows / which.sizes().to(train)[which.index.to(train.device), None] / which.count
        weight = solve_spread(weighted.T @ rows, weight)
    scores = (test - origin) @ weight - ((high + low) / 2 * weight).sum(0)
    side = signs[tested.index.to(train.device)]
    margin = 1e-12 * scores.abs().max()
    return torch.where(scores.abs() <= margin, 0.5, (scores * side > 0).to(train.dtype))


def _accuracies(z: Tensor, which: Conditions, signs: Tensor, estimator: Any, cv: int) -> Tensor:
    smallest = int(which.sizes().min())
    if cv < 2 or cv > smallest:
        raise InvalidParameterError(
            f"cv is {cv} and the smallest class has {smallest} samples; give at least 2 folds and no more than that"
        )
    rows, index = z.cpu().numpy(), which.index.numpy()
    right = torch.zeros(len(z), signs.shape[1], dtype=torch.float64)
    for train, test in StratifiedKFold(cv, shuffle=True, random_state=0).split(rows, index):
        if closed_form(estimator):
            part = Conditions(which.index[train], None, which.count)
            other = Conditions(which.index[test], None, which.count)
            right[test] = dichotomy_accuracies(z[train], z[test], part, other, signs, estimator).cpu()
            continue
        for column, side in enumerate(signs.numpy().T):
            model = fitted(estimator, rows[train], side[index[train]], index[train])
            right[test, column] = torch.from_numpy((model.predict(rows[test]) == side[index[test]]).astype(float))
    return which.means(right).mean(0)
