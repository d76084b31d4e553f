"""Three nested logits: values, gradients, flow; and where a curve has its transition."""

import math

import numpy as np
import pytest
import torch

from workingpapers.papers.icl_induction import nested_logit_flow, nested_logit_loss, transition
from workingpapers.papers.icl_induction.nested import _descent


def by_hand(beta1: float, alpha: float, xi: float, n: int, labels: int) -> float:
    p = math.exp(beta1) / (math.exp(beta1) + n)
    q = math.exp(alpha * p) / (math.exp(alpha * p) + n - 1)
    own, other = math.exp(xi * q), (n - 1) * math.exp(xi * (1 - q) / (n - 1))
    return -math.log(own / (own + other + labels - n))


@pytest.mark.parametrize(("n", "labels"), [(8, 32), (4, 8), (8, 8), (2, 3)])
def test_the_loss_is_its_formula(n: int, labels: int) -> None:
    for at in ((0.0, 0.0, 0.0), (1.0, 2.0, 3.0), (-1.0, 0.5, 2.0)):
        assert float(nested_logit_loss(*at, n, labels)) == pytest.approx(by_hand(*at, n, labels), abs=1e-12)


def test_values_at_the_origin_and_at_infinity() -> None:
    assert float(nested_logit_loss(0.0, 0.0, 0.0, 8, 32)) == pytest.approx(3.465736, abs=1e-6)
    assert float(nested_logit_loss(60.0, 60.0, 60.0, 8, 32)) == pytest.approx(0.0, abs=1e-12)
    assert float(nested_logit_loss(0.0, 0.0, 0.0, 1, 4)) == pytest.approx(math.log(4))


@pytest.mark.parametrize(("n", "labels"), [(4, 16), (8, 32), (8, 8)])
def test_the_gradient_at_the_origin(n: int, labels: int) -> None:
    origin = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(3)]
    gradient = torch.autograd.grad(nested_logit_loss(*origin, n, labels), origin)
    assert [float(each) for each in gradient] == pytest.approx([0, 0, -(1 / n) * (1 - n / labels)], abs=1e-15)
    if (n, labels) == (4, 16):
        assert float(gradient[2]) == pytest.approx(-0.1875)


@pytest.mark.parametrize(("n", "labels"), [(8, 32), (4, 4), (2, 5), (1, 3)])
def test_the_flows_gradient_is_autograds(n: int, labels: int) -> None:
    rng = np.random.default_rng(0)
    for at in rng.normal(0, 3, (5, 3)):
        point = torch.from_numpy(at).requires_grad_()
        (gradient,) = torch.autograd.grad(nested_logit_loss(point[0], point[1], point[2], n, labels), point)
        assert np.allclose(_descent(0.0, at, n, labels, np.ones(3)), -gradient.numpy(), atol=1e-12)


def test_the_loss_broadcasts_and_keeps_the_type() -> None:
    found = nested_logit_loss(torch.zeros(3, 1), torch.zeros(4), 0.0, 4, 8)
    assert found.shape == (3, 4)
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("n", "labels", "plateau", "half"),
    [(8, 32, 47.2, 48.6), (4, 8, 22.6, 25.9), (8, 9, 113.9, None), (8, 8, None, 384)],
)
def test_times_of_the_flow(n: int, labels: int, plateau: float | None, half: float | None) -> None:
    flow = nested_logit_flow(n, labels, 0.01, 500.0)
    if plateau is not None and labels > n + 1:
        assert flow.time_at(1.05 * math.log(n)) == pytest.approx(plateau, rel=0.02)
    if half is not None:
        assert flow.time_at(0.5 * math.log(n)) == pytest.approx(half, rel=0.02)
    assert (np.diff(flow.loss) < 1e-9).all()
    assert flow.time_at(-1.0) == math.inf


def test_parts_of_the_flow_can_be_held() -> None:
    flow = nested_logit_flow(8, 32, (50.0, 50.0, 0.01), 50.0, trains=(False, False, True))
    assert (flow.beta1 == 50.0).all()
    assert flow.xi[-1] > 1.0


def test_transition_of_a_logistic_curve() -> None:
    steps = np.linspace(0, 200, 401)
    for sign in (1, -1):
        found = transition(steps, 0.3 + sign * 0.5 / (1 + np.exp(-(steps - 120) / 4)))
        assert found.midpoint == pytest.approx(120, abs=0.1)
        assert found.width_10_90 == pytest.approx(2 * math.log(9) * 4, rel=0.01)
        assert found.abruptness == pytest.approx(found.midpoint / found.width_10_90)
        assert found.at(0.75) - found.at(0.25) == pytest.approx(2 * math.log(3) * 4, rel=0.01)


def test_transition_of_a_step_and_of_no_change() -> None:
    found = transition([0, 10, 20, 30], [0.0, 0.0, 1.0, 0.9])
    assert (found.midpoint, found.at(0.0), found.at(1.0)) == (15.0, 0.0, 20.0)
    assert math.isnan(transition([0, 1, 2], [0.5, 0.5, 0.5]).midpoint)
    with pytest.raises(ValueError, match="not finite"):
        transition([0, 1], [0.0, float("nan")])
    with pytest.raises(ValueError, match="share is 2"):
        found.at(2)
