"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Environments, samplers, training along tasks, measures and rivals, each in its own file; this one gives them together.
Differences from the paper: only abstracts could be read, so exponent, budget and sizes are ours; see each file.
"""

from workingpapers.papers.power_law_rehearsal.avalanche_plugin import PowerLawReplayPlugin
from workingpapers.papers.power_law_rehearsal.encounters import EncounterProcess
from workingpapers.papers.power_law_rehearsal.environments import rehearsal_probabilities
from workingpapers.papers.power_law_rehearsal.metrics import ForgettingReport, continual_metrics
from workingpapers.papers.power_law_rehearsal.permuted import permuted_tasks
from workingpapers.papers.power_law_rehearsal.regularizers import EWC, SynapticIntelligence
from workingpapers.papers.power_law_rehearsal.sampler import PowerLawSampler
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
