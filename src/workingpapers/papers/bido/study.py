"""One trial: train the prior, the evaluator and every defence, attack each, and keep what was measured."""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.bench.protocols import Trial
from workingpapers.papers.bido.adaptive import AdaptiveAttack
from workingpapers.papers.bido.attack import GMIAttack, InversionResult
from workingpapers.papers.bido.method import Measure
from workingpapers.papers.bido.networks import (
    COCO_MAIN,
    DEFENCES,
    HSIC_MAIN,
    LAYERS,
    NONE,
    ONLY_INPUTS,
    ONLY_INPUTS_COCO,
    OWN,
    SECOND_NONE,
    Classifier,
    Defence,
    RoundedLogits,
    accuracy,
    dependences,
    distance_correlation,
    train,
)
from workingpapers.papers.bido.priors import PCAPrior, PublicPrior, train_public_prior
from workingpapers.papers.bido.private_images import Split, split
from workingpapers.papers.bido.settings import Settings

MASKED = "none, rounded logits"
SHOWN = (NONE.name, HSIC_MAIN.name, "BiDO-HSIC (.5, 2)", COCO_MAIN.name, "unilateral HSIC .5", "VIB .1")
SHOWN_PIXELS = 16
MEASURES: dict[str, Literal["hsic", "coco"] | Measure] = {"hsic": "hsic", "coco": "coco", "own": distance_correlation}


@dataclass
class Measured:
    """The numbers of one trial from which its claims are made.

    Args:
        chance: Accuracy of guessing.
        accuracy: By defence.
        attack: Attack accuracy by (attack, defence).
        dependence: `(layers, 2)`, d(X, Z) and d(Z, Y), by (measure, defence).
        change: Change of GMI's attack accuracy over the (first, last) third of its steps, mean over defences.
        untrained: Accuracy of a classifier that was not trained.
    """

    chance: float
    accuracy: dict[str, float] = field(default_factory=dict)
    attack: dict[tuple[str, str], float] = field(default_factory=dict)
    dependence: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    change: tuple[float, float] = (0.0, 0.0)
    untrained: float = 0.0


@dataclass(frozen=True)
class Attacks:
    """The attacks of one trial, the same codes to begin with for every defence."""

    settings: Settings
    trial: Trial
    main: PublicPrior
    linear: PCAPrior
    evaluator: Classifier
    data: Split

    def run(self, kind: str, target: nn.Module) -> InversionResult:
        """Attack a classifier by "gmi", "gmi-pca" or "adaptive"."""
        s = self.settings
        random_state = torch.Generator().manual_seed(self.trial.seed_for("attack", kind))
        classes = range(s.private_classes)
        if kind == "adaptive":
            adaptive = AdaptiveAttack(
                *self.main[:2],
                s.attack_steps,
                s.attack_rate,
                s.restarts,
                queries=s.queries,
                generations=s.generations,
                random_state=random_state,
            )
            return adaptive.run(target, classes, self.evaluator)
        generator, discriminator = self.main[:2] if kind == "gmi" else (self.linear, None)
        attack = GMIAttack(
            generator, discriminator, s.attack_steps, s.attack_rate, restarts=s.restarts, random_state=random_state
        )
        return attack.run(target, classes, self.evaluator, private=self.data.train)


def study(settings: Settings, trial: Trial) -> Measured:
    """Everything that one seed measures."""
    data = split(settings, trial)
    classes = settings.private_classes
    measured = Measured(1 / classes)
    attacks = _prepare(settings, trial, data)
    held = data.test[0][: settings.measured], data.test[1][: settings.measured]
    controls = (SECOND_NONE, ONLY_INPUTS, ONLY_INPUTS_COCO, OWN)
    changes = []
    for defence in trial.steps((*DEFENCES, *controls), "defences"):
        draw = "second" if defence == SECOND_NONE else "target"

        def over_epochs(epoch: int, model: nn.Module, defence: Defence = defence) -> None:
            for measure in ("hsic", "coco"):
                values = dependences(model, *held, MEASURES[measure])
                _record_dependence(trial, defence, measure, values, epoch)

        is_shown = defence in (NONE, HSIC_MAIN, COCO_MAIN)
        model = train(
            settings,
            trial,
            *data.train,
            classes,
            defence,
            epochs=settings.epochs,
            draw=draw,
            each_epoch=over_epochs if is_shown else None,
        )
        measured.accuracy[defence.name] = accuracy(model, *data.test)
        trial.record("accuracy", measured.accuracy[defence.name], arm=defence.name, family=defence.family)
        for measure, function in MEASURES.items():
            if defence in (NONE, HSIC_MAIN, COCO_MAIN, *controls):
                measured.dependence[measure, defence.name] = dependences(model, *held, function)
        if defence.family != "control" or defence == SECOND_NONE:
            kinds = ("gmi", "gmi-pca", "adaptive") if defence != SECOND_NONE else ("gmi", "adaptive")
            for kind in kinds:
                result = _attack(measured, attacks, kind, defence.name, defence.family, model)
                if kind == "gmi":
                    changes.append(_changes(result))
        if defence == NONE:
            masked = RoundedLogits(model)
            measured.accuracy[MASKED] = accuracy(masked, *data.test)
            trial.record("accuracy", measured.accuracy[MASKED], arm=MASKED, family="masking")
            for kind in ("gmi", "adaptive"):
                _attack(measured, attacks, kind, MASKED, "masking", masked)
    first, last = torch.tensor(changes, dtype=torch.float64).mean(0).tolist()
    measured.change = (first, last)
    fresh = train(settings, trial, *data.train, classes, NONE, epochs=0, draw="untrained")
    measured.untrained = accuracy(fresh, *data.test)
    return measured


def _prepare(settings: Settings, trial: Trial, data: Split) -> Attacks:
    """The priors and the evaluator, shared by all defences of a trial; the attack's strength is recorded."""
    public = data.public[0]
    components = min(settings.components, len(public) - 1)
    generator = torch.Generator().manual_seed(trial.seed_for("prior"))
    if settings.prior == "pca":
        main = train_public_prior(public, "pca", components=components)
    else:
        main = train_public_prior(
            public,
            "wgan-gp",
            steps=settings.prior_steps,
            channels=settings.prior_channels,
            generator=generator,
        )
        kept = max(1, settings.prior_steps // 40)
        trial.record(
            "prior_gap", [r - f for r, f in zip(main.history["real"], main.history["fake"], strict=True)][::kept]
        )
    many = len(data.train[0])
    order = torch.randperm(len(public), generator=generator)[:many]
    seen = torch.cat((data.train[0], public[order])), torch.cat((data.train[1], data.public[1][order]))
    evaluator = train(settings, trial, *seen, data.classes, NONE, epochs=settings.evaluator_epochs, draw="evaluator")
    trial.record("evaluator_accuracy", accuracy(evaluator, *data.test))
    strength = {
        "gradient steps": settings.attack_steps,
        "restarts": settings.restarts,
        "starts of the adaptive attack": 5 * settings.restarts,
        "queries": settings.queries,
        "generations": settings.generations,
        "prior steps": settings.prior_steps if settings.prior == "wgan-gp" else 0,
        "components": components,
    }
    for what, number in strength.items():
        trial.record("attack_strength", number, what=what)
    return Attacks(settings, trial, main, PCAPrior(public, components).eval(), evaluator, data)


def _attack(
    measured: Measured, attacks: Attacks, kind: str, name: str, family: str, target: nn.Module
) -> InversionResult:
    trial = attacks.trial
    result = attacks.run(kind, target)
    axes: dict[str, Any] = {"arm": name, "attack": kind, "family": family}
    measured.attack[kind, name] = float("nan") if result.attack_accuracy is None else result.attack_accuracy
    trial.record("attack_accuracy", measured.attack[kind, name], **axes)
    trial.record("top5", result.top5, **axes)
    if result.knn_distance is not None:
        trial.record("knn_distance", result.knn_distance, **axes)
    if kind == "gmi":
        for step, value in zip(result.history["step"], result.history["attack_accuracy"], strict=True):
            trial.record("attack_curve", value, arm=name, step=int(step))
        trial.record("identity_loss", result.history["identity"][-1], arm=name)
        if trial.repetition == 0 and name in SHOWN:
            _record_pictures(attacks, name, result)
    return result


def _record_pictures(attacks: Attacks, name: str, result: InversionResult) -> None:
    """The first restart of up to five classes, small and in 8 bits."""
    restarts = attacks.settings.restarts
    shown = result.images[::restarts][:5]
    size = min(SHOWN_PIXELS, shown.shape[-1])
    small = functional.interpolate(shown, (size, size), mode="area")[:, 0]
    for row, picture in enumerate(small):
        grey = (255 * picture.clamp(0, 1)).round().to(torch.int64).flatten().tolist()
        attacks.trial.record("reconstruction", grey, arm=name, row=row)


def _changes(result: InversionResult) -> tuple[float, float]:
    """How far the attack accuracy moved over the first and the last third of the steps."""
    steps, curve = result.history["step"], result.history["attack_accuracy"]
    third, two = (min(range(len(steps)), key=lambda i: abs(steps[i] - share * steps[-1] / 3)) for share in (1, 2))
    return abs(curve[third] - curve[0]), abs(curve[-1] - curve[two])


def _record_dependence(trial: Trial, defence: Defence, measure: str, values: Tensor, epoch: int) -> None:
    for layer, pair in zip(LAYERS, values.tolist(), strict=True):
        for term, value in zip(("d(X, Z)", "d(Z, Y)"), pair, strict=True):
            trial.record("dependence", value, arm=defence.name, measure=measure, layer=layer, term=term, epoch=epoch)
