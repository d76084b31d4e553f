"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): what trained networks do.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements moments, normality, accuracy against the number of networks, and the number that one input needs.
Differences from the paper: every input is asked for, not a sample of those with two ones.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from workingpapers.bench.protocols import Trial
from workingpapers.papers.permutations.inputs import all_inputs
from workingpapers.papers.permutations.limit_study import draw_inputs
from workingpapers.papers.permutations.method import default_steps
from workingpapers.papers.permutations.moments import permutation_moments
from workingpapers.papers.permutations.networks import TrainedNetworks, train_networks, unit_rows
from workingpapers.papers.permutations.settings import Settings
from workingpapers.papers.permutations.sizes import ensemble_size, thresholds

ROWS_AT_ONCE = 256
NARROW = 2  # width of the networks that are far from the limit
_SHOWN = 40  # points of a curve that are recorded


@dataclass
class Ensemble:
    """What all networks of one length did on its unseen inputs, gathered over chunks of them.

    `correct[rounding][n]` counts the inputs that the mean of the first n + 1 networks gets wholly right.
    """

    k: int
    rows: np.ndarray
    places: np.ndarray
    networks: TrainedNetworks
    correct: dict[str, np.ndarray] = field(default_factory=dict)
    class_mean: dict[str, np.ndarray] = field(default_factory=dict)  # (N, k + 1), by number of ones
    variance: np.ndarray = field(default_factory=lambda: np.empty(0))  # (k + 1,)

    @property
    def n_models(self) -> int:
        return len(self.networks.first)

    def outputs(self, rows: np.ndarray) -> Tensor:
        """`(N, r, k)`, coordinate i being the one that bit i is sent to."""
        made = self.networks.outputs(unit_rows(torch.from_numpy(rows))).cpu()
        return made[:, :, torch.from_numpy(self.places)]

    def gather(self) -> None:
        weights = self.rows.sum(1, dtype=np.int64)
        counts = np.bincount(weights, minlength=self.k + 1)
        sums = {name: np.zeros((self.n_models, self.k + 1)) for name in ("one", "zero")}
        spread = np.zeros(self.k + 1)
        levels = {name: thresholds(self.k, weights, name) for name in ("sign", "weight-aware")}
        self.correct = {name: np.zeros(self.n_models, dtype=np.int64) for name in levels}
        numbers = torch.arange(1, self.n_models + 1)[:, None, None]
        for at in range(0, len(self.rows), ROWS_AT_ONCE):
            part = slice(at, at + ROWS_AT_ONCE)
            outputs, bits = self.outputs(self.rows[part]), torch.from_numpy(self.rows[part]).bool()
            which = np.eye(self.k + 1)[weights[part]]
            sums["one"] += (outputs * bits).sum(2).double().numpy() @ which
            sums["zero"] += (outputs * ~bits).sum(2).double().numpy() @ which
            spread += outputs.var(0).mean(1).double().numpy() @ which
            mean = outputs.cumsum(0).div_(numbers)
            for name, level in levels.items():
                above = mean > torch.from_numpy(level[part]).float()[:, None]
                self.correct[name] += (above == bits).all(2).sum(1).numpy()
        number = np.arange(self.k + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.class_mean = {
                "one": sums["one"] / (counts * number),
                "zero": sums["zero"] / (counts * (self.k - number)),
            }
            self.variance = spread / counts


def train(settings: Settings, trial: Trial, k: int, count: int, what: str) -> tuple[np.ndarray, TrainedNetworks]:
    """Networks that learned a permutation of the trial's, and where it sends each bit."""
    places = np.random.default_rng(trial.seed_for("permutation", k)).permutation(k)
    c = 1 / (2 * np.pi)
    lr = k / (1 - c + c * k)
    networks = train_networks(
        torch.eye(k)[places],
        count,
        width=settings.width,
        steps=default_steps(k, lr),
        lr=lr,
        seed=trial.seed_for(what, k),
        device=trial.device,
    )
    return places, networks


def unseen_inputs(settings: Settings, trial: Trial, k: int) -> np.ndarray:
    """All inputs with two ones or more, or a sample of them."""
    if 2**k - 1 > settings.max_inputs:
        return draw_inputs(k, min(settings.max_inputs, 2000), np.random.default_rng(trial.seed_for("sample", k)))
    rows = all_inputs(k)
    return rows[rows.sum(1) > 1]


def network_study(settings: Settings, trial: Trial) -> None:
    """Train at each length, and give the claims about real networks their numbers."""
    deviation = {"ntk": 0.0, "last-layer": 0.0}
    ratios, fractions = [], []
    for k in trial.steps(settings.lengths + settings.sampled_lengths, "lengths"):
        count = min(settings.max_models, ensemble_size(k, settings.delta, inputs="all"))
        ensemble = Ensemble(k, unseen_inputs(settings, trial, k), *train(settings, trial, k, count, "networks"))
        ensemble.gather()
        for name, correct in ensemble.correct.items():
            _record_curve(settings, trial, ensemble, name, correct / len(ensemble.rows))
        if k in settings.sampled_lengths:
            continue
        for kernel in deviation:
            deviation[kernel] = max(deviation[kernel], _deviation(trial, ensemble, kernel))
        ratios += _variance_ratios(trial, ensemble)
        share = ensemble.correct["sign"] / len(ensemble.rows)
        fractions.append((float(share.max()), float(share[0])))
        if k == settings.normal_length:
            _normality(settings, trial, ensemble)
    trial.claim("finite-networks-follow", value=deviation["ntk"], control=deviation["last-layer"])
    untrained = _untrained_ratio(settings, trial)
    trial.claim("variance-of-the-limit", value=_furthest(ratios), control=untrained)
    trial.claim("exact-on-all-inputs", value=min(f[0] for f in fractions), control=min(f[1] for f in fractions))
    singles = [_single_size(settings, trial, k) for k in trial.steps(settings.single_lengths, "size for one input")]
    trial.claim(
        "measured-size-for-one-input",
        value=_furthest([sign for sign, _ in singles]),
        control=_furthest([aware for _, aware in singles]),
    )


def _record_curve(settings: Settings, trial: Trial, ensemble: Ensemble, rounding: str, share: np.ndarray) -> None:
    last = len(share)
    for n in np.unique(np.geomspace(1, last, _SHOWN).astype(int)).tolist():
        trial.record("accuracy", float(share[n - 1]), k=ensemble.k, rounding=rounding, models=n)
    whole = np.flatnonzero(share == 1)
    trial.record("models for all inputs", int(whole[0]) + 1 if len(whole) else None, k=ensemble.k, rounding=rounding)
    asked = ensemble_size(ensemble.k, settings.delta, inputs="all", rounding=rounding)
    trial.record("predicted models for all inputs", asked, k=ensemble.k, rounding=rounding)


def _deviation(trial: Trial, ensemble: Ensemble, kernel: str) -> float:
    """Largest distance of a class's mean from the closed form, over 3 standard errors + 15 % of it."""
    worst = 0.0
    for m in range(2, ensemble.k + 1):
        moments = permutation_moments(ensemble.k, m, kernel=kernel)
        for name, limit in (("one", moments.mean_one), ("zero", moments.mean_zero)):
            if name == "zero" and m == ensemble.k:
                continue
            values = ensemble.class_mean[name][:, m]
            allowed = 3 * values.std(ddof=1) / np.sqrt(len(values)) + 0.15 * abs(limit)
            worst = max(worst, abs(values.mean() - limit) / allowed)
            if kernel == "ntk":
                trial.record("mean", float(values.mean()), k=ensemble.k, ones=m, coordinate=name)
    return float(worst)


def _variance_ratios(trial: Trial, ensemble: Ensemble) -> list[float]:
    made = []
    for m in range(2, ensemble.k + 1):
        made.append(float(ensemble.variance[m] / permutation_moments(ensemble.k, m).variance))
        trial.record("variance ratio", made[-1], k=ensemble.k, ones=m)
    return made


def _untrained_ratio(settings: Settings, trial: Trial) -> float:
    """The same ratio for networks before training."""
    k = settings.normal_length
    drawn = train_networks(
        torch.eye(k), 200, width=settings.width, steps=0, lr=1.0, seed=trial.seed_for("untrained"), device=trial.device
    )
    rows = np.tri(k, dtype=np.uint8)[1:]  # one input of each number of ones from 2 on
    variance = drawn.outputs(unit_rows(torch.from_numpy(rows))).cpu().var(0).mean(1).double().numpy()
    return _furthest((variance / permutation_moments(k, np.arange(2, k + 1)).variance).tolist())


def _furthest(ratios: list[float]) -> float:
    """The ratio that is furthest from 1, as a factor."""
    return max(ratios, key=lambda ratio: abs(np.log(ratio)))


def _single_size(settings: Settings, trial: Trial, k: int) -> tuple[float, float]:
    """Measured over predicted number of networks for an input with two ones, for both thresholds."""
    predicted = ensemble_size(k, settings.delta, inputs="single")
    places, networks = train(settings, trial, k, settings.single_pool * predicted, "networks for one input")
    rows = unseen_inputs(settings, trial, k)
    rows = rows[rows.sum(1) == 2]
    outputs = networks.outputs(unit_rows(torch.from_numpy(rows))).cpu()[:, :, torch.from_numpy(places)]
    measured = {
        name: models_needed(outputs, rows, float(thresholds(k, np.array([2]), name)[0]), settings.delta)
        for name in ("sign", "weight-aware")
    }
    trial.record("models for one input", predicted, k=k, arm="predicted")
    for name, number in measured.items():
        trial.record("models for one input", number, k=k, arm=f"measured, {name}")
    return measured["sign"] / predicted, measured["weight-aware"] / predicted


def models_needed(outputs: Tensor, rows: np.ndarray, level: float, delta: float) -> int:
    """Smallest N for which the mean of N consecutive networks gets an input right in a share 1 - delta of all cases.

    All windows of N networks and all inputs are cases. N itself is the number of networks where none smaller does.

    Args:
        outputs: `(N, r, k)`.
        rows: Bits that the outputs should become, `(r, k)`.
        level: Above it is 1.
        delta: Share of mistakes allowed.
    """
    sums = torch.cat([torch.zeros_like(outputs[:1], dtype=torch.float64), outputs.double().cumsum(0)])
    bits = torch.from_numpy(rows).bool()

    def enough(n: int) -> bool:
        means = (sums[n:] - sums[:-n]) / n
        return bool(((means > level) == bits).all(2).double().mean() >= 1 - delta)

    low, high = 0, len(outputs)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _normality(settings: Settings, trial: Trial, ensemble: Ensemble) -> None:
    """Anderson-Darling's A² of one output over its critical value at 1 %; and of networks far from the limit."""
    k = ensemble.k
    row = np.zeros((1, k), dtype=np.uint8)
    row[0, : k // 2] = 1
    values = ensemble.outputs(row)[:, 0, -1].double().numpy()
    narrow = train_networks(
        torch.eye(k), len(values), width=NARROW, steps=0, lr=1.0, seed=trial.seed_for("narrow"), device=trial.device
    )
    other = narrow.outputs(unit_rows(torch.from_numpy(row))).cpu()[:, 0, -1].double().numpy()
    trial.claim("normal-outputs", value=_anderson(values), control=_anderson(other))
    if trial.repetition == 0:
        trial.record("one output", np.round(values, 5).tolist(), k=k, ones=k // 2)


def _anderson(values: np.ndarray) -> float:
    """A² with mean and variance from the sample, over Stephens' critical value at 1 %."""
    ordered = np.sort((values - values.mean()) / values.std(ddof=1))
    n = len(ordered)
    odd = 2 * np.arange(1, n + 1) - 1
    statistic = -n - np.mean(odd * (stats.norm.logcdf(ordered) + stats.norm.logsf(ordered[::-1])))
    return float(statistic * (1 + 0.75 / n + 2.25 / n**2) / 1.035)
