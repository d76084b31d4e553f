"""Measures the paper's claims: what rehearsal mitigates, against which rivals, and whether it speeds up new tasks."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.power_law_rehearsal.figures import figures
from workingpapers.papers.power_law_rehearsal.measure_grid import gap_distributions, grid_claim
from workingpapers.papers.power_law_rehearsal.measure_methods import method_claims
from workingpapers.papers.power_law_rehearsal.settings import SCALES, Settings
from workingpapers.papers.power_law_rehearsal.streams import images
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: strengths on held-out tasks, every method on the trial's own tasks, the grid, the stream form."""
    with single_thread():  # trials run beside each other
        data = images(settings, trial)
        method_claims(settings, trial, data)
        grid_claim(settings, trial, data)
        gap_distributions(settings, trial)
