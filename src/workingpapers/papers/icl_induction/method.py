"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
The task, network, measures and models of sections 2 and 3, each in its own file; this one gives them together.
Differences from the paper: the instruments for language models are ours; see each file for its own.
"""

from workingpapers.papers.icl_induction.language_models import induction_scores
from workingpapers.papers.icl_induction.measures import ProgressMeasures, Transition, progress_measures, transition
from workingpapers.papers.icl_induction.minimal import MinimalInductionHead
from workingpapers.papers.icl_induction.monitor import InductionMonitor
from workingpapers.papers.icl_induction.nested import Trajectory, nested_logit_flow, nested_logit_loss
from workingpapers.papers.icl_induction.network import AttentionOnlyClassifier
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
