"""The claims about three nested logits: gradient flow from starts near the origin."""

import math

import numpy as np
import torch

from workingpapers.bench.protocols import Trial
from workingpapers.papers.icl_induction.nested import Trajectory, nested_logit_flow, nested_logit_loss

ABRUPT = ((8, 32), (4, 8))  # (N, L) with L >= 2 N
ESCAPE_STARTS = (1e-2, 1e-3, 1e-5, 1e-6)
HEAD_IN_PLACE = 50.0  # logits so large that the target reads its label and nothing else


def flow_claims(trial: Trial) -> None:
    """Abruptness, the saddle at L = N, and the order in which the logits grow; starts differ between trials."""
    start = float(np.exp(np.random.default_rng(trial.seed_for("start")).uniform(math.log(0.005), math.log(0.02))))
    flows = {sizes: nested_logit_flow(*sizes, start, 100.0) for sizes in ABRUPT}
    alone = {
        sizes: nested_logit_flow(*sizes, (HEAD_IN_PLACE, HEAD_IN_PLACE, start), 100.0, trains=(False, False, True))
        for sizes in ABRUPT
    }
    nested = [_drop(flow, sizes[0]) for sizes, flow in flows.items()]
    bare = [_drop(flow, sizes[0]) for sizes, flow in alone.items()]
    for sizes, value, control in zip(ABRUPT, nested, bare, strict=True):
        trial.record("drop", value, arm="nested", pairs=sizes[0], labels=sizes[1])
        trial.record("drop", control, arm="head in place", pairs=sizes[0], labels=sizes[1])
    trial.claim("nested-logits-abrupt", value=max(nested), control=min(bare))
    trial.claim("saddle-gradient", value=_gradient_at_origin(8, 8), control=_gradient_at_origin(8, 16))
    trial.claim("saddle-escape", value=_growth(trial, 8, 8), control=_growth(trial, 8, 32))
    trial.claim(
        "logits-in-order",
        value=_in_order(flows[ABRUPT[0]]),
        control=_in_order(nested_logit_flow(*ABRUPT[0], (10.0, 10.0, start), 100.0)),
    )
    if trial.repetition == 0:
        _slice(trial, flows[ABRUPT[0]])


def _drop(flow: Trajectory, pairs: int) -> float:
    """Time from 1.05 ln N to half of ln N, as a share of the time before."""
    before, after = flow.time_at(1.05 * math.log(pairs)), flow.time_at(0.5 * math.log(pairs))
    return (after - before) / before


def _gradient_at_origin(pairs: int, labels: int) -> float:
    origin = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(nested_logit_loss(origin[0], origin[1], origin[2], pairs, labels), origin)
    return float(gradient.abs().max())


def _growth(trial: Trial, pairs: int, labels: int) -> float:
    """How much longer escape takes for a start a tenth as far out, very near the origin against farther away."""
    level = 0.5 * math.log(pairs)
    times = []
    for start in ESCAPE_STARTS:
        times.append(nested_logit_flow(pairs, labels, start, 3000.0).time_at(level))
        trial.record("escape", times[-1], start=start, labels=labels)
    return (times[3] - times[2]) / (times[1] - times[0])


def _in_order(flow: Trajectory) -> bool:
    """Whether the classifier's overlap, the innermost needed first, passes half of what it ends at before the head."""
    halves = [int(np.argmax(each >= 0.5 * each[-1])) for each in (flow.xi, flow.beta1)]
    return halves[0] < halves[1]


def _slice(trial: Trial, flow: Trajectory) -> None:
    """The loss over (beta1 = alpha, xi), and the flow's path in that plane."""
    both, xi = np.linspace(0, 8, 33), np.linspace(0, 10, 33)
    grid = nested_logit_loss(
        torch.from_numpy(both)[None, :], torch.from_numpy(both)[None, :], torch.from_numpy(xi)[:, None], *ABRUPT[0]
    )
    for row, values in zip(xi, grid.tolist(), strict=True):
        trial.record("slice", [round(value, 4) for value in values], xi=float(row))
    kept = np.unique(np.linspace(0, len(flow.times) - 1, 401).astype(int))
    for name in ("times", "beta1", "alpha", "xi", "loss"):
        trial.record("flow", [float(f"{value:.5g}") for value in getattr(flow, name)[kept]], what=name)
