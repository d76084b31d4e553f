"""Mutual information in high dimensions (arXiv 2506.00330): an estimate, its interval, and whether to trust it."""

from workingpapers.papers.mutual_information.baselines import cca_mi, gaussian_mi, ksg_mi
from workingpapers.papers.mutual_information.bounds import donsker_varadhan, infonce, js_fgan, nwj, smile, tuba
from workingpapers.papers.mutual_information.critics import MLPEncoder
from workingpapers.papers.mutual_information.estimator import MutualInformation
from workingpapers.papers.mutual_information.fitting import fit_critic
from workingpapers.papers.mutual_information.method import estimate_mi
from workingpapers.papers.mutual_information.reliability import Check
from workingpapers.papers.mutual_information.result import CriticFit, MIResult

__all__ = [
    "Check",
    "CriticFit",
    "MIResult",
    "MLPEncoder",
    "MutualInformation",
    "cca_mi",
    "donsker_varadhan",
    "estimate_mi",
    "fit_critic",
    "gaussian_mi",
    "infonce",
    "js_fgan",
    "ksg_mi",
    "nwj",
    "smile",
    "tuba",
]
