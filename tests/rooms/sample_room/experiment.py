"""Shrinking a mean lowers its squared error where the truth is near zero. Faults can be switched on."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from sample_room.method import shrink
from workingpapers.bench.protocols import Picture, Results, Trial
from workingpapers.parts.plotting import new_figure

_TRUTH = 0.05


@dataclass(frozen=True)
class Settings:
    draws: int = 200
    sizes: tuple[int, ...] = (5, 10)
    factor: float = 0.5
    sleep_s: float = 0.0
    fail_on: int = -1
    die_on: int = -1
    ignore_a_claim: bool = False
    note: str | None = None


_LAPTOP = Settings(draws=400)
SCALES = {"smoke": Settings(), "laptop": _LAPTOP, "paper": replace(_LAPTOP, draws=4000)}


def measure(settings: Settings, trial: Trial) -> None:
    if trial.repetition == settings.fail_on:
        raise RuntimeError("this trial was told to fail")
    if trial.repetition == settings.die_on:
        os.kill(os.getpid(), signal.SIGKILL)
    gains = {}
    for size in trial.steps(settings.sizes, "sizes"):
        errors = {"shrunk": 0.0, "plain": 0.0}
        generator = torch.Generator().manual_seed(trial.seed_for("data", size))
        for _ in range(settings.draws):
            values = torch.randn(size, generator=generator).tolist()
            errors["shrunk"] += (shrink(values, settings.factor) + _TRUTH) ** 2 / settings.draws
            errors["plain"] += (shrink(values, 1.0) + _TRUTH) ** 2 / settings.draws
        for arm, error in errors.items():
            trial.record("error", error, arm=arm, size=size)
        gains[size] = errors["plain"] / errors["shrunk"]
        time.sleep(settings.sleep_s / len(settings.sizes))
    trial.record("elapsed", time.perf_counter(), unit="s", timing=True)
    if settings.note:
        with Path(settings.note).open("a") as file:
            file.write(f"{trial.repetition}\n")
    gain = sum(gains.values()) / len(gains)
    trial.claim("lower-error", value=gain, control=1.0)
    if not settings.ignore_a_claim:
        trial.claim("higher-error", value=1 / gain, control=1.0)
    trial.claim("always-smaller", value=gain > 1, control=False)
    trial.not_tested("needs-data", "bring the data")


def figures(results: Results) -> Iterable[Picture]:
    frame = results.frame("error")
    figure, axes = new_figure()
    for arm, part in frame.groupby("arm"):
        axes.plot(part["size"], part["value"], "o", label=str(arm))
    axes.legend()
    yield Picture("errors", figure, "Squared error of both means; lower is better.")
