"""Permutations learned exactly from the k basis vectors, by averaging networks and rounding (arXiv 2502.16763)."""

from workingpapers.papers.permutations.method import (
    Kernels,
    Moments,
    PermutationEnsemble,
    PermutationNetwork,
    all_inputs,
    empirical_kernel,
    ensemble_size,
    permutation_kernels,
    permutation_moments,
)

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
