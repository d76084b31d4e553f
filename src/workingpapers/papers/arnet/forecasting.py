"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: forecasts of a fitted model.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements equation 1 applied forward: h steps at once, and beyond them by feeding forecasts back.
Differences: none known.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from workingpapers.papers.arnet.lags import filter_lags
from workingpapers.papers.arnet.problem import Scale

_CHUNK = 8192


@dataclass(frozen=True)
class LinearPredictor:
    """y_{t+k} = c_k + Σ_i w_{ik} y_{t-i}."""

    coef: Float[np.ndarray, "p h"]
    intercept: Float[np.ndarray, "h"]

    @property
    def p(self) -> int:
        return self.coef.shape[0]

    @property
    def h(self) -> int:
        return self.coef.shape[1]

    def rows(self, values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "rows h"]:
        """Predictions from each of the n - p + 1 windows of p values, oldest first; the last looks past the end."""
        if len(values) == self.p:
            return (values[::-1] @ self.coef + self.intercept)[None]
        columns = [filter_lags(values, self.coef[:, k]) for k in range(self.h)]
        return np.stack(columns, axis=1) + self.intercept


@dataclass(frozen=True)
class NetworkPredictor:
    """A trained network on standardised values, oldest first."""

    network: nn.Sequential
    p: int
    h: int
    scale: Scale

    def rows(self, values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "rows h"]:
        """As `LinearPredictor.rows`."""
        parameter = next(self.network.parameters())
        scaled = torch.as_tensor(self.scale.apply(values), dtype=parameter.dtype, device=parameter.device)
        windows = scaled.unfold(0, self.p, 1)
        with torch.no_grad():
            parts = [self.network(windows[i : i + _CHUNK]) for i in range(0, len(windows), _CHUNK)]
        return torch.cat(parts).double().cpu().numpy() * self.scale.std + self.scale.mean


Predictor = LinearPredictor | NetworkPredictor


def forecast(predictor: Predictor, last_window: Float[np.ndarray, "n"], horizon: int) -> Float[np.ndarray, "horizon"]:
    """Forecast `horizon` steps after the window; beyond h steps, forecasts are fed back as if observed."""
    p, h = predictor.p, predictor.h
    path = np.empty(p + horizon + h)
    path[:p] = last_window[-p:]
    for done in range(0, horizon, h):
        path[p + done : p + done + h] = predictor.rows(path[done : done + p])[0]
    return path[p : p + horizon]


def one_row_each(predictor: Predictor, values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "rows h"]:
    """Predictions of y_t … y_{t+h-1} for every t whose targets all exist; NaN where a lag is missing."""
    count = len(values) - predictor.p - predictor.h + 1
    missing = np.isnan(values)
    if not missing.any():
        return predictor.rows(values)[:count]
    rows = predictor.rows(np.where(missing, 0.0, values))[:count]
    rows[sliding_window_view(missing, predictor.p)[:count].any(axis=1)] = np.nan
    return rows


def targets(values: Float[np.ndarray, "n"], p: int, h: int) -> Float[np.ndarray, "rows h"]:
    """What `one_row_each` predicts: row t holds y_t … y_{t+h-1}."""
    return sliding_window_view(values[p:], h)
