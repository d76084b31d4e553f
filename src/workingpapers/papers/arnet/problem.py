"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: what is to be fitted.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the regression of equation 1 over one or several series, standardised, as input for every solver.
Differences: none known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.arnet.lags import NormalEquations, normal_equations


@dataclass(frozen=True)
class Scale:
    """z = (y - mean) / std: the units in which models are fitted. Coefficients are the same for y and z."""

    mean: float
    std: float

    @classmethod
    def of(cls, segments: Sequence[Float[np.ndarray, "_"]], centre: bool) -> "Scale":
        """Mean (0 unless `centre`) and root mean square about it, over all values.

        Raises:
            InvalidParameterError: no series varies.
        """
        values = np.concatenate(segments)
        if all(np.ptp(segment) == 0 for segment in segments):
            raise InvalidParameterError(
                f"the series is constant at {values[0]:g}; an autoregression needs values that vary"
            )
        mean = float(values.mean()) if centre else 0.0
        return cls(mean, float(np.sqrt(np.mean((values - mean) ** 2))))

    def apply(self, values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return (values - self.mean) / self.std

    def intercept_of_series(
        self, intercept: Float[np.ndarray, "h"], coef: Float[np.ndarray, "p h"]
    ) -> Float[np.ndarray, "h"]:
        """Intercept for y from the intercept for z."""
        return self.std * intercept + self.mean * (1 - coef.sum(axis=0))

    def intercept_of_scaled(
        self, intercept: Float[np.ndarray, "h"], coef: Float[np.ndarray, "p h"]
    ) -> Float[np.ndarray, "h"]:
        """Intercept for z from the intercept for y."""
        return (intercept - self.mean * (1 - coef.sum(axis=0))) / self.std


@dataclass(frozen=True)
class Problem:
    """Regress h steps on p lags, over all rows of all segments.

    Args:
        segments: Scaled series without gaps.
        scale: How they were scaled.
        p: Number of lags.
        h: Number of forecast steps.
        fit_intercept: Whether there is a constant.
    """

    segments: Sequence[Float[np.ndarray, "_"]]
    scale: Scale
    p: int
    h: int
    fit_intercept: bool

    @property
    def rows(self) -> int:
        return sum(max(len(segment) - self.p - self.h + 1, 0) for segment in self.segments)

    @cached_property
    def equations(self) -> NormalEquations:
        return normal_equations(self.segments, self.p, self.h, self.fit_intercept)


@dataclass(frozen=True)
class LinearModel:
    """Coefficients in the units of the series.

    Args:
        coef: `(p, h)`, lag 1 first.
        intercept: `(h,)`.
        support: `(p, h)`, the lags that are in the model.
    """

    coef: Float[np.ndarray, "p h"]
    intercept: Float[np.ndarray, "h"]
    support: Bool[np.ndarray, "p h"]
