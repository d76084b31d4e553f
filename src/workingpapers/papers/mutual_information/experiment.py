"""The experiment: teachers of known information, coverage of the interval, high information, two views of digits."""

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.papers.mutual_information import MLPEncoder, estimate_mi
from workingpapers.papers.mutual_information.pictures import figures
from workingpapers.papers.mutual_information.settings import SCALES, Settings
from workingpapers.papers.mutual_information.tasks_study import coverage, flags, known_tasks, strong
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
    pixels = x[0].size
    with trial.seeded("digits"):
        encoders = (MLPEncoder(pixels), MLPEncoder(pixels))
    result = estimate_mi(
        x, y, encoder=encoders, gammas=range(1, 5), epochs=settings.epochs, embed_dim=settings.embed_dim, seed=seed
    )
    runs = result.per_run[result.per_run["gamma"] == 1]
    shuffled = float(runs[runs["kind"] == "shuffled"]["train_mi"].mean())
    trial.record("digits", result.mi, unit="bits", arm="pairs")
    trial.record("digits", shuffled, unit="bits", arm="shuffled")
    trial.record("digits_reliable", result.reliable)
    for check in result.failed:
        trial.record("failed_check", float(check.value), check=check.name, task="digits", data=0)
    trial.claim("digits", value=result.mi, control=shuffled)
