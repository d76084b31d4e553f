"""Random teachers (arXiv 2302.12091): distil from frozen random networks; probe, prune and connect the students."""

from workingpapers.papers.random_teachers.connectivity import Barrier, LossPlane, linear_mode_connectivity, loss_plane
from workingpapers.papers.random_teachers.encoders import features
from workingpapers.papers.random_teachers.head import ProjectionHead
from workingpapers.papers.random_teachers.interpolation import interpolate_parameters_
from workingpapers.papers.random_teachers.loss import DistillationLoss, distillation_loss
from workingpapers.papers.random_teachers.method import RandomTeacherDistiller
from workingpapers.papers.random_teachers.probing import ProbeClassifier, knn_probe, linear_probe
from workingpapers.papers.random_teachers.pruning import IterativePruner, magnitude_mask

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
