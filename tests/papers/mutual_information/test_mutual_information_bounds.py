"""Bounds on a matrix of scores: closed forms, invariances, gradients."""

import math

import pytest
import torch
from torch import Tensor

from workingpapers.papers.mutual_information import donsker_varadhan, infonce, js_fgan, nwj, smile, tuba
from workingpapers.papers.mutual_information.bounds import score_gradient, value_of
from workingpapers.papers.mutual_information.critics import kl_from_standard_normal

BOUNDS = {"infonce": infonce, "dv": donsker_varadhan, "nwj": nwj, "js": js_fgan, "smile": smile}


@pytest.fixture
def scores() -> Tensor:
    return 3 * torch.randn(12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("bound", "expected"),
    [(infonce, 0), (donsker_varadhan, 0), (smile, 0), (tuba, 0), (nwj, -math.exp(-1)), (js_fgan, -2 * math.log(2))],
)
def test_a_critic_that_knows_nothing(bound: object, expected: float) -> None:
    value = bound(torch.zeros(9, 9, dtype=torch.float64))  # type: ignore[operator]
    assert float(value) == pytest.approx(expected, abs=1e-12)


def test_invariances_and_the_ceiling(scores: Tensor) -> None:
    rows = torch.randn(12, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert float(infonce(scores + rows)) == pytest.approx(float(infonce(scores)), abs=1e-12)
    assert float(donsker_varadhan(scores + 7)) == pytest.approx(float(donsker_varadhan(scores)), abs=1e-12)
    assert float(infonce(1e4 * torch.eye(12))) <= math.log(12) + 1e-6


def test_smile_is_dv_without_clipping_and_learns_as_js(scores: Tensor) -> None:
    assert float(smile(scores, math.inf)) == pytest.approx(float(donsker_varadhan(scores)), abs=1e-12)
    assert float(smile(scores, 1e6)) == pytest.approx(float(donsker_varadhan(scores)), abs=1e-12)
    grads = []
    for bound in (smile, js_fgan):
        leaf = scores.clone().requires_grad_()
        bound(leaf).backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(*grads, rtol=0, atol=0)
    assert float(smile(100 * torch.eye(6))) == pytest.approx(100)  # the joint term is not clipped


@pytest.mark.parametrize("name", BOUNDS)
def test_closed_gradients_are_autograds_on_stacks(name: str) -> None:
    stack = torch.randn(3, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    each = torch.stack([BOUNDS[name](one) for one in stack])
    torch.testing.assert_close(each.detach(), value_of(name, stack.detach()))
    (expected,) = torch.autograd.grad(each.sum(), stack)
    torch.testing.assert_close(score_gradient(name, stack.detach()), expected)


def test_half_precision_scores_are_read_in_single(scores: Tensor) -> None:
    assert infonce(scores.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("bound", [infonce, donsker_varadhan])
def test_the_optimal_critic_reads_the_gaussian_information(bound: object) -> None:
    rho, n = 0.9, 5000
    g = torch.Generator().manual_seed(3)
    x = torch.randn(n, 1, dtype=torch.float64, generator=g)
    y = rho * x + math.sqrt(1 - rho**2) * torch.randn(n, 1, dtype=torch.float64, generator=g)
    log_ratio = -0.5 * math.log(1 - rho**2) - (y.T - rho * x) ** 2 / (2 * (1 - rho**2)) + y.T**2 / 2
    assert float(bound(log_ratio)) == pytest.approx(0.830, abs=0.05)  # type: ignore[operator]


def test_divergence_of_the_heads() -> None:
    zero = torch.zeros(5, 6)
    assert float(kl_from_standard_normal(zero, zero)) == 0
    assert float(kl_from_standard_normal(zero + 1, zero)) == pytest.approx(3.0)
