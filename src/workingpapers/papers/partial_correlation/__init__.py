"""Partial correlation of compositions (arXiv 1904.09480): reference-free, with tests and shrinkage."""

from workingpapers.papers.partial_correlation.bootstrap import BootstrapIntervals, bootstrap_partial_correlation
from workingpapers.papers.partial_correlation.compositions import read_composition
from workingpapers.papers.partial_correlation.conditioning import logratio_r2, partial_corr
from workingpapers.papers.partial_correlation.induced import induced_partial_correlation
from workingpapers.papers.partial_correlation.logratios import (
    LogRatioTransformer,
    alr,
    alr_inverse,
    clr,
    clr_inverse,
    ilr,
    ilr_inverse,
    proportionality,
    variation_matrix,
)
from workingpapers.papers.partial_correlation.method import CompositionalPartialCorrelation

__all__ = [
    "BootstrapIntervals",
    "CompositionalPartialCorrelation",
    "LogRatioTransformer",
    "alr",
    "alr_inverse",
    "bootstrap_partial_correlation",
    "clr",
    "clr_inverse",
    "ilr",
    "ilr_inverse",
    "induced_partial_correlation",
    "logratio_r2",
    "partial_corr",
    "proportionality",
    "read_composition",
    "variation_matrix",
]
