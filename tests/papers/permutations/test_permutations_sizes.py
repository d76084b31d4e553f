"""How many networks are enough: known sizes, a plain count by the definition, and orders between sizes."""

import math

import numpy as np
import pytest
from scipy import stats

from workingpapers.papers.permutations import ensemble_size, permutation_moments


@pytest.mark.parametrize(
    ("k", "single", "everything"), [(8, 289, 670), (16, 485, 1197), (32, 906, 2330), (64, 1834, 4866)]
)
def test_known_sizes(k: int, single: int, everything: int) -> None:
    assert ensemble_size(k, 0.1) == single
    assert ensemble_size(k, 0.1, inputs="all") == everything


@pytest.mark.parametrize("kernel", ["ntk", "last-layer"])
def test_exact_size_is_the_first_that_is_enough(kernel: str) -> None:
    k, delta = 6, 0.05

    def failure(m: int, n: int) -> float:
        one, zero, variance = permutation_moments(k, m, kernel=kernel)
        scale = math.sqrt(n / variance)
        return m * stats.norm.sf(one * scale) + (k - m) * stats.norm.sf(-zero * scale)

    def everything(n: int) -> float:
        return sum(math.comb(k, m) * failure(m, n) for m in range(2, k + 1))

    n = ensemble_size(k, delta, inputs="all", kernel=kernel)
    assert everything(n) <= delta < everything(n - 1)
    n = ensemble_size(k, delta, inputs=np.array([3, 3, 4]), kernel=kernel)
    assert 2 * failure(3, n) + failure(4, n) <= delta < 2 * failure(3, n - 1) + failure(4, n - 1)
    n = ensemble_size(k, delta, kernel=kernel)
    worst = [max(failure(m, each) for m in range(2, k + 1)) for each in (n, n - 1)]
    assert worst[0] <= delta < worst[1]


def test_chernoff_is_its_formula() -> None:
    k, delta = 20, 0.01
    _, zero, variance = permutation_moments(k, 2)
    factor = 2 * variance / zero**2
    assert ensemble_size(k, delta, bound="chernoff") == math.ceil(factor * math.log(k / delta))
    everything = math.ceil(factor * (math.log(k / delta) + k * math.log(2)))
    assert ensemble_size(k, delta, inputs="all", bound="chernoff") == everything
    two = math.ceil(factor * (math.log(k / delta) + math.log(2)))
    assert ensemble_size(k, delta, inputs=[2, 5], bound="chernoff") == two


@pytest.mark.parametrize("inputs", ["single", "all"])
@pytest.mark.parametrize("bound", ["exact", "chernoff"])
def test_orders(inputs: str, bound: str) -> None:
    def size(k: int, delta: float = 0.1, **kw: str) -> int:
        return ensemble_size(k, delta, inputs=inputs, bound=bound, **kw)

    lengths = [2, 3, 4, 5, 8, 13, 32, 100, 400]
    sizes = [size(k) for k in lengths]
    assert sizes == sorted(sizes)
    by_delta = [size(9, delta) for delta in (0.5, 0.1, 1e-3, 1e-9)]
    assert by_delta == sorted(set(by_delta))
    for k in lengths:
        assert size(k, rounding="weight-aware") <= size(k)
        assert ensemble_size(k, 0.1, inputs=inputs) <= size(k), "the exact size is never above the bound"


def test_training_inputs_need_one_network() -> None:
    assert ensemble_size(10, 0.001, inputs=[1, 1]) == 1
    assert ensemble_size(10, 0.1, inputs=[1, 2]) == ensemble_size(10, 0.1, inputs=[2])


def test_the_normal_tail_is_what_simulated_ensembles_do() -> None:
    """200 000 simulated means of N normal outputs: 4 standard errors."""
    k, n = 6, 100
    one, zero, variance = permutation_moments(k, 2)
    rng = np.random.default_rng(0)
    means = np.where(np.arange(k) < 2, one, zero) + math.sqrt(variance / n) * rng.standard_normal((200_000, k))
    right = ((means > 0) == (np.arange(k) < 2)).all(1).mean()
    expected = stats.norm.cdf(one / math.sqrt(variance / n)) ** 2 * stats.norm.cdf(-zero / math.sqrt(variance / n)) ** 4
    assert abs(right - expected) < 4 * math.sqrt(expected * (1 - expected) / 200_000)
