"""Means and intervals over seeds, against statsmodels and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from workingpapers.parts.intervals import half_interval, mean_and_error, mean_curve


@pytest.mark.parametrize("count", [2, 3, 20])
def test_the_interval_is_students(count: int) -> None:
    values = np.random.default_rng(count).normal(2.0, 3.0, count)
    low, high = DescrStatsW(values).tconfint_mean(0.05)
    mean, error = mean_and_error([*values, math.nan])
    assert mean == pytest.approx((low + high) / 2)
    assert error == pytest.approx((high - low) / 2)


def test_one_value_has_no_width_and_none_has_no_mean() -> None:
    assert mean_and_error([4.0]) == (4.0, 0.0)
    mean, error = mean_and_error([])
    assert math.isnan(mean)
    assert error == 0.0
    assert half_interval([1.0, math.nan]) == 0.0


def test_a_curve_keeps_the_order_of_its_levels() -> None:
    frame = pd.DataFrame({"size": ["b", "a", "b", "a"], "value": [1.0, 5.0, 3.0, 5.0]})
    curve = mean_curve(frame, "size")
    assert list(curve["size"]) == ["b", "a"]
    assert list(curve["mean"]) == [2.0, 5.0]
    assert curve["error"].iloc[0] == pytest.approx(half_interval([1.0, 3.0]))
    assert curve["error"].iloc[1] == 0.0
