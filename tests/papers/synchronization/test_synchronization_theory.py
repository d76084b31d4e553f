"""Closed forms against Lyapunov equations, limits, and the specification's own figures."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from workingpapers.papers.synchronization import (
    laplacian,
    required_coupling,
    stationary_moments,
    synchronization_bound,
)

GRAPHS = ("complete", "ring", "star", "path", "hypercube")
H = (0.5, 1.0, 1.5, 2.0, 3.0)


def _hessian(d: int = 3) -> np.ndarray:
    root = np.random.default_rng(0).normal(size=(d, d))
    return root @ root.T + 0.3 * np.eye(d)


def _by_lyapunov(h: np.ndarray, graph: np.ndarray, coupling: float, noise: float, dt: float | None) -> tuple:
    n, d = len(graph), len(h)
    drift = np.kron(np.eye(n), h) + coupling * np.kron(graph, np.eye(d))
    eye = np.eye(n * d)
    if dt is None:
        covariance = solve_continuous_lyapunov(drift, noise**2 * eye)
    else:
        covariance = solve_discrete_lyapunov(eye - dt * drift, dt * noise**2 * eye)
    mean = np.kron(np.full((1, n), 1 / n), np.eye(d))
    centroid = np.trace(mean @ covariance @ mean.T)
    individual = np.trace(covariance) / n
    return individual - centroid, centroid, individual


def _random_graph() -> torch.Tensor:
    weights = np.random.default_rng(1).uniform(0.2, 2, (8, 8))
    return laplacian(weights + weights.T)


@pytest.mark.parametrize("graph", [*GRAPHS, "random"])
@pytest.mark.parametrize("dt", [None, 0.01])
def test_closed_forms_are_the_lyapunov_solution(graph: str, dt: float | None) -> None:
    weights = _random_graph() if graph == "random" else laplacian(graph, 8)
    found = stationary_moments(_hessian(), weights, 0.7, 1.3, dt=dt)
    expected = _by_lyapunov(_hessian(), weights.numpy(), 0.7, 1.3, dt)
    assert (found.spread, found.centroid, found.individual) == pytest.approx(expected, rel=1e-8)
    assert float(found.per_mode[1:].sum()) / 8 == pytest.approx(found.spread)
    assert float(found.per_mode[0].sum()) / 8 == pytest.approx(found.centroid)


def test_the_specified_figures() -> None:
    complete, ring = laplacian("complete", 10), laplacian("ring", 10)
    for graph, spread in (("complete", 0.0436), ("ring", 0.2817), ("star", 0.3129), ("path", 0.3712)):
        assert stationary_moments(H, laplacian(graph, 10), 5, 1).spread == pytest.approx(spread, abs=5e-5)
    assert stationary_moments(H, complete, 5, 1, dt=0.004).spread == pytest.approx(0.0486, abs=5e-4)
    lambda2 = float(torch.linalg.eigvalsh(ring)[1])
    assert synchronization_bound(10, 5, 0.5, lambda2, 0.5, 1) == pytest.approx(3.256, abs=5e-4)
    assert synchronization_bound(10, 5, 0.5, 10, 0.5, 1) == pytest.approx(0.409, abs=5e-4)
    assert synchronization_bound(10, 5, 0.5, 10, 5, 1) == pytest.approx(0.0446, abs=5e-5)


def test_limits_of_the_coupling() -> None:
    graph, single = laplacian("star", 7), stationary_moments(_hessian(), [[0.0]], 0, 0.8)
    tight = stationary_moments(_hessian(), graph, 1e9, 0.8)
    assert tight.spread < 1e-8
    assert tight.individual == pytest.approx(tight.centroid)
    apart = stationary_moments(_hessian(), graph, 0, 0.8)
    assert apart.spread == pytest.approx(6 / 7 * single.individual)
    assert single.spread == 0


def test_the_centroid_does_not_depend_on_the_coupling() -> None:
    found = {stationary_moments(H, laplacian("path", 5), k, 1.0, dt=0.01).centroid for k in (0, 1, 10)}
    assert max(found) == pytest.approx(min(found), rel=1e-12)


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("coupling", [0.0, 0.3, 5.0])
def test_the_bound_is_a_bound(graph: str, coupling: float) -> None:
    weights = laplacian(graph, 8)
    l = torch.linalg.eigvalsh(weights)  # noqa: E741
    arguments = (8, len(H), min(H), max(float(l[1]), 0), coupling, 1.5)
    assert synchronization_bound(*arguments) >= stationary_moments(H, weights, coupling, 1.5).spread * (1 - 1e-12)
    fastest = max(H) + coupling * float(l[-1])
    for share in (0.1, 1.0, 1.5, 1.9):
        dt = share / fastest
        bound = synchronization_bound(*arguments, dt=dt, rate_max=fastest)
        assert bound >= stationary_moments(H, weights, coupling, 1.5, dt=dt).spread * (1 - 1e-12)


def test_a_coarse_step_violates_the_continuous_bound() -> None:
    graph = laplacian("complete", 10)
    assert stationary_moments(H, graph, 5, 1, dt=0.004).spread > synchronization_bound(10, 5, 0.5, 10, 5, 1)


def test_the_bound_is_exact_on_the_complete_graph_with_equal_curvatures() -> None:
    for dt in (None, 0.03):
        value = stationary_moments((0.7,) * 4, laplacian("complete", 6), 1.2, 0.9, dt=dt).spread
        assert synchronization_bound(6, 4, 0.7, 6, 1.2, 0.9, dt=dt) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("dt", [None, 0.01])
def test_the_required_coupling_meets_its_target(dt: float | None) -> None:
    kappa = required_coupling(0.2, 10, 5, -0.5, 0.38, 1.0, dt=dt)
    assert synchronization_bound(10, 5, -0.5, 0.38, kappa, 1.0, dt=dt) == pytest.approx(0.2, rel=1e-12)
    assert required_coupling(1e6, 10, 5, 0.5, 0.38, 1.0, dt=dt) == 0
    assert required_coupling(0.2, 1, 5, 0.5, 0, 1.0, dt=dt) == 0


def test_no_curvature_lets_the_centroid_wander() -> None:
    found = stationary_moments(torch.tensor([0.0, 1.0]), laplacian("ring", 4), 1, 1)
    assert math.isinf(found.centroid)
    assert found.spread > 0
    assert math.isfinite(found.spread)


def test_rounding_is_no_connectivity() -> None:
    """The second eigenvalue of this graph comes out as about 1e-17, and no noise is held by that."""
    with pytest.warns(UserWarning, match="disconnected"):
        graph = laplacian([(i, i + 1, 0.1 * i + 0.13) for i in range(6) if i != 3])
    with pytest.raises(ValueError, match="not contracting"):
        stationary_moments([0.0, 1.0], graph, 1.0, 1.0)


def test_inputs_of_any_kind_agree() -> None:
    graph = laplacian("ring", 5)
    wanted = stationary_moments(np.diag([1.0, 2.0]), graph, 1, 1).spread
    forms = [[1, 2], (2.0, 1.0), torch.tensor([1, 2]), torch.tensor([[1.0, 0], [0, 2]]), np.float32([2, 1])]
    for hessian in forms:
        assert stationary_moments(hessian, graph.float(), np.float64(1), 1).spread == pytest.approx(wanted)
    assert stationary_moments(torch.eye(4)[::2, ::2], graph.T, 1, 1).per_mode.shape == (5, 2)
    assert synchronization_bound(1, 3, 1, 0, 1, 1) == 0
