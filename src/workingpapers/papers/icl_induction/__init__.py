"""In-context classification and the induction head (arXiv 2312.03002): task, network, measures, instruments."""

from workingpapers.papers.icl_induction.language_models import induction_scores
from workingpapers.papers.icl_induction.measures import ProgressMeasures, Transition, progress_measures, transition
from workingpapers.papers.icl_induction.method import AttentionOnlyClassifier
from workingpapers.papers.icl_induction.minimal import MinimalInductionHead
from workingpapers.papers.icl_induction.monitor import InductionMonitor
from workingpapers.papers.icl_induction.nested import Trajectory, nested_logit_flow, nested_logit_loss
from workingpapers.papers.icl_induction.task import Batch, InContextClassification
from workingpapers.papers.icl_induction.training import train_icl, train_stacked

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
