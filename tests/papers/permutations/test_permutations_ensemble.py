"""The estimator: exactness, ways to give a permutation, draws of the limit, seeds, and scikit-learn's tools."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from workingpapers.papers.permutations import (
    PermutationEnsemble,
    all_inputs,
    ensemble_size,
    method,
    permutation_kernels,
    permutation_moments,
)

PLACES = np.array([2, 0, 3, 1, 5, 4])
INPUTS = all_inputs(6)
UNSEEN = INPUTS[INPUTS.sum(1) > 1]


def permuted(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    out = np.empty_like(rows)
    out[:, places] = rows
    return out


@pytest.fixture(scope="module")
def trained() -> PermutationEnsemble:
    return PermutationEnsemble(6, width=300, n_models=30, rounding="weight-aware", seed=1).fit(PLACES)


def test_learns_every_input(trained: PermutationEnsemble) -> None:
    np.testing.assert_array_equal(trained.predict_all(), permuted(INPUTS, PLACES))
    assert trained.score(INPUTS, permuted(INPUTS, PLACES)) == 1.0
    assert trained.score(UNSEEN, UNSEEN) < 1.0
    assert trained.predict(UNSEEN).dtype == np.uint8


def test_sign_rounding_learns_every_input_with_enough_networks() -> None:
    n = ensemble_size(6, 1e-4, inputs="all")
    model = PermutationEnsemble(6, width=250, n_models=n).fit(PLACES)
    np.testing.assert_array_equal(model.predict_all(), permuted(INPUTS, PLACES))
    one = PermutationEnsemble(6, width=250, n_models=1).fit(PLACES)
    assert one.score(UNSEEN, permuted(UNSEEN, PLACES)) < 0.6


def test_training_converges(trained: PermutationEnsemble) -> None:
    assert trained.loss_.shape == (30,)
    assert trained.loss_.max() < 1e-10
    np.testing.assert_allclose(trained.decision_function(np.eye(6)), np.eye(6)[PLACES], atol=1e-5)


def test_ways_to_give_a_permutation() -> None:
    made = PermutationEnsemble(6, engine="gp", n_models=5).fit(PLACES)
    matrix = np.eye(6, dtype=int)[PLACES]
    order = np.array([3, 1, 0, 5, 2, 4])
    for arguments in (
        (PLACES.tolist(),),
        (torch.from_numpy(PLACES),),
        (matrix,),
        (matrix.astype(float),),
        (matrix.astype(bool),),
        (np.eye(6), matrix),
        (np.eye(6)[order], matrix[order]),
    ):
        other = PermutationEnsemble(6, engine="gp", n_models=5).fit(*arguments)
        np.testing.assert_array_equal(other.permutation_, PLACES)
    np.testing.assert_array_equal(made.predict(np.eye(6)), matrix)
    np.testing.assert_array_equal(INPUTS @ matrix, permuted(INPUTS, PLACES))


def test_inputs_of_many_kinds(trained: PermutationEnsemble) -> None:
    expected = trained.predict(UNSEEN)
    wide = np.repeat(UNSEEN, 2, axis=1)
    for rows in (
        UNSEEN.astype(float),
        UNSEEN.astype(bool),
        UNSEEN.tolist(),
        torch.from_numpy(UNSEEN),
        torch.from_numpy(UNSEEN).bfloat16(),
        wide[:, ::2],
    ):
        np.testing.assert_array_equal(trained.predict(rows), expected)


def test_number_of_networks_follows_delta() -> None:
    for rounding in ("sign", "weight-aware"):
        model = PermutationEnsemble(6, engine="gp", delta=0.02, rounding=rounding).fit(PLACES)
        assert model.n_models_ == ensemble_size(6, 0.02, rounding=rounding)


def test_same_seed_same_bits_and_threads_hardly_matter() -> None:
    def decided(seed: int) -> np.ndarray:
        return PermutationEnsemble(6, width=200, n_models=8, seed=seed).fit(PLACES).decision_function(UNSEEN)

    first = decided(0)
    np.testing.assert_array_equal(first, decided(0))
    assert np.abs(first - decided(1)).max() > 1e-3
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        np.testing.assert_allclose(decided(0), first, atol=1e-6)
    finally:
        torch.set_num_threads(before)


def test_gp_commutes_with_relabelling() -> None:
    def decided(places: np.ndarray) -> np.ndarray:
        return PermutationEnsemble(6, engine="gp", n_models=9, seed=2).fit(places).decision_function(UNSEEN)

    np.testing.assert_array_equal(decided(PLACES), permuted(decided(np.arange(6)), PLACES))
    order = np.array([4, 2, 0, 1, 5, 3])
    for here, there in zip(
        PermutationEnsemble(6).moments(UNSEEN), PermutationEnsemble(6).moments(UNSEEN[:, order]), strict=True
    ):
        np.testing.assert_array_equal(here, there)


def test_gp_draws_do_not_depend_on_order_or_repeats() -> None:
    model = PermutationEnsemble(6, engine="gp", n_models=9).fit(PLACES)
    plain = model.decision_function(UNSEEN)
    np.testing.assert_allclose(
        model.decision_function(np.concatenate([UNSEEN[::-1], UNSEEN]))[::-1][: len(plain)], plain[::-1]
    )
    np.testing.assert_allclose(model.decision_function(UNSEEN[::-1]), plain[::-1])


def test_gp_moments_and_covariance() -> None:
    """400 draws: means, variances and one covariance within 4 to 5 standard errors."""
    k, rows = 5, np.array([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    draws = np.stack(
        [
            PermutationEnsemble(k, engine="gp", n_models=1, seed=seed).fit(np.arange(k)).decision_function(rows)
            for seed in range(400)
        ]
    )
    one, zero, variance = permutation_moments(k, rows.sum(1))
    np.testing.assert_array_equal(draws[:, 2], np.tile(np.eye(k)[0], (400, 1)))
    expected = np.where(rows == 1, one[:, None], zero[:, None])
    error = np.sqrt(variance / 400)[:, None]
    assert (np.abs(draws.mean(0) - expected) <= 4 * error).all()
    pooled = (draws - expected).transpose(0, 2, 1).reshape(-1, 3)
    assert (np.abs(pooled.var(0)[:2] / variance[:2] - 1) < 5 * np.sqrt(2 / 2000)).all()
    basis, kernels = np.eye(k), permutation_kernels(rows)
    weights = np.linalg.solve(permutation_kernels(basis).ntk, permutation_kernels(basis, rows).ntk).T
    cross = weights @ permutation_kernels(basis, rows).nngp
    covariance = kernels.nngp + weights @ permutation_kernels(basis).nngp @ weights.T - cross - cross.T
    np.testing.assert_allclose(np.diag(covariance), variance, atol=1e-14)
    found = (pooled[:, 0] * pooled[:, 1]).mean()
    spread = np.sqrt((covariance[0, 0] * covariance[1, 1] + covariance[0, 1] ** 2) / 2000)
    assert abs(found - covariance[0, 1]) < 4 * spread


def test_real_networks_have_the_moments_of_the_limit() -> None:
    """100 networks: 4 standard errors and 10 % for the finite width."""
    model = PermutationEnsemble(6, width=500, n_models=100, seed=5).fit(np.arange(6))
    rows = UNSEEN[UNSEEN.sum(1) == 3]
    one, zero, variance = permutation_moments(6, 3)
    found = model.decision_function(rows)
    error = np.sqrt(variance / 100)
    assert abs(found[rows == 1].mean() - one) < 4 * error + 0.1 * one
    assert abs(found[rows == 0].mean() - zero) < 4 * error + 0.1 * abs(zero)


def test_moments_need_no_fit() -> None:
    found = PermutationEnsemble(6).moments(UNSEEN)
    np.testing.assert_array_equal(found.variance, permutation_moments(6, UNSEEN.sum(1, dtype=int)).variance)


def test_clone_params_copy_and_pickle(trained: PermutationEnsemble) -> None:
    twin = clone(trained)
    assert twin.get_params() == trained.get_params()
    with pytest.raises(NotFittedError):
        twin.predict(UNSEEN)
    assert twin.set_params(rounding="sign").rounding == "sign"
    for other in (copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        np.testing.assert_array_equal(other.predict(UNSEEN), trained.predict(UNSEEN))


def test_a_failed_fit_leaves_the_former_one() -> None:
    model = PermutationEnsemble(6, width=50, n_models=4).fit(PLACES)
    before = model.decision_function(UNSEEN)
    with pytest.raises(ValueError, match="more than once"):
        model.fit([0, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(model.decision_function(UNSEEN), before)
    np.testing.assert_array_equal(model.permutation_, PLACES)


def test_a_seed_spoiled_after_fit_is_named() -> None:
    model = PermutationEnsemble(6, engine="gp", n_models=4).fit(PLACES).set_params(seed=None)
    with pytest.raises(TypeError, match="seed is None"):
        model.predict(UNSEEN)


def test_changing_the_engine_forgets_the_networks() -> None:
    model = PermutationEnsemble(6, width=50, n_models=4).fit(PLACES)
    model.set_params(engine="gp").fit(PLACES)
    assert not hasattr(model, "networks_")
    expected = PermutationEnsemble(6, engine="gp", n_models=4).fit(PLACES).decision_function(UNSEEN)
    np.testing.assert_array_equal(model.decision_function(UNSEEN), expected)


def test_long_training_shows_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    PermutationEnsemble(6, width=50, n_models=4).fit(PLACES)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(method, "_LONG", 0)
    PermutationEnsemble(6, width=50, n_models=4).fit(PLACES)
    shown = capsys.readouterr()
    assert "training networks" in shown.err
    assert shown.out == ""


def test_narrow_networks_are_reported() -> None:
    with pytest.warns(ConvergenceWarning, match=r"width 12 is small for k = 6"):
        PermutationEnsemble(6, width=12, n_models=5, lr=0.2).fit(PLACES)
    PermutationEnsemble(6, width=12, n_models=5, lr=0.2, steps=3).fit(PLACES)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("k", True, TypeError),
        ("k", 4.0, TypeError),
        ("width", "wide", TypeError),
        ("width", 0, ValueError),
        ("n_models", 2.5, TypeError),
        ("delta", "0.1", TypeError),
        ("delta", True, TypeError),
        ("delta", float("inf"), ValueError),
        ("lr", 0.0, ValueError),
        ("lr", float("nan"), ValueError),
        ("lr", "fast", TypeError),
        ("lr", 1e-12, ValueError),
        ("steps", -1, ValueError),
        ("seed", 1.5, TypeError),
        ("seed", None, TypeError),
        ("device", 0.5, ValueError),
        ("engine", None, ValueError),
        ("rounding", 0, ValueError),
    ],
)
def test_settings_of_a_wrong_kind(name: str, value: object, error: type[Exception]) -> None:
    model = PermutationEnsemble(6).set_params(**{name: value})
    with pytest.raises(error, match=f"{name} "):
        model.fit(PLACES)


def test_all_inputs_are_listed_once() -> None:
    rows = all_inputs(10)
    assert rows.shape == (1023, 10)
    assert rows.any(1).all()
    assert len(np.unique(rows, axis=0)) == 1023
    assert rows[4].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 1]
