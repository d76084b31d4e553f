"""Training by SGD: where it converges to, that it is reproducible, hidden layers, devices and scales."""

import numpy as np
import pytest
import torch

from workingpapers.papers.arnet import ARNet, ar_generate
from workingpapers.papers.arnet.training import TrainingPlan, window_starts


def gap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_converges_to_the_exact_fit_as_epochs_grow() -> None:
    y = ar_generate(20_000, [0.3, -0.2, 0.1, 0.0, 0.2, 0.0, 0.0, -0.1, 0.0, 0.15], seed=0)
    exact = ARNet(10).fit(y).coef_
    gaps = [gap(ARNet(10, solver="sgd", epochs=epochs, random_state=0).fit(y).coef_, exact) for epochs in (1, 30)]
    assert gaps[1] < 0.01
    assert gaps[1] < gaps[0]


def test_intercept_and_level() -> None:
    y = ar_generate(5000, [0.6], seed=0) + 30.0
    exact, sgd = ARNet(1).fit(y), ARNet(1, solver="sgd", random_state=0).fit(y)
    assert sgd.intercept_ == pytest.approx(exact.intercept_, rel=0.05)
    assert sgd.predict(200)[-1] == pytest.approx(y.mean(), abs=0.2)
    np.testing.assert_allclose(sgd.coef_std_, exact.coef_std_, rtol=0.01)


def test_same_seed_same_fit_and_another_seed_another() -> None:
    y = ar_generate(600, [0.5], seed=0)
    fits = [ARNet(3, solver="sgd", random_state=seed).fit(y).coef_ for seed in (1, 1, 2)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert (fits[0] != fits[2]).any()


def test_global_random_state_is_left_alone() -> None:
    y = ar_generate(300, [0.5], seed=0)
    before_torch, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    ARNet(3, hidden=(4,), random_state=0).fit(y)
    assert torch.equal(torch.get_rng_state(), before_torch)
    np.testing.assert_array_equal(np.random.get_state()[1], before_numpy)


def test_scale_leaves_coefficients() -> None:
    y = ar_generate(600, [0.5], seed=0)
    small, large = (ARNet(3, solver="sgd", random_state=0).fit(factor * y).coef_ for factor in (1.0, 1e5))
    np.testing.assert_allclose(small, large, atol=1e-5)


def test_without_standardising_the_network_sees_the_series() -> None:
    y = ar_generate(4000, [0.5, -0.3], seed=0)
    model = ARNet(2, solver="sgd", standardize=False, random_state=0).fit(y)
    np.testing.assert_allclose(model.coef_, ARNet(2).fit(y).coef_, atol=0.02)


def test_several_steps_by_sgd() -> None:
    y = ar_generate(8000, [0.5, -0.3], seed=0) + 2.0
    sgd, exact = (ARNet(2, n_forecasts=3, solver=name, random_state=0).fit(y) for name in ("sgd", "exact"))
    np.testing.assert_allclose(sgd.coef_, exact.coef_, atol=0.03)
    np.testing.assert_allclose(sgd.intercept_, exact.intercept_, atol=0.1)


def test_hidden_layers_learn_what_a_line_cannot() -> None:
    rng = np.random.default_rng(0)
    y = np.zeros(4000)
    for t in range(1, len(y)):  # an even function of the last value: uncorrelated with it
        y[t] = np.abs(y[t - 1]) - 1.0 + 0.3 * rng.standard_normal()
    line, net = ARNet(1).fit(y), ARNet(1, hidden=(16,), epochs=20, random_state=0).fit(y)
    assert net.score() > line.score() + 0.1
    assert net.solver_ == "sgd"
    assert np.isfinite(net.predict(10)).all()
    assert net.predict_in_sample().shape == (3999,)
    with pytest.raises(ValueError, match="hidden layers has no coefficients"):
        net.summary()


def test_a_fit_by_another_solver_leaves_nothing_behind() -> None:
    y = ar_generate(300, [0.5], seed=0)
    model = ARNet(3, solver="sgd", random_state=0).fit(y)
    model.set_params(solver="exact").fit(y)
    assert not hasattr(model, "network_")
    model.set_params(solver="auto", hidden=(4,)).fit(y)
    assert not hasattr(model, "coef_")


def test_schedules() -> None:
    cycle = TrainingPlan(10, 128, 1.0, strength=2.0)
    rates = [cycle.rate(share) for share in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert np.argmax(rates) == 25
    assert rates[-1] < 1e-5
    assert [cycle.penalty(share) for share in (0.0, 0.3, 0.55, 0.8, 1.0)] == pytest.approx([0, 0, 1, 2, 2])
    assert TrainingPlan(10, 128, 0.5, averaged=True).rate(0.9) == 0.5


def test_windows_do_not_cross_from_one_series_to_the_next() -> None:
    np.testing.assert_array_equal(window_starts([5, 2, 4], 3), [0, 1, 2, 7, 8])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_trains_on_a_cuda_device() -> None:
    y = ar_generate(5000, [0.5, -0.3], seed=0)
    model = ARNet(2, solver="sgd", device="cuda", random_state=0).fit(y)
    assert next(model.network_.parameters()).device.type == "cuda"
    np.testing.assert_allclose(model.coef_, ARNet(2).fit(y).coef_, atol=0.02)
