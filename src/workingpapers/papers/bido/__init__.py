"""Bilateral dependency optimisation (arXiv 2206.05483): a defence against model inversion, its rivals, and attacks."""

from workingpapers.papers.bido.adaptive import AdaptiveAttack
from workingpapers.papers.bido.attack import GMIAttack, InversionResult
from workingpapers.papers.bido.lambdas import suggest_lambdas
from workingpapers.papers.bido.loss import BiDOLoss, BiDOOutput
from workingpapers.papers.bido.method import BiDO
from workingpapers.papers.bido.priors import PCAPrior, train_public_prior
from workingpapers.papers.bido.rivals import UnilateralPenalty, VIBHead
from workingpapers.papers.bido.stages import stage_names
from workingpapers.parts.dependence import coco, gram, hsic, hsic_test

__all__ = [
    "AdaptiveAttack",
    "BiDO",
    "BiDOLoss",
    "BiDOOutput",
    "GMIAttack",
    "InversionResult",
    "PCAPrior",
    "UnilateralPenalty",
    "VIBHead",
    "coco",
    "gram",
    "hsic",
    "hsic_test",
    "stage_names",
    "suggest_lambdas",
    "train_public_prior",
]
