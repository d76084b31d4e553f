"""The experiment: exact statements on real and generated tables, sparse networks with known edges, wide tables."""

from workingpapers.bench.protocols import Trial
from workingpapers.papers.partial_correlation.compositions import as_composition
from workingpapers.papers.partial_correlation.exact_study import exact_statements
from workingpapers.papers.partial_correlation.network_study import (
    counts_study,
    dropped_part_study,
    network_study,
    wide_study,
)
from workingpapers.papers.partial_correlation.networks import network
from workingpapers.papers.partial_correlation.pictures import figures
from workingpapers.papers.partial_correlation.settings import SCALES, Settings
from workingpapers.papers.partial_correlation.tables_study import describe_tables, real_tables, roman_cups
from workingpapers.parts.timing import single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim gets its number and its control's, or why there is none."""
    with single_thread():  # small matrices: more threads only wait for each other
        tables = real_tables(settings, trial) | roman_cups(settings, trial)
        describe_tables(tables, trial)
        drawn = {
            f"network of {d}": as_composition(network(d, settings.n, trial.seed_for("exact", d)).closed)
            for d in settings.exact_parts
        }
        exact_statements(tables | drawn, f"network of {settings.exact_parts[0]}", trial)
        network_study(settings, trial)
        dropped_part_study(settings, trial)
        wide_study(settings, trial)
        counts_study(settings, trial)
