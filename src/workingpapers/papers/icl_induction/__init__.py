"""In-context classification and the induction head (arXiv 2312.03002): task, network, measures, instruments."""

from workingpapers.papers.icl_induction.method import (
    AttentionOnlyClassifier,
    Batch,
    InContextClassification,
    InductionMonitor,
    MinimalInductionHead,
    ProgressMeasures,
    Trajectory,
    Transition,
    induction_scores,
    nested_logit_flow,
    nested_logit_loss,
    progress_measures,
    train_icl,
    train_stacked,
    transition,
)

__all__ = [
    "AttentionOnlyClassifier",
    "Batch",
    "InContextClassification",
    "InductionMonitor",
    "MinimalInductionHead",
    "ProgressMeasures",
    "Trajectory",
    "Transition",
    "induction_scores",
    "nested_logit_flow",
    "nested_logit_loss",
    "progress_measures",
    "train_icl",
    "train_stacked",
    "transition",
]
