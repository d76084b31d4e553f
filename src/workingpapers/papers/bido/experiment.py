"""The experiment: classifiers with and without defences, attacked through one prior, judged by one evaluator."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.bido.claims import give_claims
from workingpapers.papers.bido.pictures import figures
from workingpapers.papers.bido.settings import SCALES, Settings
from workingpapers.papers.bido.study import study
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim gets its number and its control's."""
    with single_thread():  # small networks: more threads only wait for each other
        give_claims(study(settings, trial), trial)
