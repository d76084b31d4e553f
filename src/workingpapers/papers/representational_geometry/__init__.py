"""Learned representational geometry (arXiv 2401.13558): parallelism, CCGP, shattering, alignment, for any model."""

from workingpapers.papers.representational_geometry.method import (
    ACTIVATIONS,
    BinaryFactorTask,
    GeometryReport,
    OneHiddenLayerNet,
    TrainedStack,
    ccgp,
    kernel_alignment,
    label_selectivity,
    linear_decodability,
    parallelism_score,
    participation_ratio,
    representational_geometry,
    shattering_dimension,
    swap_activation,
    train_stack,
    weight_flow,
)

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
