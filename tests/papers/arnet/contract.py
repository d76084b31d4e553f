"""What the contract tests cannot guess about this room."""

import numpy as np
import torch

from workingpapers.papers.arnet import (
    ARNet,
    SparseARLayer,
    ar_generate,
    lag_gram,
    penalty_strength,
    random_ar_coefficients,
    regulariser,
    sparse_ar_coefficients,
    stpe,
)

Y = ar_generate(60, [0.5], seed=0)
GAP = np.where(np.arange(60) == 17, np.nan, Y)

MODULES = {"SparseARLayer": (lambda **kw: SparseARLayer(12, 2, **kw), lambda **kw: torch.randn(5, 12, **kw))}
COMPILED = ("SparseARLayer",)
ESTIMATORS = (ARNet(3),)
BAD_INPUTS = [
    ("no lags", lambda: ARNet(0).fit(Y), ValueError, "n_lags.*at least 1.*got 0"),
    ("too short", lambda: ARNet(59).fit(Y), ValueError, "60 values.*n_lags=59.*n_forecasts=1"),
    ("NaN", lambda: ARNet(2).fit(GAP), ValueError, "first at index 17"),
    ("constant", lambda: ARNet(2).fit(np.ones(50)), ValueError, "constant at 1"),
    ("sparsity", lambda: ARNet(2, sparsity=1.5).fit(Y), ValueError, r"\(0, 1\].*1\.5"),
    ("exact with hidden", lambda: ARNet(2, hidden=(4,), solver="exact").fit(Y), ValueError, "linear.*sgd"),
    ("exact with penalty", lambda: ARNet(2, sparsity=0.5, solver="exact").fit(Y), ValueError, "sparsity='auto'"),
    ("unknown solver", lambda: ARNet(2, solver="ols").fit(Y), ValueError, "solver.*'exact'.*'ols'"),
    ("unknown setting", lambda: ARNet(2, reg={"c3": 1.0}).fit(Y), ValueError, "'c3'.*c_lambda"),
    ("covariates", lambda: ARNet(2).fit(Y, Y), ValueError, "X must be None"),
    ("a table", lambda: ARNet(2).fit(np.ones((9, 2))), ValueError, r"\(9, 2\)"),
    ("complex", lambda: ARNet(2).fit(Y + 1j), ValueError, "Complex data not supported"),
    ("text", lambda: ARNet(2).fit("series"), TypeError, "str"),
    ("before fit", lambda: ARNet(2).predict(3), ValueError, "not fitted"),
    ("no step", lambda: ARNet(2).fit(Y).predict(0), ValueError, "horizon.*got 0"),
    ("short window", lambda: ARNet(2).fit(Y).predict(1, [1.0]), ValueError, "last 2 values"),
    ("more lags than values", lambda: lag_gram(Y, 60), ValueError, "1 … 59.*60"),
    ("no share", lambda: penalty_strength(0.0, 0.01), ValueError, r"\(0, 1\]"),
    ("flat penalty", lambda: regulariser(torch.ones(2), c2=0.0), ValueError, "c2=0"),
    ("shapes differ", lambda: stpe([1.0], [1.0, 2.0]), ValueError, "1 and 2"),
    ("explodes", lambda: ar_generate(2000, [1.5], seed=0), ValueError, "explodes.*1.5"),
    ("no order", lambda: random_ar_coefficients(0), ValueError, "got 0"),
    ("lag outside", lambda: sparse_ar_coefficients(5, (1, 2, 9)), ValueError, "1 … 5"),
]
