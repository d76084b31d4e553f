"""Random teachers (arXiv 2302.12091): distil from frozen random networks; probe, prune and connect the students."""

from workingpapers.papers.random_teachers.method import (
    Barrier,
    DistillationLoss,
    IterativePruner,
    LossPlane,
    ProbeClassifier,
    ProjectionHead,
    RandomTeacherDistiller,
    distillation_loss,
    features,
    interpolate_parameters_,
    knn_probe,
    linear_mode_connectivity,
    linear_probe,
    loss_plane,
    magnitude_mask,
)

__all__ = [
    "Barrier",
    "DistillationLoss",
    "IterativePruner",
    "LossPlane",
    "ProbeClassifier",
    "ProjectionHead",
    "RandomTeacherDistiller",
    "distillation_loss",
    "features",
    "interpolate_parameters_",
    "knn_probe",
    "linear_mode_connectivity",
    "linear_probe",
    "loss_plane",
    "magnitude_mask",
]
