"""The classifier: scikit-learn's checks, its gradient, limits."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import check_estimator
from torch.nn import functional

from workingpapers.papers.synchronization import SynchronizedSGDClassifier
from workingpapers.papers.synchronization.classifier import logistic_gradient


def test_scikit_learns_checks() -> None:
    results = check_estimator(SynchronizedSGDClassifier(4, max_iter=100, random_state=0), on_fail=None, on_skip=None)
    failed = {each["check_name"]: each["exception"] for each in results if each["status"] == "failed"}
    failed.pop("check_do_not_raise_errors_in_init_or_set_params", None)  # the tests' own shape checker raises there
    assert failed == {}
    assert sum(each["status"] == "passed" for each in results) > 40


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_gradient_is_autograds(outputs: int) -> None:
    source = torch.Generator().manual_seed(0)
    X = torch.randn(20, 4, generator=source, dtype=torch.float64)
    y = torch.randint(max(outputs, 2), (20,), generator=source)
    w = torch.randn(2, 3, 4 * outputs, generator=source, dtype=torch.float64, requires_grad=True)

    def loss(each: torch.Tensor) -> torch.Tensor:
        logits = X @ each.view(4, outputs)
        if outputs == 1:
            value = functional.binary_cross_entropy_with_logits(logits[:, 0], y.double())
        else:
            value = functional.cross_entropy(logits, y)
        return value + 0.15 * each.square().sum()

    total = sum(loss(w[p, i]) for p in range(2) for i in range(3))
    (expected,) = torch.autograd.grad(total, w)
    torch.testing.assert_close(logistic_gradient(X, y, outputs, 0.3)(w.detach()), expected)


def test_without_noise_it_is_logistic_regression() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X, alpha = scale(X)[:, :5], 0.1
    model = SynchronizedSGDClassifier(3, gradient_noise=0, alpha=alpha, max_iter=3000, learning_rate=0.2).fit(X, y)
    ones = np.hstack([X, np.ones((len(X), 1))])  # the intercept is penalised too
    exact = LogisticRegression(C=1 / (alpha * len(X)), fit_intercept=False, tol=1e-8).fit(ones, y)
    np.testing.assert_allclose(np.append(model.coef_[0], model.intercept_), exact.coef_[0], atol=1e-4)
    assert model.spread_ < 1e-30
    assert model.disagreement(X) == 0


def test_coupling_makes_replicas_agree() -> None:
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    loose, tight = (
        SynchronizedSGDClassifier(6, coupling=k, gradient_noise=1.0, alpha=0.05, random_state=0).fit(X, y)
        for k in (0, 3)
    )
    assert tight.disagreement(X) < loose.disagreement(X)
    assert tight.spread_ < loose.spread_
    assert tight.replica_scores(X, y).mean() > loose.replica_scores(X, y).mean()


def test_names_of_classes_votes_and_seeds() -> None:
    X, y = scale(load_iris().data), load_iris().target_names[load_iris().target]
    model = SynchronizedSGDClassifier(3, max_iter=100, decision="vote", random_state=3).fit(X, y)
    assert set(model.predict(X)) <= {"setosa", "versicolor", "virginica"}
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)
    assert model.replica_predictions(X).shape == (3, 150)
    again = SynchronizedSGDClassifier(3, max_iter=100, decision="vote", random_state=3).fit(X, y)
    np.testing.assert_array_equal(model.replica_coefs_, again.replica_coefs_)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_replicas": 0}, ValueError, "n_replicas is 0"),
        ({"coupling": -1}, ValueError, "coupling is -1"),
        ({"gradient_noise": float("inf")}, ValueError, "gradient_noise is inf"),
        ({"alpha": -0.1}, ValueError, "alpha is -0.1"),
        ({"max_iter": 0}, ValueError, "max_iter is 0"),
        ({"learning_rate": 50.0}, ValueError, "unstable.*choose one below"),
        ({"graph": "torus"}, ValueError, "torus"),
    ],
)
def test_bad_settings(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SynchronizedSGDClassifier(**settings).fit([[0.0], [1.0]], [0, 1])


def test_a_random_graph_repeats_with_the_seed_and_leaves_torch_alone() -> None:
    X, y = scale(load_iris().data), load_iris().target
    before = torch.get_rng_state()
    first, second = (
        SynchronizedSGDClassifier(8, "random-regular", max_iter=30, random_state=2).fit(X, y).replica_coefs_
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_scores_need_a_class_for_each_sample() -> None:
    model = SynchronizedSGDClassifier(2, max_iter=5, random_state=0).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="inconsistent"):
        model.replica_scores([[0.0], [1.0]], [0])
