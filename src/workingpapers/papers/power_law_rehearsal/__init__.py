"""Power-law rehearsal (arXiv 2401.10393): environments that meet old tasks again, rivals, training, measures."""

from workingpapers.papers.power_law_rehearsal.method import (
    EWC,
    ContinualResult,
    EncounterProcess,
    ForgettingReport,
    PowerLawCallback,
    PowerLawDataModule,
    PowerLawReplayPlugin,
    PowerLawSampler,
    SynapticIntelligence,
    accuracy_on,
    continual_metrics,
    permuted_tasks,
    rehearsal_probabilities,
    rehearse,
    train_sequence,
)

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
