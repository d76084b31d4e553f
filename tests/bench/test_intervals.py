"""Intervals over seeds against closed forms and peers."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from workingpapers.bench.intervals import equivalence_p, interval, mean
from workingpapers.errors import InvalidParameterError


def test_student_equals_scipy(rng: np.random.Generator) -> None:
    values = rng.normal(3.0, 2.0, 7).tolist()
    low, high = stats.t.interval(0.95, 6, loc=np.mean(values), scale=stats.sem(values))
    found = interval(values)
    assert found.low == pytest.approx(low, rel=1e-12)
    assert found.high == pytest.approx(high, rel=1e-12)
    assert found.method == "student"


def test_wilson_equals_statsmodels() -> None:
    found = interval([1.0] * 7 + [0.0] * 3, "wilson")
    low, high = proportion_confint(7, 10, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    with pytest.raises(InvalidParameterError, match="true or false for each seed"):
        interval([0.5, 1.0], "wilson")


def test_bootstrap_is_close_to_student_for_many_values_and_repeats_itself(rng: np.random.Generator) -> None:
    values = rng.normal(size=200).tolist()
    found, student = interval(values, "bootstrap"), interval(values)
    assert found == interval(values, "bootstrap")
    assert found.low == pytest.approx(student.low, abs=0.02)
    assert found.high == pytest.approx(student.high, abs=0.02)


def test_exact_is_the_range() -> None:
    found = interval([3.0, 1.0, 2.0], "exact")
    assert (found.low, found.high) == (1.0, 3.0)


def test_one_seed_says_nothing_about_spread() -> None:
    found = interval([1.0])
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_equal_values_give_a_point() -> None:
    found = interval([0.1] * 5)
    assert (found.low, found.high) == (0.1, 0.1)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_bad_values_are_refused(values: list[float]) -> None:
    with pytest.raises(InvalidParameterError):
        interval(values)


def test_mean_does_not_depend_on_order() -> None:
    values = [1e16, 1.0, -1e16, 1.0]
    assert mean(values) == mean(sorted(values)) == 0.5


def test_equivalence_equals_statsmodels(rng: np.random.Generator) -> None:
    values = rng.normal(1.0, 0.02, 6).tolist()
    expected = DescrStatsW(np.array(values)).ttost_mean(0.95, 1.05)[0]
    assert equivalence_p(values, 0.95, 1.05) == pytest.approx(expected, rel=1e-9)
    assert equivalence_p([1.0], 0.9, 1.1) is None


def test_coverage_of_student_is_nominal(rng: np.random.Generator) -> None:
    hits = sum(
        found.low <= 0.0 <= found.high for found in (interval(row) for row in rng.normal(size=(2000, 5)).tolist())
    )
    assert abs(hits / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
