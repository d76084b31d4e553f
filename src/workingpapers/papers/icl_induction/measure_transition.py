"""The claims about time: networks that see new classes only, where nothing but the context helps."""

import math

import numpy as np
import pandas as pd

from workingpapers.bench.protocols import Trial
from workingpapers.papers.icl_induction.measures import Transition, transition
from workingpapers.papers.icl_induction.networks import (
    MEASURES,
    make_network,
    make_task,
    nearest_in_context,
    own_stream,
    record_curves,
)
from workingpapers.papers.icl_induction.settings import Settings
from workingpapers.papers.icl_induction.training import train_icl

LEARNED = 0.98
HAS_LEARNED = 0.9


def on_new_classes(settings: Settings, trial: Trial) -> pd.DataFrame:
    """Train on new classes with more labels than pairs, as many, and twice as many; returns the first's history.

    Two claims that set a curve of these against one of the phase diagram are left to `phases`.
    """
    usual = settings.n_labels
    runs = {"novel": usual, "equal labels": settings.n_pairs, "twice the labels": 2 * usual}
    times, histories = {}, {}
    for arm, labels in runs.items():
        task = make_task(settings, trial, labels, n_labels=labels, p_novel=1.0)
        network = make_network(settings, trial, arm, n_labels=labels)
        shown = task.batch(256, "ic", generator=own_stream(trial, "maps"))
        if arm == "novel":
            trial.record("baseline", nearest_in_context(shown, settings.positions), arm="nearest in context")
            _maps(trial, network, shown, "before")
        histories[arm] = train_icl(
            network, task, optimizer=settings.optimizer, lr=settings.lr, steps=settings.delay_steps,
            eval_every=settings.fine_every, early_stop=LEARNED, batch_size=settings.batch, eval_size=settings.eval_size,
        )  # fmt: skip
        if arm == "novel":
            _maps(trial, network, shown, "after")
        record_curves(trial, histories[arm], arm, ("ic", *MEASURES))
        times[arm] = _when_learned(histories[arm])
        trial.record("learned_at", times[arm], unit="steps", arm=arm)
    trial.claim(
        "equal-labels-delay",
        value=times["equal labels"] / times["novel"],
        control=times["twice the labels"] / times["novel"],
    )
    _progress_claims(settings, trial, histories["novel"])
    _plain_sgd(settings, trial)
    return histories["novel"]


def _progress_claims(settings: Settings, trial: Trial, history: pd.DataFrame) -> None:
    steps = history["step"].to_numpy(float)
    curves = {name: transition(steps, history[name].to_numpy()) for name in ("ic", "ila1", "tila2", "cla", "tla2")}
    icl = curves["ic"]
    early, late = icl.at(0.25), icl.at(0.75)
    places = {name: (curve.midpoint - early) / (late - early) for name, curve in curves.items()}
    for name, curve in curves.items():
        trial.record("midpoint", curve.midpoint, unit="steps", what=name)
    trial.claim("previous-token-with-icl", value=places["ila1"], control=places["cla"])
    trial.claim("target-label-with-icl", value=places["tila2"], control=places["cla"])
    trial.claim(
        "labels-before-match",
        value=curves["cla"].midpoint / icl.midpoint,
        control=curves["tla2"].midpoint / icl.midpoint,
    )
    level = math.log(settings.n_pairs)
    trial.claim(
        "plateau-at-guessing",
        value=_plateau(history, curves["cla"], early) / level,
        control=float(history["ic_loss"].iloc[0]) / level,
    )


def _plateau(history: pd.DataFrame, labels: Transition, end: float) -> float:
    """Mean loss between the step where context labels are known (90 %) and that where matching is a quarter done."""
    steps = history["step"].to_numpy(float)
    losses = history["ic_loss"].to_numpy(float)
    is_plateau = (steps >= labels.at(0.9)) & (steps <= end)
    if is_plateau.any():
        return float(losses[is_plateau].mean())
    return float(np.interp(end, steps, losses))


def _when_learned(history: pd.DataFrame) -> float:
    """Midpoint of the rise, or the last step where it was not learned: then a lower bound."""
    if history["ic"].max() < HAS_LEARNED:
        return float(history["step"].iloc[-1])
    return transition(history["step"].to_numpy(float), history["ic"].to_numpy()).midpoint


def rise(history: pd.DataFrame, name: str) -> float:
    """Steps from a quarter to three quarters of a curve's range, as a share of the steps before."""
    curve = transition(history["step"].to_numpy(float), history[name].to_numpy())
    early, late = curve.at(0.25), curve.at(0.75)
    return (late - early) / max(early, 1e-9)


def _maps(trial: Trial, network: object, shown: object, when: str) -> None:
    """Mean attention of both layers, from the first trial only."""
    if trial.repetition:
        return
    _, attention = network(shown.tokens, return_attention=True)  # type: ignore[operator,attr-defined]
    for number, layer in enumerate(attention):
        for query, row in enumerate(layer.detach().mean((0, 1)).tolist()):
            trial.record("attention", [round(value, 4) for value in row], layer=number + 1, query=query, when=when)


def _plain_sgd(settings: Settings, trial: Trial) -> None:
    if settings.sgd_steps == 0:
        trial.not_tested(
            "equal-labels-sgd", "plain SGD needs a hundred thousand steps and more; run it with --scale paper on a GPU"
        )
        return
    times = {}
    for arm, labels in {
        "usual": settings.n_labels, "equal": settings.n_pairs, "twice": 2 * settings.n_labels
    }.items():  # fmt: skip
        task = make_task(settings, trial, labels, n_labels=labels, p_novel=1.0)
        network = make_network(settings, trial, f"sgd {arm}", n_labels=labels)
        history = train_icl(
            network, task, optimizer="sgd", lr=settings.sgd_lr, steps=settings.sgd_steps,
            eval_every=settings.eval_every, early_stop=LEARNED, batch_size=settings.batch, eval_size=settings.eval_size,
        )  # fmt: skip
        times[arm] = _when_learned(history)
    trial.claim("equal-labels-sgd", value=times["equal"] / times["usual"], control=times["twice"] / times["usual"])
