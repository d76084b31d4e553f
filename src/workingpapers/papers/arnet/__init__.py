"""AR-Net: autoregression as a linear network, its exact solver, and sparse selection of lags (arXiv 1911.12436)."""

from workingpapers.papers.arnet.lags import lag_gram, lag_matrix
from workingpapers.papers.arnet.method import ARNet
from workingpapers.papers.arnet.penalty import SparseARLayer, penalty_strength, regulariser
from workingpapers.papers.arnet.simulate import ar_generate, random_ar_coefficients, sparse_ar_coefficients, stpe
from workingpapers.papers.arnet.stationarity import NonStationaryFitWarning, is_stationary, largest_root
from workingpapers.papers.arnet.summary import ARSummary

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
