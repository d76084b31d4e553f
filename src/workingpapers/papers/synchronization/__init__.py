"""Synchronization and redundancy (arXiv 1010.4517): coupled replicas of a learner, their spread before and after."""

from workingpapers.papers.synchronization.classifier import SynchronizedSGDClassifier
from workingpapers.papers.synchronization.gradients import ModuleGradient, module_gradient
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.papers.synchronization.method import SynchronizedReplicas
from workingpapers.papers.synchronization.optimizer import SynchronizedOptimizer
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
