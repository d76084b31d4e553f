"""AR-Net: autoregression as a linear network, its exact solver, and sparse selection of lags (arXiv 1911.12436)."""

from workingpapers.papers.arnet.method import (
    ARNet,
    ARSummary,
    NonStationaryFitWarning,
    SparseARLayer,
    ar_generate,
    is_stationary,
    lag_gram,
    lag_matrix,
    largest_root,
    penalty_strength,
    random_ar_coefficients,
    regulariser,
    sparse_ar_coefficients,
    stpe,
)

__all__ = [
    "ARNet",
    "ARSummary",
    "NonStationaryFitWarning",
    "SparseARLayer",
    "ar_generate",
    "is_stationary",
    "lag_gram",
    "lag_matrix",
    "largest_root",
    "penalty_strength",
    "random_ar_coefficients",
    "regulariser",
    "sparse_ar_coefficients",
    "stpe",
]
