"""What the contract tests cannot guess about this room."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from workingpapers.papers.partial_correlation import (
    CompositionalPartialCorrelation,
    LogRatioTransformer,
    alr,
    bootstrap_partial_correlation,
    clr,
    induced_partial_correlation,
    logratio_r2,
    partial_corr,
    proportionality,
    read_composition,
)

X = np.random.default_rng(0).dirichlet([4, 3, 2, 1], 20)
FRAME = pd.DataFrame(X, columns=["Si", "Al", "Fe", "Mg"])


def _with(row: int, column: int, value: float) -> pd.DataFrame:
    frame = FRAME.copy()
    frame.iloc[row, column] = value
    return frame


def _fit(data: Any = FRAME, **parameters: Any) -> CompositionalPartialCorrelation:
    return CompositionalPartialCorrelation().set_params(**parameters).fit(data)


MODULES: dict = {}
COMPILED = ()
ESTIMATORS = (CompositionalPartialCorrelation(shrinkage="basis", zeros=0.01), LogRatioTransformer("alr", reference=1))
BAD_INPUTS = [
    ("zero", lambda: _fit(_with(3, 2, 0.0)), ValueError, "row 3, column 'Fe' holds 0; .*zeros='multiplicative'"),
    ("negative", lambda: _fit(_with(3, 2, -1.0), zeros=0.1), ValueError, "Negative.*row 3, column 'Fe'.*-1"),
    ("NaN", lambda: _fit(_with(3, 2, np.nan)), ValueError, "row 3, column 'Fe' holds NaN"),
    ("infinite", lambda: _fit(_with(3, 2, np.inf)), ValueError, "row 3, column 'Fe' holds inf"),
    ("two parts", lambda: _fit(X[:, :2]), ValueError, "at least 3 parts"),
    ("a vector", lambda: _fit(X[0]), ValueError, "1D array"),
    ("no rows", lambda: _fit(X[:0]), ValueError, r"0 sample\(s\)"),
    ("few rows", lambda: _fit(X[:4]), ValueError, "n=4 .*df=1.*use shrinkage="),
    ("hardly a row", lambda: _fit(X[:2], shrinkage="basis"), ValueError, "n=2 rows"),
    ("proportional", lambda: _fit(FRAME.assign(Ti=3 * FRAME["Al"])), ValueError, "collinear.*'Al' and 'Ti'"),
    ("text", lambda: _fit(FRAME.assign(site="a")), ValueError, "column 'site' is not numeric"),
    ("text is a TypeError too", lambda: _fit(FRAME.assign(site="a")), TypeError, "site"),
    ("booleans", lambda: _fit(FRAME > 0.2), ValueError, "'Si' is not numeric"),
    ("an array of booleans", lambda: _fit(X > 0.2), ValueError, "bool"),
    ("an array of text", lambda: _fit(X.astype(str)), ValueError, "not numbers"),
    ("lists of text", lambda: _fit(X.astype(str).tolist()), TypeError, "no number"),
    ("text among objects", lambda: _fit(X.astype(str).astype(object)), TypeError, "no number"),
    ("lists of booleans", lambda: _fit((X > 0).tolist()), TypeError, "True, which is no number"),
    ("a tensor of booleans", lambda: _fit(torch.tensor(X > 0)), TypeError, "torch.bool"),
    ("masked", lambda: _fit(np.ma.masked_less(X, X.min() * 1.001)), ValueError, "holds NaN"),
    (
        "a number that is a name elsewhere",
        lambda: partial_corr(pd.DataFrame(X, columns=[1, 2, 3, 4]), 1, 2),
        ValueError,
        "x is 1, but a part is called '1'.*as text",
    ),
    ("inverse of another width", lambda: LogRatioTransformer().fit(X).inverse_transform(X[:, :2]), ValueError, "of 4"),
    ("same names", lambda: _fit(FRAME.rename(columns={"Al": "Si"})), ValueError, "two columns are called 'Si'"),
    ("negative shrinkage", lambda: _fit(shrinkage=-0.1), ValueError, "shrinkage is -0.1.*at least 0"),
    ("shrinkage above 1", lambda: _fit(shrinkage=1.5), ValueError, "shrinkage is 1.5.*at most 1"),
    ("shrinkage unknown", lambda: _fit(shrinkage="ridge"), ValueError, "'basis', 'clr'"),
    ("shrinkage true", lambda: _fit(shrinkage=True), TypeError, "shrinkage is True"),
    ("zeros unknown", lambda: _fit(zeros="drop"), ValueError, "zeros is 'drop'"),
    ("zeros not positive", lambda: _fit(zeros=0.0), ValueError, "zeros is 0; .*above 0"),
    ("zeros too large", lambda: _fit(_with(3, 2, 0.0), zeros=5.0), ValueError, "row 3 add up to more"),
    (
        "an empty column",
        lambda: _fit(FRAME.assign(Ti=0.0), zeros="multiplicative"),
        ValueError,
        "'Ti' holds zeros only",
    ),
    ("null unknown", lambda: _fit(null="closure"), ValueError, "'zero', 'induced'"),
    ("no such reference", lambda: _fit(reference="Ca"), KeyError, "'Ca' is none of the 4 parts; .*Si, Al, Fe, Mg"),
    ("reference outside", lambda: _fit(reference=4), LookupError, "4 is none"),
    ("reference a float", lambda: _fit(reference=1.0), TypeError, "reference is 1.0"),
    ("before fit", lambda: CompositionalPartialCorrelation().to_frame(), ValueError, "not fitted"),
    ("kind of frame", lambda: _fit().to_frame("wide"), ValueError, "'long', 'square'"),
    ("alpha", lambda: _fit().graph(alpha=0), ValueError, "alpha is 0"),
    ("method of graph", lambda: _fit().graph(method="holm"), ValueError, "'bonferroni'"),
    ("no p-values", lambda: _fit(X[:3], shrinkage="basis").graph(), ValueError, "df=0.*bootstrap"),
    ("a pair of one", lambda: partial_corr(FRAME, "Si", "Si"), ValueError, "both 'Si'"),
    ("nothing given", lambda: partial_corr(FRAME, "Si", "Al", given=[]), ValueError, "given is empty"),
    ("x given", lambda: partial_corr(FRAME, "Si", "Al", given=["Si"]), ValueError, "twice, or x or y"),
    ("given unknown", lambda: partial_corr(FRAME, "Si", "Al", given="all"), ValueError, "'rest'"),
    ("no such part", lambda: partial_corr(FRAME, "Si", "Ca"), KeyError, "y 'Ca'"),
    ("rank of what", lambda: partial_corr(FRAME, "Si", "Al", method="kendall"), ValueError, "'spearman'"),
    ("R2 of itself", lambda: logratio_r2(FRAME, "Si", 0), ValueError, "both 'Si'"),
    ("variance 0", lambda: induced_partial_correlation([1.0, 0.0, 1.0]), ValueError, r"variances\[1\] is 0"),
    ("two variances", lambda: induced_partial_correlation([1.0, 2.0]), ValueError, "at least 3"),
    ("clr of zero", lambda: clr([[0.0, 1.0]]), ValueError, "row 0, column 'x0' holds 0"),
    ("alr of no part", lambda: alr(X, reference=9), KeyError, "9 is none of the 4"),
    ("kind of association", lambda: proportionality(X, kind="phi"), ValueError, "'phi_s'"),
    ("one row", lambda: proportionality(X[:1]), ValueError, "1 row"),
    ("no file", lambda: read_composition("nowhere.csv"), FileNotFoundError, "nowhere.csv"),
    ("a file of None", lambda: read_composition(None), TypeError, "path"),
    ("one resample", lambda: bootstrap_partial_correlation(X, 1), ValueError, "resamples is 1"),
    ("too few to resample", lambda: bootstrap_partial_correlation(X[:5], 50), ValueError, "resamples are collinear"),
    ("confidence", lambda: bootstrap_partial_correlation(X, 50, confidence=1.0), ValueError, "confidence is 1"),
]
