"""The experiment: teachers of known information, coverage of the interval, high information, two views of digits."""

import numpy as np

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.papers.mutual_information.pictures import figures
from workingpapers.papers.mutual_information.settings import SCALES, Settings
from workingpapers.papers.mutual_information.tasks_study import coverage, flags, known_tasks, protocol, strong
from workingpapers.papers.mutual_information.teachers import two_views
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim gets its number and its control's."""
    with single_thread():
        outcomes = known_tasks(settings, trial) + coverage(settings, trial)
        flags(trial, outcomes)
        strong(settings, trial)
        _digits(settings, trial)


def _digits(settings: Settings, trial: Trial) -> None:
    if not settings.digits:
        trial.not_tested("digits", "this scale leaves the digits out")
        return
    data = load("mnist", settings.images or None)
    trial.uses(data)
    seed = trial.seed_for("digits")
    x, y = two_views(data["images"], data["labels"], settings.digits, 0.3, seed)
    broken = np.random.default_rng(seed).permutation(len(y))
    for arm, partner in (("pairs", y), ("shuffled", y[broken])):
        result = protocol(settings, (x, partner), seed)
        trial.record("digits", result.mi, unit="bits", arm=arm)
        trial.record("digits_reliable", result.reliable, arm=arm)
        if arm == "pairs":
            value = result.mi
    trial.claim("digits", value=value, control=result.mi)
