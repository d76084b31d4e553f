"""The claims about who wins: networks over classes, burstiness, noise and skew, all trained as one stack."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from workingpapers.bench.protocols import Trial
from workingpapers.papers.icl_induction.measure_transition import rise
from workingpapers.papers.icl_induction.measures import progress_measures
from workingpapers.papers.icl_induction.minimal import MinimalInductionHead
from workingpapers.papers.icl_induction.networks import (
    CURVES,
    make_network,
    make_task,
    nearest_in_context,
    own_stream,
    record_curves,
)
from workingpapers.papers.icl_induction.settings import Settings
from workingpapers.papers.icl_induction.task import InContextClassification
from workingpapers.papers.icl_induction.training import train_icl, train_stacked

WINS = 0.5
Point = tuple[int, int, float, float]


def phases(settings: Settings, trial: Trial, novel: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Train the phase diagram; returns the histories with few and with many classes.

    Args:
        settings: Sizes.
        trial: The trial.
        novel: History of the network on new classes, whose rise is set against that of weights with few classes.
    """
    base = (settings.noises[0], settings.skews[0])
    points: list[Point] = [(classes, 1, *base) for classes in settings.classes]
    points += [(settings.medium, burst, *base) for burst in settings.bursts]
    points += [(settings.medium, 1, noise, base[1]) for noise in settings.noises]
    points += [(settings.many, 1, base[0], skew) for skew in settings.skews]
    points = list(dict.fromkeys(points))
    tasks = [
        make_task(settings, trial, classes, burstiness=burst, within_class_noise=noise, zipf=skew)
        for classes, burst, noise, skew in points
    ]
    networks = [make_network(settings, trial, repr(point)) for point in points]
    histories = train_stacked(networks, tasks, **_training(settings))
    accuracy: dict[Point, tuple[float, float]] = {}
    for point, network, task, history in zip(points, networks, tasks, histories, strict=True):
        last = history.iloc[-1]
        icl = float(last["ic"])
        if task.burstiness > 1:  # tested like the others: copies in the context would make guessing easier
            plain = make_task(settings, trial, point[0], within_class_noise=point[2], zipf=point[3])
            shared = plain.batch(settings.eval_size, "ic", generator=own_stream(trial, "burst test"))
            icl = progress_measures(network, shared).accuracy
        accuracy[point] = (icl, float(last["iw"]))
        axes: dict[str, Any] = dict(zip(("classes", "burst", "noise", "skew"), point, strict=True))
        for name, value in (("ic", icl), ("iw", last["iw"]), ("ic_swapped", last["ic_swapped"])):
            trial.record("accuracy", float(value), what=name, **axes)
        record_curves(trial, history, f"K {point[0]}, B {point[1]}, noise {point[2]:g}, skew {point[3]:g}")
    few, medium, many = ((classes, 1, *base) for classes in (settings.few, settings.medium, settings.many))
    bursty = (settings.medium, settings.bursts[1], *base)
    noisy = (settings.medium, 1, settings.noises[1], base[1])
    skewed = (settings.many, 1, base[0], settings.skews[-1])
    rivals = _rivals(settings, trial, tasks[points.index(many)], tasks[points.index(skewed)])
    chance = 1 / settings.n_labels
    trial.claim("many-classes-context", value=accuracy[many][0], control=rivals["one layer"])
    trial.claim("many-classes-weights", value=accuracy[many][1], control=accuracy[few][1])
    trial.claim("few-classes-weights", value=accuracy[few][1], control=accuracy[many][1])
    trial.claim("few-classes-context", value=accuracy[few][0], control=accuracy[many][0])
    for claim, point in (("burstiness-favours-context", bursty), ("noise-favours-context", noisy)):
        gain = [after - before for after, before in zip(accuracy[point], accuracy[medium], strict=True)]
        trial.claim(claim, value=gain[0], control=gain[1])
    trial.claim("skew-keeps-context", value=accuracy[skewed][0] - chance, control=rivals["no attention"] - chance)
    trial.claim("skew-keeps-weights", value=accuracy[skewed][1] - chance, control=rivals["nearest"] - chance)
    trial.claim("weights-first", value=accuracy[few][0] - chance, control=accuracy[many][0] - chance)
    trial.claim("context-first", value=accuracy[many][1] - chance, control=accuracy[few][1] - chance)
    ends = {"few": histories[points.index(few)], "many": histories[points.index(many)]}
    trial.claim("abrupt-context", value=rise(novel, "ic"), control=rise(ends["few"], "iw"))
    return ends


def minimal_model(settings: Settings, trial: Trial, full: Mapping[str, pd.DataFrame]) -> None:
    """The two-parameter model on new, few and many classes, and the same with both of its logits kept at zero.

    Args:
        settings: Sizes.
        trial: The trial.
        full: Histories of the full network on the same three.
    """
    tasks = [
        make_task(settings, trial, settings.n_labels, p_novel=1.0),
        make_task(settings, trial, settings.few),
        make_task(settings, trial, settings.many),
    ]
    agreeing = {}
    for arm, factor in (("minimal", settings.head_lr), ("minimal, no head", 0.0)):
        models = []
        for name in full:
            with trial.seeded("init", "minimal", name):
                model = MinimalInductionHead(
                    settings.positions, settings.dim, settings.n_labels, mlp_hidden=settings.mlp_hidden
                )
            models.append(model.to(trial.device))
        histories = train_stacked(models, tasks, lr_factors={"beta1": factor, "alpha": factor}, **_training(settings))
        agreeing[arm] = 0
        for name, model, history in zip(full, models, histories, strict=True):
            agreeing[arm] += _winner(history) == _winner(full[name])
            record_curves(trial, history, f"{arm}, {name}")
            for logit in ("beta1", "alpha"):
                trial.record("logit", float(getattr(model, logit).detach()), arm=arm, data=name, what=logit)
    trial.claim("minimal-model-emulates", value=agreeing["minimal"], control=agreeing["minimal, no head"])


def _winner(history: pd.DataFrame) -> tuple[bool, bool]:
    """Whether the context, and whether the weights, decide at least half of their test set at the end."""
    last = history.iloc[-1]
    return bool(last["ic"] > WINS), bool(last["iw"] > WINS)


def _training(settings: Settings) -> dict[str, Any]:
    return {
        "optimizer": settings.optimizer,
        "lr": settings.lr,
        "steps": settings.steps,
        "eval_every": settings.eval_every,
        "batch_size": settings.batch,
        "eval_size": settings.eval_size,
    }


def _rivals(
    settings: Settings, trial: Trial, many: InContextClassification, skewed: InContextClassification
) -> dict[str, float]:
    """What networks without two attention layers, and matching without any learning, reach."""
    found = {}
    for arm, layers, task in (("one layer", 1, many), ("no attention", 0, skewed)):
        history = train_icl(make_network(settings, trial, arm, layers=layers), task, **_training(settings))
        found[arm] = float(history["ic"].iloc[-1])
        record_curves(trial, history, arm, CURVES)
        for name in CURVES:
            trial.record("baseline", float(history[name].iloc[-1]), arm=arm, what=name)
    shown = skewed.batch(settings.eval_size, "iw", generator=own_stream(trial, "nearest"))
    found["nearest"] = nearest_in_context(shown, settings.positions)
    return found
