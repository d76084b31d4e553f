"""The experiment: linear networks beside their closed form, recurrent networks over ranks, a connectome."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.rich_lazy.linear_study import linear_networks
from workingpapers.papers.rich_lazy.pictures import figures
from workingpapers.papers.rich_lazy.rnn_study import rank_study, structure_study
from workingpapers.papers.rich_lazy.settings import SCALES, Settings
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim gets its number and its control's."""
    with single_thread():  # small matrices: more threads only wait for each other
        linear_networks(settings, trial)
        rank_study(settings, trial)
        structure_study(settings, trial)
