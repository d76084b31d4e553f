"""The tasks with known information: the protocol beside nearest neighbours, CCA and critics at their last epoch."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from workingpapers.bench.protocols import Trial
from workingpapers.papers.mutual_information import MIResult, cca_mi, estimate_mi, ksg_mi
from workingpapers.papers.mutual_information.inputs import Scaler
from workingpapers.papers.mutual_information.settings import Settings
from workingpapers.papers.mutual_information.teachers import Pair, linear, teacher
from workingpapers.papers.mutual_information.training import Options, Run, train_runs

LN2 = float(np.log(2))


@dataclass(frozen=True)
class Outcome:
    """One protocol on data of known information."""

    task: str
    truth: float
    result: MIResult

    @property
    def error(self) -> float:
        return abs(self.result.mi - self.truth)

    @property
    def covers(self) -> bool:
        return self.result.ci[0] <= self.truth <= self.result.ci[1]

    def would_cover(self, value: float) -> bool:
        """Whether an interval as wide around another estimate covers the truth."""
        return abs(value - self.truth) <= self.result.ci[1] - self.result.mi


def protocol(settings: Settings, pair: Pair, seed: int) -> MIResult:
    """The protocol as this experiment runs it."""
    gammas = range(1, settings.gammas + 1)
    return estimate_mi(*pair, gammas=gammas, epochs=settings.epochs, embed_dim=settings.embed_dim, seed=seed, n_jobs=-1)


def note(trial: Trial, outcome: Outcome, data: int = 0) -> None:
    """Records of one protocol."""
    result, task, truth = outcome.result, outcome.task, outcome.truth
    trial.record("estimate", result.mi, unit="bits", arm="protocol", truth=truth, task=task, data=data)
    trial.record("low", result.ci[0], unit="bits", truth=truth, task=task, data=data)
    trial.record("high", result.ci[1], unit="bits", truth=truth, task=task, data=data)
    trial.record("line_half_width", result.line_half_width, unit="bits", task=task, data=data)
    trial.record("covers", outcome.covers, task=task, data=data)
    trial.record("reliable", result.reliable, task=task, data=data)
    for check in result.failed:
        trial.record("failed_check", float(check.value), check=check.name, task=task, data=data)


def known_tasks(settings: Settings, trial: Trial) -> list[Outcome]:
    """Protocol and rivals on the four tasks; the claims on rivals, stopping and undersampling."""
    outcomes: dict[str, Outcome] = {}
    rivals: dict[str, dict[str, float]] = {}
    for task in trial.steps(("wide", "undersampled", "few_latents", "many_latents"), "tasks"):
        latents, columns, samples, bits = getattr(settings, task)
        pair = teacher(samples, latents, columns, bits, trial.seed_for("data", task))
        outcomes[task] = Outcome(task, bits, protocol(settings, pair, trial.seed_for("protocol", task)))
        note(trial, outcomes[task])
        if task == "wide":
            _note_runs(trial, outcomes[task].result)
        if task != "many_latents":
            rivals[task] = _rivals(settings, pair, trial.seed_for("naive", task))
            for arm, value in rivals[task].items():
                trial.record("estimate", value, unit="bits", arm=arm, truth=bits, task=task, data=0)
    _claims(trial, outcomes, rivals)
    return list(outcomes.values())


def _note_runs(trial: Trial, result: MIResult) -> None:
    if trial.repetition == 0:
        columns = ("gamma", "chunk", "repeat", "kind", "train_mi")
        for gamma, chunk, repeat, kind, value in zip(*(result.per_run[name].tolist() for name in columns), strict=True):
            trial.record("run", value, unit="bits", gamma=gamma, chunk=chunk, repeat=repeat, kind=kind)
        trial.record("slope", result.slope, unit="bits")


def _rivals(settings: Settings, pair: Pair, seed: int) -> dict[str, float]:
    scaled = [_scaled(each) for each in pair]
    found = {
        "ksg": ksg_mi(scaled[0], scaled[1]),
        "cca": cca_mi(*pair, n_components=settings.principal),
    }
    rows = np.arange(len(pair[0]))
    x, y = (torch.from_numpy(each).float() for each in scaled)
    for bound in ("infonce", "dv"):
        options = Options(bound=bound, embed_dim=settings.embed_dim, epochs=settings.naive_epochs)
        runs = [
            Run(1, 0, repeat, (seed + repeat) % 2**31, rows, rows) for repeat in range(2 if bound == "infonce" else 1)
        ]
        for curve, again in zip(train_runs(runs, x, y, options), ("", "-again"), strict=False):
            found[f"{bound}-last-train{again}"] = float(curve.train[-1]) / LN2
            found[f"{bound}-last-test{again}"] = float(curve.test[-1]) / LN2
    return found


def _scaled(sample: np.ndarray) -> np.ndarray:
    return (sample - sample.mean(0)) / sample.std(0)


def _claims(trial: Trial, outcomes: dict[str, Outcome], rivals: dict[str, dict[str, float]]) -> None:
    four = ("wide", "undersampled")

    def off(task: str, arm: str) -> float:
        return abs(rivals[task][arm] - outcomes[task].truth)

    def mean_off(arm: str) -> float:
        return float(np.mean([off(task, arm) for task in rivals]))

    trial.claim("ksg-fails", value=min(off(t, "ksg") for t in four), control=off("few_latents", "ksg"))
    trial.claim(
        "interval-where-ksg-fails",
        value=all(outcomes[t].covers for t in four),
        control=all(outcomes[t].would_cover(rivals[t]["ksg"]) for t in four),
    )
    ours = float(np.mean([outcomes[task].error for task in rivals]))
    train, test = mean_off("infonce-last-train"), mean_off("infonce-last-test")
    trial.claim("stopping-train", value=ours - 0.5 * train, control=mean_off("infonce-last-train-again") - 0.5 * train)
    trial.claim("stopping-test", value=ours - test, control=mean_off("infonce-last-test-again") - test)
    others = {arm: mean_off(arm) for arm in ("ksg", "cca", "infonce-last-train", "dv-last-train")}
    trial.claim(
        "best-or-near",
        value=ours - min(others.values()),
        control=others["infonce-last-train"] - min(ours, *others.values()),
    )
    few, many = outcomes["few_latents"], outcomes["many_latents"]
    trial.claim(
        "few-latents-covered", value=few.covers, control=few.would_cover(rivals["few_latents"]["infonce-last-train"])
    )
    trial.claim("many-latents-flagged", value=not many.result.reliable, control=not few.result.reliable)


def coverage(settings: Settings, trial: Trial) -> list[Outcome]:
    """Intervals on many data sets of two easy tasks."""
    latents, columns, samples, bits = settings.easy
    outcomes, naive = [], []
    for data in trial.steps(range(settings.easy_data), "coverage"):
        for task in ("teacher", "linear"):
            seed = trial.seed_for("coverage", task, data)
            make = teacher if task == "teacher" else linear
            pair = make(samples, latents, columns if task == "teacher" else settings.easy_columns, bits, seed)
            outcomes.append(Outcome(task, bits, protocol(settings, pair, seed)))
            note(trial, outcomes[-1], data)
            naive.append(_covered_by_starts(outcomes[-1]))
    covered = float(np.mean([each.covers for each in outcomes]))
    line = [abs(o.result.mi - o.truth) <= o.result.line_half_width for o in outcomes]
    trial.record("coverage", covered, arm="protocol")
    trial.record("coverage", float(np.mean(line)), arm="line alone")
    trial.record("coverage", float(np.mean(naive)), arm="starts on the whole sample")
    trial.claim("coverage", value=covered, control=float(np.mean(naive)))
    return outcomes


def _covered_by_starts(outcome: Outcome) -> bool:
    """A normal interval from the scatter of different starts on the whole sample, as is often printed."""
    runs = outcome.result.per_run
    values = runs[(runs["gamma"] == 1) & (runs["kind"] == "data")]["train_mi"]
    return bool(abs(values.mean() - outcome.truth) <= 1.96 * values.std(ddof=1) / np.sqrt(len(values)))


def flags(trial: Trial, outcomes: list[Outcome]) -> None:
    """Whether flagged estimates are worse than those that passed every check."""
    is_flagged = np.array([not each.result.reliable for each in outcomes])
    errors = np.array([each.error for each in outcomes])
    if is_flagged.all() or not is_flagged.any():
        trial.not_tested("flags-tell", "every estimate of this trial was flagged, or none: there is nothing to compare")
        return
    # another estimate's flag: the order is drawn from the trial's seed
    moved = np.random.default_rng(trial.seed_for("flags")).permutation(is_flagged)
    value, control = (float(errors[f].mean() - errors[~f].mean()) for f in (is_flagged, moved))
    trial.claim("flags-tell", value=value, control=control)


def strong(settings: Settings, trial: Trial) -> None:
    """SMILE at high information, with and without variational encoders, at the epoch of the max-test rule."""
    latents, columns, samples, bits = settings.strong
    sets = [
        teacher(samples, latents, columns, bits, trial.seed_for("strong", data)) for data in range(settings.strong_data)
    ]
    cpu = torch.device("cpu")
    x, y = (
        torch.cat([Scaler("x", pair[side], keep_width=True)(pair[side], cpu, torch.float32) for pair in sets])
        for side in (0, 1)
    )
    plain = Options(bound="smile", embed_dim=32, hidden=128, lr=1e-3, epochs=settings.epochs)
    arms = {"deterministic": plain, "deterministic again": plain, "variational": replace(plain, variational=True)}
    values = {}
    for arm, options in arms.items():
        runs = []
        for data in range(settings.strong_data):
            rows = np.arange(data * samples, (data + 1) * samples)
            runs.append(Run(1, 0, data, trial.seed_for("strong", arm, data), rows, rows))
        values[arm] = np.array([curve.train[curve.epoch] / LN2 for curve in train_runs(runs, x, y, options)])
        for data, value in enumerate(values[arm]):
            trial.record("strong", float(value), unit="bits", arm=arm, data=data, truth=bits)
    bias = {arm: abs(float(each.mean()) - bits) for arm, each in values.items()}
    spread = {arm: float(each.std(ddof=1)) for arm, each in values.items()}
    for name, size in (("variational-bias", bias), ("variational-spread", spread)):
        trial.claim(
            name,
            value=size["variational"] - size["deterministic"],
            control=size["deterministic again"] - size["deterministic"],
        )
