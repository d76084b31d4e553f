"""Permutations learned exactly from the k basis vectors, by averaging networks and rounding (arXiv 2502.16763)."""

from workingpapers.papers.permutations.inputs import all_inputs
from workingpapers.papers.permutations.kernels import Kernels, empirical_kernel, permutation_kernels
from workingpapers.papers.permutations.method import PermutationEnsemble
from workingpapers.papers.permutations.moments import Moments, permutation_moments
from workingpapers.papers.permutations.networks import PermutationNetwork
from workingpapers.papers.permutations.sizes import ensemble_size

__all__ = [
    "Kernels",
    "Moments",
    "PermutationEnsemble",
    "PermutationNetwork",
    "all_inputs",
    "empirical_kernel",
    "ensemble_size",
    "permutation_kernels",
    "permutation_moments",
]
