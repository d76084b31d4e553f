"""Power-law rehearsal (arXiv 2401.10393): environments that meet old tasks again, rivals, training, measures."""

from workingpapers.papers.power_law_rehearsal.avalanche_plugin import PowerLawReplayPlugin
from workingpapers.papers.power_law_rehearsal.encounters import EncounterProcess
from workingpapers.papers.power_law_rehearsal.environments import rehearsal_probabilities
from workingpapers.papers.power_law_rehearsal.method import PowerLawSampler
from workingpapers.papers.power_law_rehearsal.metrics import ForgettingReport, continual_metrics
from workingpapers.papers.power_law_rehearsal.permuted import permuted_tasks
from workingpapers.papers.power_law_rehearsal.regularizers import EWC, SynapticIntelligence
from workingpapers.papers.power_law_rehearsal.trainers import PowerLawCallback, PowerLawDataModule, rehearse
from workingpapers.papers.power_law_rehearsal.training import ContinualResult, accuracy_on, train_sequence

__all__ = [
    "EWC",
    "ContinualResult",
    "EncounterProcess",
    "ForgettingReport",
    "PowerLawCallback",
    "PowerLawDataModule",
    "PowerLawReplayPlugin",
    "PowerLawSampler",
    "SynapticIntelligence",
    "accuracy_on",
    "continual_metrics",
    "permuted_tasks",
    "rehearsal_probabilities",
    "rehearse",
    "train_sequence",
]
