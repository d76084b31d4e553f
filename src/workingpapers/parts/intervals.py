"""Mean over seeds and half of its 95 % Student interval, for the figures of all papers."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import sem
from scipy.stats import t as student


def half_interval(values: ArrayLike) -> float:
    """Half of the 95 % Student interval of the mean, in the unit of the values; NaN is left out, 0 for one value.

    Example:
        >>> round(half_interval([1.0, 2.0, 3.0]), 4)
        2.4841
    """
    kept = np.asarray(values, dtype=float)
    kept = kept[~np.isnan(kept)]
    return float(sem(kept) * student.ppf(0.975, len(kept) - 1)) if len(kept) > 1 else 0.0


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """The mean, NaN left out, and `half_interval`; NaN and 0 where there is no value."""
    kept = np.asarray(values, dtype=float)
    kept = kept[~np.isnan(kept)]
    return (float(kept.mean()) if len(kept) else float("nan")), half_interval(kept)


def mean_curve(frame: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Columns `axis`, `mean` and `error` of the column "value" for each value of an axis, in the order they appear."""
    rows = [(key, *mean_and_error(values)) for key, values in frame.groupby(axis, sort=False)["value"]]
    return pd.DataFrame(rows, columns=[axis, "mean", "error"])
