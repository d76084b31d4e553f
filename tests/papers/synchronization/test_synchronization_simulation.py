"""Simulation: against closed forms within standard errors, deterministic limits, gradients of modules."""

import pickle

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn

from workingpapers.papers.synchronization import (
    SyncTrajectory,
    laplacian,
    module_gradient,
    simulate,
    stationary_moments,
)

H = torch.tensor([0.5, 1.0, 3.0])


def _quadratic(graph: str, coupling: float, seed: int = 0, **options: object) -> SyncTrajectory:
    given = {"dt": 0.05, "steps": 1000, "burn_in": 200, "paths": 96, "record_every": 4, **options}
    source = torch.Generator().manual_seed(seed)
    return simulate(lambda w: w * H, torch.zeros(3), laplacian(graph, 6), coupling, 0.8, generator=source, **given)


@pytest.mark.parametrize(("graph", "coupling"), [("complete", 1.0), ("ring", 0.5), ("star", 2.0), ("path", 0.0)])
def test_moments_are_those_of_the_closed_form(graph: str, coupling: float) -> None:
    found = _quadratic(graph, coupling).moments()
    theory = stationary_moments(H, laplacian(graph, 6), coupling, 0.8, dt=0.05)
    for what in ("spread", "centroid", "individual"):
        error = abs(getattr(found, what) - getattr(theory, what))
        assert error < 4 * getattr(found, f"{what}_error"), what


def test_one_replica_is_plain_langevin_dynamics() -> None:
    run = simulate(
        lambda w: w * H,
        torch.ones(3),
        [[0.0]],
        7.0,
        0.5,
        dt=0.1,
        steps=40,
        paths=3,
        generator=torch.Generator().manual_seed(1),
    )
    source, w = torch.Generator().manual_seed(1), torch.ones(3, 1, 3)
    kicks = torch.randn(40, 3, 1, 3, generator=source)
    for kick in kicks:
        w = w - 0.1 * w * H + 0.5 * 0.1**0.5 * kick
    torch.testing.assert_close(run.final, w)
    assert float(run.spread.abs().max()) == 0


def test_without_noise_disagreement_decays_at_the_slowest_rate() -> None:
    graph, coupling, dt = laplacian("path", 6), 1.5, 1e-3
    slow = torch.linalg.eigh(graph)[1][:, 1:2]
    run = simulate(lambda w: 0.5 * w, slow, graph, coupling, 0.0, dt=dt, steps=1000, paths=1)
    rate = -np.polyfit(run.times.numpy(), 0.5 * run.spread[:, 0].log().numpy(), 1)[0]
    assert rate == pytest.approx(0.5 + coupling * float(torch.linalg.eigvalsh(graph)[1]), rel=0.01)


def test_equal_replicas_without_noise_feel_no_coupling_to_the_last_bit() -> None:
    start = torch.randn(5, generator=torch.Generator().manual_seed(0))
    options = {"dt": 0.07, "steps": 30, "paths": 2}
    coupled, apart = (simulate(lambda w: w.sin(), start, laplacian("star", 7), k, 0, **options).final for k in (1.3, 0))
    assert torch.equal(coupled, apart)


def test_the_loss_that_is_not_quadratic_has_its_moments_by_quadrature() -> None:
    density = lambda w: np.exp(-2 * (np.exp(w) - w))  # noqa: E731
    whole = quad(density, -12, 4)[0]
    mean, square = (quad(lambda w, k=k: w**k * density(w), -12, 4)[0] / whole for k in (1, 2))
    assert (mean, square) == pytest.approx((-0.27036, 0.71803), abs=5e-5)
    run = simulate(
        torch.expm1,
        torch.zeros(1),
        [[0.0]],
        0,
        1.0,
        dt=0.01,
        steps=3500,
        burn_in=500,
        paths=3000,
        record_every=50,
        generator=torch.Generator().manual_seed(0),
    )
    values = run.centroid[..., 0].double()
    for estimate, exact in ((values.mean(0), mean), (values.square().mean(0), square)):
        error = float(estimate.std()) / len(estimate) ** 0.5
        assert abs(float(estimate.mean()) - exact) < 3 * error + 0.005  # the step's own error is below 0.005


def test_records_are_what_they_are_called() -> None:
    run = _quadratic("ring", 1.0, steps=60, burn_in=20, record_every=8, paths=3, keep_states=True)
    assert run.states is not None
    assert run.states.shape == (5, 3, 6, 3)
    assert run.times.tolist() == pytest.approx([0.05 * step for step in (28, 36, 44, 52, 60)])
    torch.testing.assert_close(run.centroid, run.states.mean(2))
    apart = run.states - run.states.mean(2, keepdim=True)
    torch.testing.assert_close(run.spread, apart.square().sum((2, 3)) / 6)
    assert torch.equal(run.final, run.states[-1])
    optimum = torch.tensor([0.1, 0.2, 0.3])
    individual = (run.states - optimum).square().sum(-1).mean()
    assert run.moments(optimum).individual == pytest.approx(float(individual), rel=1e-5)


def test_the_start_is_kept_and_a_run_goes_on_from_another() -> None:
    start = torch.zeros(4, 6, 3)
    before = start.clone()
    first = simulate(lambda w: w, start, laplacian("ring", 6), 1, 1, dt=0.1, steps=5)
    assert torch.equal(start, before)
    assert first.final.shape == (4, 6, 3)
    assert simulate(lambda w: w, first.final, laplacian("ring", 6), 1, 1, dt=0.1, steps=5).final.shape == (4, 6, 3)


def test_dtypes() -> None:
    ring = laplacian("ring", 3)
    for start, dtype in (
        (torch.zeros(2, dtype=torch.float32), torch.float32),
        (torch.zeros(2, dtype=torch.float64), torch.float64),
        (torch.zeros(2, dtype=torch.int64), torch.float64),
        ([0, 0], torch.float64),
        (np.zeros((3, 2)), torch.float64),
        (torch.zeros(3, 4)[:, ::2], torch.float32),
    ):
        assert simulate(lambda w: w, start, ring, 1, 1, dt=0.1, steps=2, paths=2).final.dtype == dtype


def test_the_noise_does_not_depend_on_what_is_recorded() -> None:
    finals = [_quadratic("ring", 1.0, steps=50, burn_in=b, record_every=e).final for b, e in ((0, 1), (20, 7))]
    assert torch.equal(*finals)


def test_a_diverging_state_names_its_step() -> None:
    with pytest.raises(FloatingPointError, match="at step 2:"):
        simulate(lambda w: w.square() * float("1e30"), torch.ones(1), [[0.0]], 0, 0, dt=1.0, steps=10, paths=1)


def test_module_gradients_are_those_of_autograd() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    x, y = torch.randn(16, 4), torch.randint(3, (16,))
    drift = module_gradient(net, nn.functional.cross_entropy, (x, y))
    weights = torch.randn(2, 3, drift.dim)
    found = drift(weights)
    for path in range(2):
        for i in range(3):
            nn.utils.vector_to_parameters(weights[path, i], net.parameters())
            grads = torch.autograd.grad(nn.functional.cross_entropy(net(x), y), list(net.parameters()))
            torch.testing.assert_close(found[path, i], torch.cat([g.flatten() for g in grads]))


def test_frozen_parameters_and_tuples_of_inputs() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(2, 1, bias=False), nn.Linear(3, 1)
            self.right.bias.requires_grad_(False)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.left(x) * self.right(y)

    batch = ((torch.randn(4, 2), torch.randn(4, 3)), torch.randn(4, 1))
    drift = module_gradient(Gated(), nn.functional.mse_loss, batch)
    assert drift.dim == 5
    assert drift(drift.initial).shape == (5,)


def test_batch_normalisation_must_not_learn_its_statistics() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    batch = (torch.randn(8, 2), torch.randn(8, 3))
    with pytest.raises(ValueError, match="eval"):
        module_gradient(net, nn.functional.mse_loss, batch)
    drift = module_gradient(net.eval(), nn.functional.mse_loss, batch)
    assert drift(drift.initial.expand(2, 3, -1)).shape == (2, 3, drift.dim)


def test_a_run_tells_how_far_it_is() -> None:
    told: list[float] = []
    start = torch.zeros(64, 10, 100)  # a block of noise is a few steps of this
    simulate(lambda w: w, start, laplacian("ring", 10), 1, 1, dt=0.1, steps=13, watch=told.append)
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == 1


@pytest.mark.parametrize("options", [{"grad": 3}, {"generator": 3}, {"watch": "bar"}])
def test_wrong_kinds_are_named_before_any_noise_is_drawn(options: dict) -> None:
    before = torch.get_rng_state()
    with pytest.raises(TypeError, match=next(iter(options))):
        simulate(**{"grad": lambda w: w, "w0": torch.zeros(1), "laplacian": [[0.0]], "coupling": 0, "noise": 1,
                    "dt": 0.1, "steps": 2, **options})  # fmt: skip
    assert torch.equal(before, torch.get_rng_state())


def test_a_module_gradient_can_be_copied_and_keeps_its_start() -> None:
    drift = module_gradient(nn.Linear(2, 1), nn.functional.mse_loss, (torch.randn(4, 2), torch.randn(4, 1)))
    start, slope = drift.initial.clone(), drift(drift.initial)
    with torch.no_grad():
        drift.module.bias.add_(1)
    twin = pickle.loads(pickle.dumps(drift))
    assert torch.equal(twin.initial, start)
    assert torch.equal(twin(start), slope)
    with pytest.raises(TypeError, match="loss_fn"):
        module_gradient(nn.Linear(2, 1), 1.0, (torch.ones(4, 2), torch.ones(4, 1)))
