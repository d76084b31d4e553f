"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the ways to fit it.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements Classic-AR (exactly), AR-Net and sparse AR-Net of section 3 (by SGD), and a selection of lags by BIC.
Differences: see `training` for the recipe of SGD; the exact solver and the selection are not in the paper.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from workingpapers.papers.arnet.adaptive_lasso import select_support
from workingpapers.papers.arnet.least_squares import centred_intercept, fit_least_squares, solve_on_support
from workingpapers.papers.arnet.parameters import Regularisation
from workingpapers.papers.arnet.penalty import SparseARLayer, penalty_strength
from workingpapers.papers.arnet.problem import LinearModel, Problem, Scale
from workingpapers.papers.arnet.training import TrainingPlan, build_network, default_rate, train, window_starts

_DTYPE = torch.float32


@dataclass(frozen=True)
class Trained:
    """What SGD leaves: the network, the scale of its inputs, the loss of each epoch, and the penalty it was given."""

    network: nn.Sequential
    scale: Scale
    loss_curve: list[float]
    sparsity: float
    c_lambda: float | None


def solve_exact(problem: Problem, *, select: bool) -> LinearModel:
    """Least squares on all lags, or with `select` on those of lowest BIC along the adaptive lasso's path."""
    coef = fit_least_squares(problem.segments, problem.equations, problem.fit_intercept).coef
    support = np.ones(coef.shape, dtype=bool)
    if select:
        for k in range(problem.h):
            support[:, k] = select_support(problem.equations, coef[:, k], k, problem.fit_intercept)
        return refit(problem, support)
    return _in_series_units(problem, coef, support)


def refit(problem: Problem, support: np.ndarray) -> LinearModel:
    """Least squares on the lags of `support` (p, h) only."""
    columns = [solve_on_support(problem.equations, support[:, k], k)[0] for k in range(problem.h)]
    return _in_series_units(problem, np.stack(columns, axis=1), support)


def _in_series_units(problem: Problem, coef: Float[np.ndarray, "p h"], support: np.ndarray) -> LinearModel:
    intercept = centred_intercept(problem.equations, coef)
    return LinearModel(coef, problem.scale.intercept_of_series(intercept, coef), support)


@dataclass(frozen=True)
class SGD:
    """The settings of SGD, as in `ARNet`."""

    hidden: tuple[int, ...]
    sparsity: float | int | str | None
    reg: Regularisation
    standardize: bool
    epochs: int
    batch_size: int
    lr: float | int | None
    device: torch.device | str | None
    seed: int

    def fit(self, problem: Problem) -> Trained:
        """Train a network on the windows of all segments."""
        sparsity, c_lambda = self._penalty(problem)
        strength = 0.0 if c_lambda is None else penalty_strength(sparsity, c_lambda)
        generator = torch.Generator().manual_seed(self.seed)
        network = build_network(
            problem.p,
            problem.h,
            self.hidden,
            c1=self.reg.c1,
            c2=self.reg.c2,
            bias=problem.fit_intercept,
            device=self.device,
            generator=generator,
        )
        scale = problem.scale if self.standardize else Scale(0.0, 1.0)
        joined = np.concatenate(problem.segments)
        if not self.standardize:
            joined = joined * problem.scale.std + problem.scale.mean
        values = torch.as_tensor(joined, dtype=_DTYPE, device=self.device)
        starts = window_starts([len(segment) for segment in problem.segments], problem.p + problem.h)
        losses = train(network, values, starts, self._plan(problem.rows, strength), generator)
        return Trained(network, scale, losses, sparsity, c_lambda)

    def read(self, problem: Problem, trained: Trained) -> LinearModel:
        """Coefficients of a linear network: its weights reversed, its bias taken to the scale of the series."""
        layer = trained.network[0]
        if not isinstance(layer, SparseARLayer) or len(trained.network) > 1:
            raise TypeError("only a network of one layer has coefficients")
        coef = layer.lag_coefficients.detach().double().cpu().numpy().T.copy()
        bias = np.zeros(problem.h)
        if problem.fit_intercept:
            bias = layer.bias.detach().double().cpu().numpy()
        support = np.ones(coef.shape, dtype=bool)
        if trained.sparsity < 1:
            support = np.abs(coef) > self.reg.threshold
            if self.reg.debias:
                return refit(problem, support)
        return LinearModel(coef, trained.scale.intercept_of_series(bias, coef), support)

    def _plan(self, rows: int, strength: float) -> TrainingPlan:
        averaged = not self.hidden and strength == 0
        steps = self.epochs * -(-rows // self.batch_size)
        lr = self.lr if self.lr is not None else default_rate(steps, averaged=averaged, sparse=strength > 0)
        return TrainingPlan(self.epochs, self.batch_size, lr, averaged, strength, self.reg.start, self.reg.full)

    def _penalty(self, problem: Problem) -> tuple[float, float | None]:
        """The share s of lags that matter, given or selected, and c_λ (None without a penalty)."""
        if self.sparsity is None or self.sparsity == 1:
            return 1.0, None
        pilot = fit_least_squares(problem.segments, problem.equations, problem.fit_intercept)
        if self.sparsity == "auto":
            share = max(float(solve_exact(problem, select=True).support.mean()), 1 / problem.p)
        else:
            share = float(self.sparsity)
        noise_variance = float(pilot.residual_squares.mean()) / problem.rows
        if not self.standardize:
            noise_variance *= problem.scale.std**2
        return share, self.reg.scale(noise_variance, problem.rows)
