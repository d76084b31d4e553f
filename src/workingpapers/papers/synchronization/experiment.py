"""The experiment: quadratic losses beside their closed forms, losses that are not quadratic, decisions on real data."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.synchronization.decision_study import decision_study
from workingpapers.papers.synchronization.nonlinear_study import nonlinear_study
from workingpapers.papers.synchronization.pictures import figures
from workingpapers.papers.synchronization.quadratic_study import quadratic_study
from workingpapers.papers.synchronization.settings import SCALES, Settings
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim gets its number and its control's."""
    with single_thread():  # small tensors: more threads only wait for each other
        quadratic_study(settings, trial)
        nonlinear_study(settings, trial)
        decision_study(settings, trial)
    trial.not_tested("brain", "It is about biology; no simulation of ours can test it.")
