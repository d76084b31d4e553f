"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements sections 3.1 (AR-Net), 3.2 (sparse AR-Net) and the Classic-AR they are compared with, as one estimator.
Differences: an exact solver is the default for linear models; see the docstring of `ARNet`.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.arnet.forecasting import (
    LinearPredictor,
    NetworkPredictor,
    Predictor,
    forecast,
    one_row_each,
    targets,
)
from workingpapers.papers.arnet.inference import StandardErrors, standard_errors
from workingpapers.papers.arnet.least_squares import select_order
from workingpapers.papers.arnet.parameters import (
    Regularisation,
    check_count,
    check_hidden,
    check_rate,
    check_sparsity,
    choose_solver,
)
from workingpapers.papers.arnet.problem import LinearModel, Problem, Scale
from workingpapers.papers.arnet.series_input import (
    Panel,
    answer,
    check_lengths,
    continue_index,
    read_panel,
    time_of,
)
from workingpapers.papers.arnet.solvers import SGD, solve_exact
from workingpapers.papers.arnet.stationarity import NonStationaryFitWarning, is_stationary, largest_root
from workingpapers.papers.arnet.summary import ARSummary, coefficient_table, likelihood_facts


class ARNet(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Autoregression on p lags, as a linear network, an exact least-squares fit, or a network with hidden layers.

        y_t = c + Σ_{i=1}^p w_i y_{t-i} + e_t

    `solver="sgd"` is the paper's AR-Net: a linear layer trained on mini-batches of windows, with λ(s) R(w) added to the
    loss where `sparsity` is below 1. `solver="exact"` gives the least-squares coefficients themselves from the Gram
    matrix of the lags in O(N log N + p³), and `sparsity="auto"` selects lags on it without an estimate of s.

    Args:
        n_lags: Number of lags p, or "auto" for the order of lowest BIC among 1 … 10 log₁₀ N.
        n_forecasts: Steps h that are forecast at once, each by a regression of its own.
        hidden: Widths of hidden ReLU layers; () is the linear, readable model.
        sparsity: Expected share s of lags that matter, in (0, 1], for the paper's penalty; "auto" for an adaptive lasso
            on the Gram matrix, its penalty chosen by BIC (with hidden layers or solver="sgd" it estimates s); None or 1
            for no penalty.
        solver: "exact", "sgd", or "auto": exact unless there are hidden layers or a penalty.
        reg: Settings of the penalty; keys c_lambda, c1, c2, start, full, threshold, debias as in `Regularisation`.
            None is the same as dict(c_lambda=None, c1=3., c2=3., start=.3, full=.8, threshold=.05, debias=False).
        fit_intercept: Whether there is a constant c.
        standardize: Whether SGD sees the series with mean 0 (with an intercept) and variance 1. Coefficients are
            always in the units of the series.
        epochs: Passes of SGD over all windows.
        batch_size: Windows per step of SGD.
        lr: Peak learning rate; None picks one by kind of model and number of steps.
        device: Where SGD runs.
        random_state: Seed of SGD's shuffles and of the start of hidden layers.
        missing: "raise", or "drop_rows" to leave out the rows that touch a NaN.

    Attributes:
        coef_: `(p,)`, lag 1 first; `(p, h)` for h = n_forecasts > 1, column k for step k + 1. Linear models only.
        intercept_: The constant, a float; `(h,)` for h > 1. Linear models only.
        coef_std_: Standard errors, shaped like `coef_`; NaN for lags that are not in `support_`.
        intercept_std_: Standard error of the constant.
        support_: Mask like `coef_`: the lags that are in the model.
        n_lags_: The order in use.
        sparsity_: The share s in use: given, or selected.
        solver_: "exact" or "sgd".
        network_: The trained `torch.nn.Sequential` (SGD); standardised inputs, oldest first.
        loss_curve_: Mean training loss of each epoch (SGD), on the standardised scale.

    Raises:
        InvalidParameterError: from `fit`; a setting out of range, a series that is too short, constant, has a NaN or
            an uneven time index. It is a `ValueError`.
        InvalidTypeError: from `fit`; settings or series of a wrong type. It is a `TypeError`.

    Differs from the paper:
        1. The exact solver, the adaptive lasso and the order by BIC are additions.
        2. c_λ grows as rows shrink (see `Regularisation`); the paper keeps √L / 100 at 100 000 rows.
        3. AdamW without decay; weights start at 0; without a penalty the weights of the last 60 % of training are
           averaged at a constant rate, with one the rate makes one cycle and λ rises between 30 % and 80 %. The paper
           decays Adam's rate by 0.9 an epoch and raises λ from the start.
        4. The series is standardised; the paper's synthetic series have unit noise instead.

    Example:
        >>> from workingpapers.papers.arnet import ar_generate
        >>> y = ar_generate(2000, [0.2, 0.3, -0.5], seed=0)
        >>> model = ARNet(3).fit(y)
        >>> model.coef_.round(1).tolist()
        [0.2, 0.3, -0.5]
        >>> model.predict(5).shape
        (5,)
    """

    def __init__(
        self,
        n_lags: int | str = "auto",
        *,
        n_forecasts: int = 1,
        hidden: Sequence[int] = (),
        sparsity: float | int | str | None = None,
        solver: str = "auto",
        reg: Mapping[str, Any] | None = None,
        fit_intercept: bool = True,
        standardize: bool = True,
        epochs: int = 10,
        batch_size: int = 128,
        lr: float | int | None = None,
        device: torch.device | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        missing: str = "raise",
    ) -> None:
        self.n_lags = n_lags
        self.n_forecasts = n_forecasts
        self.hidden = hidden
        self.sparsity = sparsity
        self.solver = solver
        self.reg = reg
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.random_state = random_state
        self.missing = missing

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, False
        tags.input_tags.allow_nan = self.missing == "drop_rows"
        tags.target_tags.required = False
        trains = self.solver == "sgd" or bool(self.hidden) or isinstance(self.sparsity, float)
        tags.non_deterministic = trains and self.random_state is None
        return tags

    def fit(self, y: Any, X: Any = None) -> "ARNet":
        """Fit on one series or on several at once (one model for all, rows pooled).

        Args:
            y: Array `(N,)`, Series, DataFrame with columns ds, y, list of series, or long DataFrame with columns
                unique_id, ds, y. Dates and numbers as an index must be evenly spaced.
            X: Must be None; covariates are not supported. Present for scikit-learn's tools.

        Returns:
            The fitted estimator.

        Raises:
            InvalidParameterError: see the class.
            InvalidTypeError: see the class.

        Example:
            >>> from workingpapers.papers.arnet import ar_generate
            >>> days = pd.date_range("2024-01-01", periods=60, freq="D")
            >>> ARNet(1).fit(pd.Series(ar_generate(60, [0.5], seed=0), days)).predict(3).index[0]
            Timestamp('2024-03-01 00:00:00')
        """
        hidden, reg = self._check_settings()
        solver = choose_solver(self.solver, hidden, self.sparsity)
        panel = read_panel(y, self.missing)
        if X is not None:
            raise InvalidParameterError(
                "ARNet takes no covariates and no table of features: fit(y) expects one series, X must be None"
            )
        check_lengths(panel, 1 if self.n_lags == "auto" else int(self.n_lags), int(self.n_forecasts))
        problem = self._pose(panel)
        for name in ("coef_", "intercept_", "support_", "network_", "loss_curve_", "c_lambda_"):
            self.__dict__.pop(name, None)  # of an earlier fit with another solver
        self.n_lags_, self.n_forecasts_, self.hidden_, self.solver_ = problem.p, problem.h, hidden, solver
        self._panel, self._scale = panel, problem.scale
        self._errors: StandardErrors | None = None
        if solver == "exact":
            model = solve_exact(problem, select=self.sparsity == "auto")
            self.sparsity_ = float(model.support.mean())
            self._keep(model)
        else:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            sgd = SGD(
                hidden, self.sparsity, reg, self.standardize, self.epochs, self.batch_size, self.lr, self.device, seed
            )
            trained = sgd.fit(problem)
            self.network_, self.loss_curve_, self._network_scale = trained.network, trained.loss_curve, trained.scale
            self.sparsity_ = trained.sparsity
            if trained.c_lambda is not None:
                self.c_lambda_ = trained.c_lambda
            if not hidden:
                self._keep(sgd.read(problem, trained))
        self._warn(problem)
        return self

    def predict(self, horizon: int, last_window: Any = None) -> Any:
        """Forecast the steps after the training series, or after `last_window`.

        Beyond n_forecasts steps, forecasts are fed back as if they had been observed.

        Args:
            horizon: Number of steps, at least 1.
            last_window: At least n_lags values to forecast from, in any form that `fit` takes; None for the end of the
                training series.

        Returns:
            `(horizon,)` array for an array; Series that continues the index for a Series or a frame ds, y; list for a
            list; DataFrame unique_id, ds, y for a long frame.

        Raises:
            NotFittedError: before `fit`.
            InvalidParameterError: horizon below 1, a window too short or with a NaN in its last n_lags values.
            InvalidTypeError: horizon is no int.

        Example:
            >>> from workingpapers.papers.arnet import ar_generate
            >>> ARNet(1).fit(ar_generate(500, [0.5], seed=0)).predict(2, last_window=[1.0]).shape
            (2,)
        """
        check_is_fitted(self, "n_lags_")
        check_count("horizon", horizon)
        panel = self._panel if last_window is None else read_panel(last_window, "drop_rows")
        predictor = self._predictor()
        paths = []
        for one in panel.series:
            window = one.values[-predictor.p :]
            if len(window) < predictor.p or np.isnan(window).any():
                raise InvalidParameterError(
                    f"a forecast needs the last {predictor.p} values without a NaN; got "
                    f"{len(one.values)} values, {int(np.isnan(window).sum())} NaN among the last; pass last_window"
                )
            paths.append(forecast(predictor, window, int(horizon)))
        indices = [continue_index(time_of(one), int(horizon)) for one in panel.series]
        return answer(panel, paths, indices)

    def predict_in_sample(self) -> Any:
        """One-step predictions of the training series, each from the observed lags before it.

        Returns:
            `(N - p,)` array, aligned to `y[p:]`; a Series with the index of `y[p:]`; lists and long frames likewise.
            For h > 1: `(N - p - h + 1, h)`, row t from the lags of y_t (a DataFrame with columns 1 … h for a Series; a
            list for panels). NaN where a lag is missing.

        Raises:
            NotFittedError: before `fit`.

        Example:
            >>> from workingpapers.papers.arnet import ar_generate
            >>> ARNet(3).fit(ar_generate(100, [0.5], seed=0)).predict_in_sample().shape
            (97,)
        """
        check_is_fitted(self, "n_lags_")
        predictor = self._predictor()
        rows = [one_row_each(predictor, one.values) for one in self._panel.series]
        if predictor.h > 1:
            if self._panel.kind == "array":
                return rows[0]
            frames = [
                pd.DataFrame(row, time_of(one)[predictor.p :][: len(row)], range(1, predictor.h + 1))
                for row, one in zip(rows, self._panel.series, strict=True)
            ]
            return frames[0] if self._panel.kind == "series" else frames
        indices = [time_of(one)[predictor.p :] for one in self._panel.series]
        return answer(self._panel, [row[:, 0] for row in rows], indices)

    def score(self, y: Any = None, X: Any = None, sample_weight: Any = None) -> float:
        """R² of the predictions from observed lags, on the training series or on another.

        Args:
            y: A series with more than n_lags values; None for the training series.
            X: Ignored, for scikit-learn's tools.
            sample_weight: Must be None.

        Example:
            >>> from workingpapers.papers.arnet import ar_generate
            >>> y = ar_generate(500, [0.9], seed=0)
            >>> 0.7 < ARNet(1).fit(y).score() < 0.9
            True
        """
        check_is_fitted(self, "n_lags_")
        if sample_weight is not None:
            raise InvalidParameterError("score takes no sample_weight; leave it None")
        panel = self._panel if y is None else read_panel(y, self.missing)
        predictor = self._predictor()
        check_lengths(panel, predictor.p, predictor.h)
        predicted = np.concatenate([one_row_each(predictor, one.values) for one in panel.series])
        actual = np.concatenate([targets(one.values, predictor.p, predictor.h) for one in panel.series])
        whole = np.isfinite(predicted).all(axis=1) & np.isfinite(actual).all(axis=1)
        return float(r2_score(actual[whole], predicted[whole]))

    def summary(self, step: int = 1) -> ARSummary:
        """Coefficients with standard errors, z values and intervals, as statsmodels' AutoReg gives them.

        Args:
            step: Forecast step to show, 1 … n_forecasts.

        Returns:
            Object that prints as a table; `.table` is the DataFrame. Lags outside `support_` are left out.

        Raises:
            NotFittedError: before `fit`.
            InvalidParameterError: hidden layers, or no such step.

        Example:
            >>> from workingpapers.papers.arnet import ar_generate
            >>> ARNet(1).fit(ar_generate(500, [0.5], seed=0)).summary().table.index.tolist()
            ['const', 'y.L1']
        """
        check_is_fitted(self, "n_lags_")
        self._linear_only()
        h = self.n_forecasts_
        check_count("step", step)
        if step > h:
            raise InvalidParameterError(f"step must lie in 1 … {h} (n_forecasts); got {step}")
        k, model = step - 1, self._linear_model()
        coef, support = model.coef[:, k], model.support[:, k]
        errors = self._standard_errors()
        std, shown = errors.coef[:, k], support
        names = [f"y.L{lag}" for lag in range(1, len(coef) + 1)]
        if self.fit_intercept:
            names = ["const", *names]
            coef = np.append(model.intercept[k], coef)
            std, shown = np.append(errors.intercept[k], std), np.append(True, shown)
        facts: dict[str, str | int | float] = {
            "Model": f"ARNet({self.n_lags_})" + (f", step {step} of {h}" if h > 1 else ""),
            "Solver": self.solver_,
            "Lags in the model": f"{int(support.sum())} of {self.n_lags_}",
            **likelihood_facts(float(errors.residual_squares[k]), errors.rows, int(shown.sum())),
        }
        return ARSummary(coefficient_table(names, coef, std, shown), facts)

    @property
    def coef_std_(self) -> Float[np.ndarray, "..."]:
        """Standard errors of `coef_`: √(σ² diag(XᵀX)⁻¹) with σ² = RSS / rows, on the lags of `support_`."""
        check_is_fitted(self, "n_lags_")
        self._linear_only()
        return _shaped(self._standard_errors().coef)

    @property
    def intercept_std_(self) -> Any:
        """Standard error of `intercept_`; NaN without an intercept."""
        check_is_fitted(self, "n_lags_")
        self._linear_only()
        std = self._standard_errors().intercept
        return float(std[0]) if len(std) == 1 else std

    # --- settings and data -------------------------------------------------------------------------------------------

    def _check_settings(self) -> tuple[tuple[int, ...], Regularisation]:
        check_count("n_lags", self.n_lags, allow_auto=True)
        for name in ("n_forecasts", "epochs", "batch_size"):
            check_count(name, getattr(self, name))
        check_sparsity(self.sparsity)
        check_rate(self.lr)
        return check_hidden(self.hidden), Regularisation.read(self.reg)

    def _pose(self, panel: Panel) -> Problem:
        """Scale the series, cut them at gaps, and settle the order."""
        h = int(self.n_forecasts)
        parts = [part for one in panel.series for part in one.segments()]
        scale = Scale.of(parts, centre=self.fit_intercept)
        segments = [scale.apply(part) for part in parts]
        longest = max(len(part) for part in parts)
        if self.n_lags == "auto":
            limit = int(min(10 * np.log10(panel.longest), (longest - h) // 3))
            if limit < 1:
                raise InvalidParameterError(
                    f"n_lags='auto' needs a run of at least {3 + h} values without a NaN; got {longest}; set n_lags"
                )
            p = select_order(segments, limit, h, self.fit_intercept)[0]
        else:
            p = int(self.n_lags)
        if longest < p + h:
            raise InvalidParameterError(
                f"no run of {p + h} values without a NaN (n_lags={p}, n_forecasts={h}); fill the gaps or use fewer lags"
            )
        return Problem(segments, scale, p, h, self.fit_intercept)

    # --- reading a fit -----------------------------------------------------------------------------------------------

    def _linear_only(self) -> None:
        if self.hidden_:
            raise InvalidParameterError(
                f"a model with hidden layers has no coefficients; got hidden={self.hidden_}; use hidden=()"
            )

    def _keep(self, model: LinearModel) -> None:
        self.coef_, self.support_ = _shaped(model.coef), _shaped(model.support)
        self.intercept_ = float(model.intercept[0]) if len(model.intercept) == 1 else model.intercept

    def _linear_model(self) -> LinearModel:
        shape = (self.n_lags_, self.n_forecasts_)
        return LinearModel(self.coef_.reshape(shape), np.atleast_1d(self.intercept_), self.support_.reshape(shape))

    def _predictor(self) -> Predictor:
        if self.hidden_:
            return NetworkPredictor(self.network_.eval(), self.n_lags_, self.n_forecasts_, self._network_scale)
        model = self._linear_model()
        return LinearPredictor(model.coef, model.intercept)

    def _standard_errors(self) -> StandardErrors:
        if self._errors is None:  # on demand: a fit alone does not need them
            segments = [self._scale.apply(part) for one in self._panel.series for part in one.segments()]
            problem = Problem(segments, self._scale, self.n_lags_, self.n_forecasts_, self.fit_intercept)
            self._errors = standard_errors(problem, self._linear_model())
        return self._errors

    def _warn(self, problem: Problem) -> None:
        if self.hidden_:
            return
        rows = problem.rows
        if rows <= self.n_lags_ + self.fit_intercept:
            warnings.warn(
                f"{rows} rows for {self.n_lags_} lags: the coefficients are not determined, the solution of least norm "
                "is given; use fewer lags or a longer series",
                UserWarning,
                stacklevel=3,
            )
        one_step = self.coef_.reshape(self.n_lags_, -1)[:, 0]  # forecasts beyond n_forecasts are fed back through it
        if not is_stationary(one_step):
            root = largest_root(one_step)
            if root >= 1:
                warnings.warn(NonStationaryFitWarning(root), stacklevel=3)


def _shaped(columns: np.ndarray) -> np.ndarray:
    """`(p,)` for one forecast step, else `(p, h)`."""
    return columns[:, 0] if columns.shape[1] == 1 else columns
