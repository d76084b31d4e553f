"""Synchronization and redundancy (arXiv 1010.4517): coupled replicas of a learner, their spread before and after."""

from workingpapers.papers.synchronization.method import (
    MeasuredMoments,
    ModuleGradient,
    SynchronizedOptimizer,
    SynchronizedReplicas,
    SynchronizedSGDClassifier,
    SyncMoments,
    SyncTrajectory,
    laplacian,
    module_gradient,
    required_coupling,
    simulate,
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
