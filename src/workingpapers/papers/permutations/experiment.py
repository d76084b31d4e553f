"""Exact Learning of Permutations for Nonzero Binary Inputs, arXiv 2502.16763: the experiment.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the closed form's claims, trained networks beside it, other ways to train, and six permutations.
Differences from the paper: every number comes with a control from the same run.
"""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.permutations.arms_study import regimes, six_permutations
from workingpapers.papers.permutations.limit_study import limit_study
from workingpapers.papers.permutations.network_study import network_study
from workingpapers.papers.permutations.pictures import figures
from workingpapers.papers.permutations.settings import SCALES, Settings
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: its own permutations, networks and draws."""
    with single_thread():  # small matrices: more threads only wait for each other
        limit_study(settings, trial)
        network_study(settings, trial)
        regimes(settings, trial)
        six_permutations(settings, trial)
