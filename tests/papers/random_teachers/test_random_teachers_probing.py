"""Probes against scikit-learn and against each other."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from workingpapers.papers.random_teachers import ProbeClassifier, knn_probe, linear_probe

BLOBS, LABELS = make_blobs(300, centers=[[0, 0], [20, 0], [0, 20]], cluster_std=1.0, random_state=0)


@pytest.mark.parametrize("solver", ["lbfgs", "adamw"])
def test_separable_blobs_are_read_without_error(solver: str) -> None:
    accuracy = linear_probe(BLOBS[:200], LABELS[:200], BLOBS[200:], LABELS[200:], solver=solver, lr=0.05, epochs=20)
    assert accuracy == 1.0
    assert knn_probe(BLOBS[:200], LABELS[:200], BLOBS[200:], LABELS[200:]) == 1.0


def test_the_probe_is_scikit_learns_logistic_regression() -> None:
    x, y = load_wine(return_X_y=True)
    ours = ProbeClassifier(l2=0.01, tol=1e-7).fit(x, y)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (0.01 * len(x)), max_iter=1000, tol=1e-8))
    np.testing.assert_allclose(ours.predict_proba(x), theirs.fit(x, y).predict_proba(x), atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_both_solvers_minimise_one_objective(classes: int) -> None:
    x, y = load_wine(return_X_y=True)
    x, y = x[y < classes], y[y < classes]
    exact = ProbeClassifier(l2=0.1, tol=1e-7).fit(x, y).predict_proba(x)
    slow = ProbeClassifier(l2=0.1, solver="adamw", lr=0.02, epochs=400, batch_size=1000).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(slow, exact, atol=5e-3)


def test_neighbours_are_scikit_learns() -> None:
    x, y = load_wine(return_X_y=True)
    train = np.arange(len(x)) % 2 == 0
    scaler = StandardScaler().fit(x[train])
    model = KNeighborsClassifier(20).fit(scaler.transform(x[train]), y[train])
    expected = model.score(scaler.transform(x[~train]), y[~train])
    assert knn_probe(torch.from_numpy(x[train]), torch.from_numpy(y[train]), x[~train], y[~train]) == expected


def test_standardised_probes_do_not_depend_on_units() -> None:
    x, y = load_wine(return_X_y=True)
    units = np.linspace(0.01, 100, x.shape[1])
    assert linear_probe(x, y, x, y) == linear_probe(x * units + 5, y, x * units + 5, y)


def test_a_constant_feature_and_integers_do_no_harm() -> None:
    x = torch.arange(40).reshape(20, 2)
    x[:, 1] = 7
    y = [str(each >= 20) for each in x[:, 0].tolist()]
    assert linear_probe(x, y, x.float().T.contiguous().T, y) == 1.0
    assert linear_probe(x, y, x, ["unknown"] * 20) == 0.0


def test_the_estimator_keeps_scikit_learns_rules() -> None:
    done = check_estimator(ProbeClassifier(), on_skip=None)
    assert {each["status"] for each in done} <= {"passed", "skipped"}  # array_api is skipped without its variable
