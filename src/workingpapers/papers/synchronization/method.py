"""Synchronization and Redundancy: Implications for Robustness of Neural Learning and Decision Making (arXiv 1010.4517).

No official code known. Nothing is taken from elsewhere.
Implements the coupled replicas of section 2, their simulation, exact moments and bound, and a form for networks.
Differences from the paper: exact moments, discrete time and the wrapper for networks are additions.
"""

from workingpapers.papers.synchronization.classifier import SynchronizedSGDClassifier
from workingpapers.papers.synchronization.gradients import ModuleGradient, module_gradient
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.papers.synchronization.optimizer import SynchronizedOptimizer
from workingpapers.papers.synchronization.replicas import SynchronizedReplicas
from workingpapers.papers.synchronization.simulation import MeasuredMoments, SyncTrajectory, simulate
from workingpapers.papers.synchronization.theory import (
    SyncMoments,
    required_coupling,
    stationary_moments,
    synchronization_bound,
)

__all__ = [
    "MeasuredMoments",
    "ModuleGradient",
    "SyncMoments",
    "SyncTrajectory",
    "SynchronizedOptimizer",
    "SynchronizedReplicas",
    "SynchronizedSGDClassifier",
    "laplacian",
    "module_gradient",
    "required_coupling",
    "simulate",
    "stationary_moments",
    "synchronization_bound",
]
