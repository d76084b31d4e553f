"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the estimator's settings.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the constants of the penalty of section 3.2 (c_λ, c1, c2, its ramp) and checks of all settings.
Differences: c_λ scales with the number of rows, see `Regularisation`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from workingpapers.errors import InvalidParameterError, InvalidTypeError

SOLVERS = ("auto", "exact", "sgd")
_PAPER_ROWS = 100_000


@dataclass(frozen=True)
class Regularisation:
    """Settings of the penalty λ(s) R(w) and of what follows it.

    Args:
        c_lambda: Scale of λ(s) = c_λ (1/s - 1). None takes √L / 100 · √(100 000 / rows) with the noise variance L
            of the least-squares fit: the paper's √L / 100 at the paper's 100 000 rows, and more where fewer rows leave
            more noise in the coefficients.
        c1: Steepness of R.
        c2: Order of the root in R.
        start: Share of training at which λ leaves 0.
        full: Share of training from which λ is whole.
        threshold: |w| up to which a lag counts as not selected.
        debias: Whether lags that are not selected are set to 0 and the others refitted by least squares.
    """

    c_lambda: float | int | None = None
    c1: float | int = 3.0
    c2: float | int = 3.0
    start: float | int = 0.3
    full: float | int = 0.8
    threshold: float | int = 0.05
    debias: bool = False

    @classmethod
    def read(cls, reg: Mapping[str, Any] | None) -> "Regularisation":
        """From the estimator's `reg`; keys that are not given keep their defaults.

        Raises:
            InvalidTypeError: reg is no mapping.
            InvalidParameterError: an unknown key, or a value out of range.
        """
        if reg is None:
            return cls()
        if not isinstance(reg, Mapping):
            raise InvalidTypeError(f"reg must be a dict or None; got {type(reg).__name__}")
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(reg) - set(known))
        if unknown:
            raise InvalidParameterError(f"reg has the unknown key {unknown[0]!r}; the keys are {', '.join(known)}")
        made = cls(**reg)
        made.check()
        return made

    def check(self) -> None:
        if self.c_lambda is not None and not (self.c_lambda >= 0 and math.isfinite(self.c_lambda)):
            raise InvalidParameterError(f"reg['c_lambda'] must be at least 0, or None; got {self.c_lambda}")
        for name in ("c1", "c2"):
            if not getattr(self, name) > 0:
                raise InvalidParameterError(f"reg[{name!r}] must be above 0; got {getattr(self, name)}")
        if not 0 <= self.start < self.full <= 1:
            raise InvalidParameterError(
                f"reg must have 0 <= start < full <= 1 (shares of training); got start={self.start}, full={self.full}"
            )
        if not self.threshold >= 0:
            raise InvalidParameterError(f"reg['threshold'] must be at least 0; got {self.threshold}")

    def scale(self, noise_variance: float, rows: int) -> float:
        """c_λ: as given, or by the rule above."""
        if self.c_lambda is not None:
            return self.c_lambda
        return math.sqrt(noise_variance) / 100 * math.sqrt(_PAPER_ROWS / rows)


def check_count(name: str, value: Any, *, allow_auto: bool = False) -> None:
    """Raise unless value is an int of at least 1 (or 'auto')."""
    if allow_auto and isinstance(value, str) and value == "auto":
        return
    allowed = "an int of at least 1" + (" or 'auto'" if allow_auto else "")
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        kind = InvalidParameterError if isinstance(value, str) else InvalidTypeError
        raise kind(f"{name} must be {allowed}; got {value!r}")
    if value < 1:
        raise InvalidParameterError(f"{name} must be {allowed}; got {value}")


def check_sparsity(value: Any) -> None:
    """Raise unless value is None, 'auto' or a number in (0, 1]."""
    if value is None or (isinstance(value, str) and value == "auto"):
        return
    if isinstance(value, bool | str) or not isinstance(value, int | float | np.number) or not 0 < value <= 1:
        raise InvalidParameterError(
            f"sparsity must be a number in (0, 1], 'auto' or None; got {value!r}; "
            "it is the expected share of lags that matter (1 for all)"
        )


def check_rate(lr: Any) -> None:
    """Raise unless lr is None or a positive number."""
    if lr is not None and not (isinstance(lr, int | float | np.number) and 0 < lr < math.inf):
        raise InvalidParameterError(f"lr must be a number above 0, or None to pick one; got {lr!r}")


def check_hidden(hidden: Any) -> tuple[int, ...]:
    """Widths of the hidden layers as a tuple, or an error."""
    if isinstance(hidden, str) or not isinstance(hidden, tuple | list):
        raise InvalidTypeError(f"hidden must be a tuple of widths, () for none; got {hidden!r}")
    for width in hidden:
        check_count("each width in hidden", width)
    return tuple(int(width) for width in hidden)


def choose_solver(solver: Any, hidden: tuple[int, ...], sparsity: float | int | str | None) -> str:
    """'exact' or 'sgd'; raises where the wish cannot be met."""
    if solver not in SOLVERS:
        raise InvalidParameterError(f"solver must be one of {', '.join(map(repr, SOLVERS))}; got {solver!r}")
    penalised = isinstance(sparsity, int | float | np.number) and sparsity < 1
    if solver == "exact" and hidden:
        raise InvalidParameterError(
            f"solver='exact' fits linear models only; got hidden={hidden}; use solver='sgd' or hidden=()"
        )
    if solver == "exact" and penalised:
        raise InvalidParameterError(
            f"solver='exact' cannot minimise the paper's penalty; got sparsity={sparsity}; use solver='sgd', "
            "or sparsity='auto' for the exact selection of lags"
        )
    if solver == "auto":
        return "sgd" if hidden or penalised else "exact"
    return str(solver)
