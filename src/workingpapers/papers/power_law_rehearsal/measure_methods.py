"""The claims about one sequence: environments, regularisers, both together, and how fast new tasks are learned."""

import numpy as np

from workingpapers.bench.protocols import Trial
from workingpapers.papers.power_law_rehearsal.arms import Arm, Outcome, check_equal_exposure, run
from workingpapers.papers.power_law_rehearsal.settings import Settings
from workingpapers.papers.power_law_rehearsal.streams import Images, Stream, make_stream

EARLY_TASKS, LATE_TASKS = slice(1, 4), slice(-3, None)


def method_claims(settings: Settings, trial: Trial, data: Images) -> None:
    """Choose strengths on held-out tasks, run every method on the trial's own, and report the claims."""
    held_out = make_stream(data, settings.tasks, trial.seed_for("tasks", "held out"))
    ewc = best_strength("ewc", settings.ewc, settings, trial, held_out)
    si = best_strength("si", settings.si, settings, trial, held_out)
    stream = make_stream(data, settings.tasks, trial.seed_for("tasks"))
    outcomes = {}
    for arm in trial.steps(_arms(settings, ewc, si), "methods"):
        outcomes[arm.name] = run(arm, settings, trial, stream)
        _record(trial, arm, outcomes[arm.name])
    check_equal_exposure(outcomes, settings, settings.tasks)
    _mitigation(trial, outcomes)
    _comparisons(trial, outcomes)
    _facilitation(settings, trial, outcomes)
    _combination(trial, outcomes)


def best_strength(what: str, strengths: tuple[float, ...], settings: Settings, trial: Trial, stream: Stream) -> float:
    """The strength with the best final accuracy on tasks of another seed."""
    found = {}
    for strength in strengths:
        arm = Arm(f"{what} {strength:g}", ewc=strength) if what == "ewc" else Arm(f"{what} {strength:g}", si=strength)
        found[strength] = run(arm, settings, trial, stream, "held out", evaluate_after=(settings.tasks - 1,)).accuracy
        trial.record("held_out", found[strength], method=what, strength=strength)
    best = max(found, key=lambda strength: found[strength])
    trial.record("chosen", best, method=what)
    return best


def _arms(settings: Settings, ewc: float, si: float) -> list[Arm]:
    main, *others = settings.exponents
    return [
        Arm("none", watched=True),
        Arm("none again", order="again"),
        Arm("power", "power", main, watched=True),
        Arm("decoys", "power", main, decoys=True, watched=True),
        *(Arm(f"power d={d:g}", "power", d) for d in others),
        Arm("uniform", "uniform"),
        Arm("exponential", "exponential"),
        Arm("last", "last"),
        Arm("joint", "joint"),
        Arm("ewc", ewc=ewc),
        Arm("si", si=si),
        Arm("power + ewc", "power", main, ewc=ewc),
        Arm("power + si", "power", main, si=si),
    ]


def _record(trial: Trial, arm: Arm, outcome: Outcome) -> None:
    result = outcome.result
    for name, value in result.metrics.items():
        trial.record(name, value, arm=arm.name)
    for phase, row in enumerate(result.accuracy):
        trial.record("row", [round(float(each), 4) for each in row[: phase + 1]], arm=arm.name, phase=phase)
    trial.record("early", [round(float(each), 4) for each in result.early], arm=arm.name)
    trial.record("steps", result.steps, arm=arm.name)
    trial.record("samples", result.samples, arm=arm.name)
    trial.record("rehearsed", int(result.per_step["rehearsed"].sum()), unit="samples", arm=arm.name)
    trial.record("extra_memory", outcome.extra_models, unit="models", arm=arm.name)
    trial.record("seconds", outcome.seconds, unit="s", timing=True, arm=arm.name)


def _mitigation(trial: Trial, found: dict[str, Outcome]) -> None:
    none, power, decoys = found["none"], found["power"], found["decoys"]
    trial.claim("sequential-forgets", value=none.forgetting, control=found["joint"].forgetting)
    trial.claim("mitigates", value=power.accuracy - none.accuracy, control=found["none again"].accuracy - none.accuracy)
    trial.claim("old-tasks-matter", value=power.accuracy - decoys.accuracy, control=none.accuracy - decoys.accuracy)
    trial.claim(
        "halves-forgetting",
        value=power.forgetting / max(none.forgetting, 1e-6),
        control=decoys.forgetting / max(none.forgetting, 1e-6),
    )


def _comparisons(trial: Trial, found: dict[str, Outcome]) -> None:
    power, none = found["power"].accuracy, found["none"].accuracy
    best = max(found["ewc"].accuracy, found["si"].accuracy)
    trial.claim("comparable-to-regularisers", value=power - best, control=none - best)
    trial.claim("superior-to-regularisers", value=power - best, control=none - best)
    for other in ("uniform", "exponential", "last"):
        value, control = power - found[other].accuracy, none - found[other].accuracy
        trial.claim(f"comparable-to-{other}", value=value, control=control)
        trial.claim(f"superior-to-{other}", value=value, control=control)


def _facilitation(settings: Settings, trial: Trial, found: dict[str, Outcome]) -> None:
    gains, speeds = {}, {}
    for name in ("none", "power", "decoys"):
        result = found[name].result
        gains[name] = float(result.early[LATE_TASKS].mean() - result.early[EARLY_TASKS].mean())
        steps = result.steps_to(settings.level)
        steps = np.where(np.isfinite(steps), steps, settings.steps)  # not reached: a lower bound
        speeds[name] = float(steps[LATE_TASKS].mean() / steps[EARLY_TASKS].mean())
        trial.record("steps_to_level", steps.tolist(), unit="steps", arm=name)
    trial.claim("forward-facilitation", value=gains["power"], control=gains["none"])
    trial.claim("fewer-steps", value=speeds["power"], control=speeds["none"])
    trial.claim(
        "facilitation-against-none", value=gains["power"] - gains["none"], control=gains["decoys"] - gains["none"]
    )


def _combination(trial: Trial, found: dict[str, Outcome]) -> None:
    power, both = found["power"], found["power + ewc"]
    trial.claim(
        "combines-with-ewc", value=both.accuracy - power.accuracy, control=found["ewc"].accuracy - power.accuracy
    )
    trial.claim("no-extra-circuitry", value=power.extra_models, control=found["ewc"].extra_models)
    without = [found[name].accuracy for name in ("none", "ewc", "si")]
    within = [found[name].accuracy for name in ("power", "power + ewc", "power + si")]
    swapped = sum((without[i] - without[j]) * (within[i] - within[j]) < 0 for i in range(3) for j in range(i + 1, 3))
    trial.claim("naturalistic-evaluation", value=float(swapped))
