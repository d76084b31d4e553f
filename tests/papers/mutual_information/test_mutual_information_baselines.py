"""Nearest neighbours, canonical correlations, the Gaussian formula."""

import numpy as np
import pytest

from workingpapers.papers.mutual_information import baselines, cca_mi, gaussian_mi, ksg_mi

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
Y = X[:, :1] + 0.5 * RNG.normal(size=(120, 1))
# infomeasure 0.6.3: mutual_information(X, Y, approach="ksg", k=k, noise_level=0), in nats
PEER = {1: 0.8993685913392032, 3: 0.8220380430903085, 5: 0.6961891538238372}


@pytest.mark.parametrize("k", PEER)
def test_ksg_equals_the_peer(k: int) -> None:
    assert ksg_mi(X, Y, k, units="nats") == pytest.approx(PEER[k], abs=1e-10)
    assert ksg_mi(X, Y, k) == pytest.approx(PEER[k] / np.log(2), abs=1e-10)


def test_trees_and_distances_agree_also_on_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    tied = np.round(X), np.round(Y)
    trees = [ksg_mi(X, Y), ksg_mi(*tied)]
    monkeypatch.setattr(baselines, "TREE_COLUMNS", 0)
    monkeypatch.setattr(baselines, "DISTANCES_AT_ONCE", 500)
    assert [ksg_mi(X, Y), ksg_mi(*tied)] == pytest.approx(trees, abs=1e-12)


def test_the_order_of_samples_is_nothing_to_ksg() -> None:
    order = np.random.default_rng(1).permutation(120)
    assert ksg_mi(X[order], Y[order]) == pytest.approx(ksg_mi(X, Y), abs=1e-12)


def test_gaussian_formulas_agree_with_the_correlation() -> None:
    r = np.corrcoef(X[:, 0], Y[:, 0])[0, 1]
    expected = -0.5 * np.log2(1 - r**2)
    assert cca_mi(X[:, 0], Y) == pytest.approx(expected)
    assert gaussian_mi(X[:, 0], Y) == pytest.approx(expected)
    assert gaussian_mi(X, Y) == pytest.approx(cca_mi(X, Y))
    assert cca_mi(3 * X + 1, Y.astype(np.float32)) == pytest.approx(cca_mi(X, Y), abs=1e-5)
    assert cca_mi(X, X) == np.inf
    assert 0 < gaussian_mi(X, Y, shrinkage="auto") < gaussian_mi(X, Y)
