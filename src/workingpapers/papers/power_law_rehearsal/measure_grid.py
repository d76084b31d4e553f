"""The gap to no rehearsal over numbers of tasks, widths and budgets, and the gaps of the stream form."""

import numpy as np
import torch

from workingpapers.bench.protocols import Trial
from workingpapers.papers.power_law_rehearsal.arms import Arm, Outcome, check_equal_exposure, grid_cell, run
from workingpapers.papers.power_law_rehearsal.encounters import EncounterProcess
from workingpapers.papers.power_law_rehearsal.settings import Settings
from workingpapers.papers.power_law_rehearsal.streams import Images, make_stream

STREAM_TASKS = 10


def grid_claim(settings: Settings, trial: Trial, data: Images) -> None:
    """Train along the longest sequence; after T tasks it stands where a sequence of T tasks ends."""
    longest, ends = max(settings.grid_tasks), tuple(tasks - 1 for tasks in settings.grid_tasks)
    stream = make_stream(data, longest, trial.seed_for("tasks", "grid"))
    power = Arm("power", "power", settings.exponents[0])
    decoys = Arm("decoys", "power", settings.exponents[0], decoys=True)
    smallest = min(settings.grid_widths)
    gaps, control = [], []
    for width in trial.steps(settings.grid_widths, "grid"):
        outcomes: dict[str, Outcome] = {}
        cell = grid_cell(settings, width, 0.0)
        outcomes["none"] = none = run(Arm("none"), cell, trial, stream, "grid", evaluate_after=ends)
        for budget in settings.grid_budgets:
            cell = grid_cell(settings, width, budget)
            outcomes[f"power {budget}"] = found = run(power, cell, trial, stream, "grid", evaluate_after=ends)
            for tasks in settings.grid_tasks:
                gap = final(found, tasks) - final(none, tasks)
                trial.record("gap", gap, tasks=tasks, width=width, budget=budget)
                gaps.append(gap)
        if width == smallest:
            cell = grid_cell(settings, width, settings.budget)
            outcomes["decoys"] = run(decoys, cell, trial, stream, "grid", evaluate_after=ends)
            control = [final(outcomes["decoys"], tasks) - final(none, tasks) for tasks in settings.grid_tasks]
        check_equal_exposure(outcomes, cell, longest)
    trial.claim("robust", value=min(gaps), control=min(control))


def final(outcome: Outcome, tasks: int) -> float:
    """Average accuracy when so many tasks had been learned."""
    return float(outcome.result.accuracy[tasks - 1, :tasks].mean())


def gap_distributions(settings: Settings, trial: Trial) -> None:
    """How the gaps of the stream form are distributed, for a fixed set of tasks: counts in bins of equal ratio."""
    edges = np.unique(np.round(2.0 ** np.arange(0, np.log2(settings.encounters) + 0.5, 0.5)).astype(int))
    for exponent in settings.stream_exponents:
        generator = torch.Generator().manual_seed(trial.seed_for("stream", exponent))
        process = EncounterProcess(exponent, [1] * STREAM_TASKS, generator=generator)
        for _ in range(settings.encounters):
            next(process)
        gaps = process.gaps()
        counts, _ = np.histogram(gaps, edges)
        density = counts / np.diff(edges) / len(gaps)
        is_tail = (counts >= 5) & (edges[:-1] >= 2)
        middle = np.sqrt(edges[:-1] * (edges[1:] - 1.0).clip(1))
        slope = np.polyfit(np.log(middle[is_tail]), np.log(density[is_tail]), 1)[0] if is_tail.sum() >= 4 else np.nan
        trial.record("gap_slope", float(slope), exponent=exponent)
        trial.record("longest_gap", int(gaps.max()), unit="encounters", exponent=exponent)
        if trial.repetition == 0:
            kept = counts > 0
            trial.record("gap_at", [round(float(each), 3) for each in middle[kept]], exponent=exponent)
            trial.record("gap_density", [float(f"{each:.4g}") for each in density[kept]], exponent=exponent)
