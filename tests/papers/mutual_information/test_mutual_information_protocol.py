"""The protocol and single critics: equal numbers however runs are batched, inputs of all kinds, what is flagged."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from torch import Tensor, nn

from workingpapers.papers.mutual_information import MLPEncoder, MutualInformation, estimate_mi, fit_critic, infonce
from workingpapers.papers.mutual_information.method import plan_runs
from workingpapers.papers.mutual_information.training import Options, split_rows, train_runs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
Y = X[:, :2] + 0.5 * RNG.normal(size=(200, 2))
Quick = partial(estimate_mi, gammas=(1, 2, 3), epochs=2)


def _z(sample: np.ndarray) -> Tensor:
    return torch.from_numpy((sample - sample.mean(0)) / sample.std(0))


@pytest.mark.parametrize(
    "options",
    [
        Options(epochs=6),
        Options(epochs=3, variational=True, bound="smile"),
        Options(epochs=3, critic="hybrid", hidden=16),
        Options(epochs=3, critic="concat", hidden=16, bound="nwj"),
    ],
)
def test_one_batched_model_gives_the_numbers_of_single_runs(options: Options) -> None:
    runs = plan_runs(200, [1, 2, 3], {1: 2}, options, 0)
    runs = [run for run in runs if run.kind != "wider"][:7]
    x, y = _z(X), _z(Y)
    together = train_runs(runs, x, y, options)
    for run, curve in zip(runs, together, strict=True):
        (alone,) = train_runs([run], x, y, options)
        np.testing.assert_allclose(curve.train, alone.train, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(curve.test, alone.test, rtol=1e-7, atol=1e-9)
        assert curve.epoch == alone.epoch


def test_fit_critic_is_one_run_of_the_protocol() -> None:
    options = Options(epochs=4)
    run = plan_runs(200, [1, 2], {}, options, 0)[2]
    (curve,) = train_runs([run], _z(X), _z(Y), options)
    rows = torch.from_numpy(run.rows)
    fit = fit_critic(
        _z(X)[rows], _z(Y)[rows], epochs=4, seed=run.seed, standardise=False, units="nats", dtype=torch.float64
    )
    assert fit.train_mi == pytest.approx(curve.train[curve.epoch], abs=1e-9)
    assert list(fit.history["train"]) == pytest.approx(list(curve.train), abs=1e-9)


def test_the_kept_critic_is_that_of_the_best_epoch() -> None:
    quick = partial(fit_critic, X, Y, lr=3e-2, units="nats")
    fit = quick(epochs=40)
    assert 5 < fit.best_epoch < 33  # so that the window had to keep weights beyond its own length
    shorter = quick(epochs=fit.best_epoch + 1)
    assert shorter.history["train"].iloc[-1] == pytest.approx(fit.train_mi, abs=1e-6)
    assert not fit.critic.training
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    again = quick(epochs=40).critic
    torch.testing.assert_close(fit.critic(x, x[:, :2])[0], again(x, x[:, :2])[0], rtol=0, atol=0)
    # the weights give the value of that epoch: on the training samples that the rule evaluates
    z = (_z(X).float(), _z(Y).float())
    train, _ = split_rows(200, "random", torch.Generator().manual_seed(0))
    scores, _ = fit.critic(z[0][train], z[1][train])
    assert float(infonce(scores.detach())) == pytest.approx(fit.train_mi, abs=1e-5)


def test_scaling_and_global_state_change_nothing() -> None:
    torch.manual_seed(5)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first = Quick(X, Y)
    second = Quick(1000 * X + 7, pd.DataFrame(0.1 * Y))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads
    assert second.mi == pytest.approx(first.mi, abs=1e-4)
    third = Quick(np.asfortranarray(1000 * X + 7), torch.from_numpy(0.1 * Y))
    assert third.mi == pytest.approx(first.mi, abs=1e-4)
    assert Quick(X, Y).mi == first.mi
    assert Quick(X, Y, units="nats").mi == pytest.approx(first.mi * np.log(2))
    assert Quick(X, Y, seed=1).mi != first.mi


def test_what_a_result_holds() -> None:
    result = Quick(X, Y, gammas=(1, 2, 3, 4))
    data = result.per_run[result.per_run["kind"] == "data"]
    assert {"gamma", "chunk", "n", "train_mi", "test_mi", "epoch"} <= set(result.per_run.columns)
    assert data.groupby("gamma").size().to_dict() == {1: 3, 2: 4, 3: 3, 4: 4}
    assert result.ci[0] <= result.mi <= result.ci[1]
    assert result.reliable == all(check.passed for check in result.checks)
    names = {check.name for check in result.checks}
    assert names == {"linearity", "stability", "ceiling", "gap", "convergence", "shuffle", "saturation"}
    assert "bits" in str(result)
    assert result.plot().axes


def test_chunks_are_disjoint_parts_of_one_permutation() -> None:
    runs = [r for r in plan_runs(203, [1, 4], {}, Options(), 0) if r.gamma == 4 and r.kind == "data"]
    rows = np.concatenate([run.rows for run in runs])
    assert len(rows) == len(set(rows)) == 200
    blocked = [r for r in plan_runs(203, [4], {}, Options(split="blocked"), 0) if r.kind == "data"]
    assert all((np.diff(run.rows) == 1).all() for run in blocked)


def test_independent_data_give_nothing() -> None:
    rng = np.random.default_rng(1)
    result = estimate_mi(
        rng.normal(size=(2048, 4)), rng.normal(size=(2048, 4)), gammas=(1, 2, 3), epochs=6, embed_dim=4, hidden=16
    )
    assert abs(result.mi) < 0.1
    assert result.ci[0] <= 0 <= result.ci[1]


def test_equal_variables_are_flagged() -> None:
    """One column cannot be learned sharply enough to reach the ceiling in this time; ten columns can."""
    x = np.random.default_rng(2).normal(size=(256, 10))
    line = estimate_mi(x[:, 0], x[:, 0], gammas=(1, 2, 3, 4), repeats={}, epochs=10)
    assert not line.reliable
    assert line.failed
    many = estimate_mi(x, x, gammas=(1, 2, 3, 4), repeats={}, epochs=20, lr=3e-3)
    assert not many.reliable
    assert "ceiling" in {check.name for check in many.failed}


class _Pictures(nn.Module):
    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4) if norm else nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu().mean((2, 3))


@pytest.mark.parametrize("norm", [False, True])
def test_pictures_through_any_encoder(*, norm: bool) -> None:
    encoder = _Pictures(norm=norm)
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    pictures = np.random.default_rng(3).normal(size=(96, 1, 8, 8))
    labels = np.arange(96) % 3
    results = [Quick(pictures, labels, encoder=(encoder, None), gammas=(1, 2), discrete_y=True) for _ in range(2)]
    assert np.isfinite(results[0].mi)
    assert results[0].mi == results[1].mi
    assert encoder.training
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())


def test_a_critic_of_the_users_own() -> None:
    class Bilinear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(0.1 * torch.ones(5, 2))

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x @ self.weight @ y.T

    assert Quick(X, Y, critic=Bilinear(), gammas=(1, 2)).per_run["kind"].unique().tolist() == ["data", "shuffled"]
    with pytest.raises(TypeError, match="score of every pair"):
        Quick(X, Y, critic=_One(), gammas=(1, 2))


class _One(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x.sum(1) + y.sum(1)


def test_constant_columns_are_dropped_with_a_warning() -> None:
    padded = np.hstack([X, np.ones((200, 1))])
    with pytest.warns(UserWarning, match="1 of 6 columns are constant"):
        assert Quick(padded, Y).mi == Quick(X, Y).mi


def test_the_estimator_clones_fits_and_embeds() -> None:
    model = MutualInformation(gammas=(1, 2), epochs=2, embed_dim=3)
    fitted = clone(model).fit(X, Y)
    assert fitted.score_ == Quick(X, Y, gammas=(1, 2), embed_dim=3).mi
    assert fitted.transform(X[:7]).shape == (7, 3)
    with pytest.raises(ValueError, match="fitted on"):
        fitted.transform(X[:, :3])


def test_encoders_start_anew_from_a_generator() -> None:
    encoder = MLPEncoder(4, 2)
    encoder.reset_parameters(torch.Generator().manual_seed(0))
    weights = encoder.layers[0].weight.clone()
    encoder.reset_parameters(torch.Generator().manual_seed(0))
    assert torch.equal(weights, encoder.layers[0].weight)
