"""Learned representational geometry (arXiv 2401.13558): parallelism, CCGP, shattering, alignment, for any model."""

from workingpapers.papers.representational_geometry.alignment import kernel_alignment, participation_ratio
from workingpapers.papers.representational_geometry.decoding import linear_decodability, shattering_dimension
from workingpapers.papers.representational_geometry.flow import weight_flow
from workingpapers.papers.representational_geometry.generalisation import ccgp
from workingpapers.papers.representational_geometry.method import GeometryReport, representational_geometry
from workingpapers.papers.representational_geometry.networks import OneHiddenLayerNet, TrainedStack, train_stack
from workingpapers.papers.representational_geometry.nonlinearities import ACTIVATIONS, swap_activation
from workingpapers.papers.representational_geometry.parallelism import parallelism_score
from workingpapers.papers.representational_geometry.selectivity import label_selectivity
from workingpapers.papers.representational_geometry.tasks import BinaryFactorTask

__all__ = [
    "ACTIVATIONS",
    "BinaryFactorTask",
    "GeometryReport",
    "OneHiddenLayerNet",
    "TrainedStack",
    "ccgp",
    "kernel_alignment",
    "label_selectivity",
    "linear_decodability",
    "parallelism_score",
    "participation_ratio",
    "representational_geometry",
    "shattering_dimension",
    "swap_activation",
    "train_stack",
    "weight_flow",
]
