"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): what the closed form says.

Official code: github.com/opallab/permlearn (MIT); its published table of model counts is quoted, no code is used.
Implements the signs of the means (main theorem), growth of the ensemble's size, and samples of the exact limit.
Differences from the paper: sizes from exact normal tails stand beside the bounds.
"""

import math

import numpy as np

from workingpapers.bench.protocols import Trial
from workingpapers.papers.permutations.method import PermutationEnsemble
from workingpapers.papers.permutations.moments import permutation_moments
from workingpapers.papers.permutations.settings import Settings
from workingpapers.papers.permutations.sizes import ensemble_size
from workingpapers.parts.timing import log_log_slope

# number of models in the official repository's results: width 50 000, two ones, 1000 test inputs, accuracy 0.9
PUBLISHED_MODELS = {4: 10, 5: 43, 10: 69, 15: 103, 20: 117, 25: 157, 30: 175}


def limit_study(settings: Settings, trial: Trial) -> None:
    """Signs, sizes and their growth, the share of inputs that is trained on, and draws of the limit."""
    _signs(settings, trial)
    _sizes(settings, trial)
    k = max(settings.lengths)
    trained_on = len(np.eye(k))
    trial.record("training share", trained_on / (2**k - 1), k=k)
    trial.claim("logarithmic-training-size", value=trained_on / math.log2(2**k))
    _relabelling(settings, trial)
    for k in trial.steps(settings.process_lengths, "draws of the limit"):
        _draws(settings, trial, k)


def _signs(settings: Settings, trial: Trial) -> None:
    right, untrained, total = 0, 0, 0
    for k in range(3, settings.signs_up_to + 1):
        for t in (None, 0.0):
            one, zero, _ = permutation_moments(k, np.arange(2, k), t=t)
            count = int(((one > 0) & (zero < 0)).sum())
            right, untrained = (right + count, untrained) if t is None else (right, untrained + count)
        total += k - 2
    trial.claim("signs-in-the-limit", value=right / total, control=untrained / total)


def _sizes(settings: Settings, trial: Trial) -> None:
    ks, delta = np.array(settings.slope_lengths), settings.delta
    logs = np.log(ks / delta)
    found = {}
    for bound in ("exact", "chernoff"):
        for inputs in ("single", "all"):
            for rounding in ("sign", "weight-aware"):
                sizes = [ensemble_size(k, delta, inputs=inputs, rounding=rounding, bound=bound) for k in ks.tolist()]
                found[bound, inputs, rounding] = np.array(sizes, dtype=float)
                for k, size in zip(ks.tolist(), sizes, strict=True):
                    trial.record("size", size, k=k, bound=bound, inputs=inputs, rounding=rounding)
    for k, models in PUBLISHED_MODELS.items():
        trial.record("models for two ones", models, k=k, arm="published")
        for kernel in ("ntk", "last-layer"):
            trial.record("models for two ones", ensemble_size(k, delta, inputs=[2], kernel=kernel), k=k, arm=kernel)
    slope = {key: log_log_slope(ks, sizes) for key, sizes in found.items()}
    divided = {key: log_log_slope(ks, sizes / logs) for key, sizes in found.items()}
    for key in found:
        trial.record("slope", slope[key], bound=key[0], inputs=key[1], rounding=key[2], divided=False)
        trial.record("slope", divided[key], bound=key[0], inputs=key[1], rounding=key[2], divided=True)
    for bound in ("chernoff", "exact"):
        single, everything = (bound, "single", "sign"), (bound, "all", "sign")
        name = {"chernoff": "bound", "exact": "size"}[bound]
        trial.claim(f"single-input-{name}-grows", value=divided[single], control=divided["chernoff", "all", "sign"])
        trial.claim(f"all-inputs-{name}-grows", value=slope[everything], control=slope[single])


def _relabelling(settings: Settings, trial: Trial) -> None:
    """A permutation's draws are those of the identity with outputs relabelled; relabelled wrongly they are not."""
    k = settings.relabel_length
    rng = np.random.default_rng(trial.seed_for("relabelling"))
    places = np.roll(np.arange(k), 1)[rng.permutation(k)]
    wrong = np.roll(places, 1)
    rows = draw_inputs(k, 50, rng)
    model = PermutationEnsemble(k, engine="gp", n_models=10, seed=trial.seed_for("shared noise"))
    plain = model.fit(np.arange(k)).decision_function(rows)
    made = model.fit(places).decision_function(rows)
    off, off_wrong = (float(np.abs(made[:, order] - plain).max()) for order in (places, wrong))
    trial.claim("same-under-relabelling", value=off, control=off_wrong)


def _draws(settings: Settings, trial: Trial, k: int) -> None:
    rng = np.random.default_rng(trial.seed_for("inputs", k))
    places = rng.permutation(k)
    rows = draw_inputs(k, min(settings.max_inputs, 2000), rng)
    wanted = np.empty_like(rows)
    wanted[:, places] = rows
    for inputs in ("single", "all"):
        for rounding in ("sign", "weight-aware"):
            size = ensemble_size(k, settings.delta, inputs=inputs, rounding=rounding)
            model = PermutationEnsemble(
                k, n_models=size, rounding=rounding, engine="gp", seed=trial.seed_for("draw", k, inputs, rounding)
            )
            score = model.fit(places).score(rows, wanted)
            trial.record("accuracy of the limit", score, k=k, inputs=inputs, rounding=rounding, models=size)


def draw_inputs(k: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Distinct inputs, uint8 `(n, k)`, n at most `count`: the number of ones uniform over 2 … k, so that the hard
    ones, with few, are among them."""
    weights = rng.integers(2, k + 1, size=count)
    ranks = rng.random((count, k)).argsort(1).argsort(1)
    return np.unique((ranks < weights[:, None]).astype(np.uint8), axis=0)
