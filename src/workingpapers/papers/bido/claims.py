"""From one trial's numbers to one number for each claim and its control."""

import math
from collections.abc import Iterable

from workingpapers.bench.protocols import Trial
from workingpapers.papers.bido.networks import (
    COCO_MAIN,
    DEFENCES,
    HSIC_MAIN,
    NONE,
    ONLY_INPUTS,
    ONLY_INPUTS_COCO,
    OWN,
    SECOND_NONE,
)
from workingpapers.papers.bido.study import MASKED, Measured

NEVER_REACHED = 100.0  # points, where no run of BiDO is attacked as little as the collapsed one


def give_claims(measured: Measured, trial: Trial) -> None:
    """Hand every claim's number to the trial."""
    _collapse(measured, trial)
    _dependences(measured, trial)
    _protection(measured, trial)
    _frontiers(measured, trial)
    _harness(measured, trial)


def frontier_area(points: Iterable[tuple[float, float]], chance: float) -> float:
    """Area under the staircase of (accuracy, 1 - attack accuracy), from the accuracy of guessing to 1.

    A point reaches all accuracies up to its own; at each the best protection counts.

    Example:
        >>> round(frontier_area([(1.0, 0.1), (0.6, 0.5)], chance=0.2), 6)
        0.24
    """
    area, done = 0.0, chance
    remaining = sorted(points)
    while remaining:
        reached = remaining[0][0]
        if reached > done:
            area += (reached - done) * max(protection for _, protection in remaining)
            done = reached
        remaining = remaining[1:]
    return area


def _names(family: str) -> list[str]:
    return [defence.name for defence in DEFENCES if defence.family == family]


def _drop(measured: Measured, name: str) -> float:
    """Accuracy lost against no defence, in points."""
    return 100 * (measured.accuracy[NONE.name] - measured.accuracy[name])


def _collapse(measured: Measured, trial: Trial) -> None:
    worst = max(_names("unilateral"), key=lambda name: _drop(measured, name))
    trial.claim(
        "unilateral-collapses",
        value=_drop(measured, worst),
        control=max(_drop(measured, name) for name in _names("bido")),
    )

    def reached(names: list[str]) -> float:
        level = measured.attack["gmi", worst]
        drops = [_drop(measured, name) for name in names if measured.attack["gmi", name] <= level]
        return min(drops, default=NEVER_REACHED)

    trial.claim("bido-keeps-accuracy", value=reached(_names("bido")), control=reached(_names("unilateral")))


def _dependences(measured: Measured, trial: Trial) -> None:
    for measure, main, only in (("hsic", HSIC_MAIN, ONLY_INPUTS), ("coco", COCO_MAIN, ONLY_INPUTS_COCO)):

        def ratios(name: str, measure: str = measure) -> tuple[float, float]:
            ratio = measured.dependence[measure, name] / measured.dependence[measure, NONE.name]
            return float(ratio[:, 0].max()), float(ratio[:, 1].min())

        trial.claim(f"{measure}-less-input", value=ratios(main.name)[0], control=ratios(SECOND_NONE.name)[0])
        trial.claim(f"{measure}-label-kept", value=ratios(main.name)[1], control=ratios(only.name)[1])
    own = measured.dependence["own", OWN.name] / measured.dependence["own", NONE.name]
    second = measured.dependence["own", SECOND_NONE.name] / measured.dependence["own", NONE.name]
    trial.claim("own-measure-regularises", value=float(own[:, 0].max()), control=float(second[:, 0].max()))
    trial.claim("own-measure-trains", value=measured.accuracy[OWN.name], control=measured.untrained)


def _protection(measured: Measured, trial: Trial) -> None:
    collapsed = max(_drop(measured, name) for name in _names("unilateral"))
    for measure, main in (("hsic", HSIC_MAIN), ("coco", COCO_MAIN)):
        for attack, suffix in (("gmi", "attack"), ("adaptive", "adaptive")):
            none = measured.attack[attack, NONE.name]
            trial.claim(
                f"{measure}-lowers-{suffix}",
                value=measured.attack[attack, main.name] - none,
                control=measured.attack[attack, SECOND_NONE.name] - none,
            )
        trial.claim(f"{measure}-minor-drop", value=_drop(measured, main.name), control=collapsed)


def _frontiers(measured: Measured, trial: Trial) -> None:
    for attack in ("gmi", "gmi-pca", "adaptive"):

        def area(names: list[str], attack: str = attack) -> float:
            points = [(measured.accuracy[name], 1 - measured.attack[attack, name]) for name in names]
            return frontier_area(points, measured.chance)

        for family in ("vib", "unilateral"):
            rival = area([NONE.name, *_names(family)])
            ours = area([NONE.name, *_names("bido")])
            trial.record("frontier_area", rival, attack=attack, family=family)
            trial.claim(f"frontier-{attack}-{family}", value=ours - rival, control=area([NONE.name]) - rival)
        trial.record("frontier_area", ours, attack=attack, family="bido")


def _harness(measured: Measured, trial: Trial) -> None:
    none = measured.attack["gmi", NONE.name]
    trial.claim(
        "masking-fools-gmi",
        value=measured.attack["gmi", MASKED] - none,
        control=measured.attack["gmi", SECOND_NONE.name] - none,
    )
    trial.claim(
        "adaptive-finds-masking",
        value=measured.attack["adaptive", MASKED] - none,
        control=measured.attack["gmi", MASKED] - none,
    )
    first, last = measured.change
    if math.isnan(last):
        trial.not_tested("attack-converged", "no attack was judged")
    else:
        trial.claim("attack-converged", value=last, control=first)
