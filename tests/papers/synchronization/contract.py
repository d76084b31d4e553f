"""What the contract tests cannot guess about this room."""

import torch
from torch import nn

from workingpapers.papers.synchronization import (
    SynchronizedOptimizer,
    SynchronizedReplicas,
    SynchronizedSGDClassifier,
    laplacian,
    required_coupling,
    simulate,
    stationary_moments,
    synchronization_bound,
)

COMPLETE = laplacian("complete", 4)


def _net(**kw) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8, **kw), nn.GELU(), nn.Linear(8, 3, **kw))


def _run(**options):
    given = {"coupling": 1.0, "noise": 1.0, "dt": 0.1, "steps": 5, "paths": 2, **options}
    return simulate(given.pop("grad", lambda w: w), given.pop("w0", torch.zeros(2)), COMPLETE, **given)


def _step(lr: float) -> None:
    replicas = SynchronizedReplicas(nn.Linear(2, 1), 4, "complete", 1.0)
    SynchronizedOptimizer(torch.optim.SGD(replicas.parameters(), lr=lr), replicas).step()


def _stranger() -> None:
    replicas = SynchronizedReplicas(nn.Linear(2, 1), 2)
    SynchronizedOptimizer(torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1), replicas)


MODULES = {
    "SynchronizedReplicas": (
        lambda **kw: SynchronizedReplicas(_net(**kw), 4, "ring", init="independent"),
        lambda **kw: torch.randn(5, 6, **kw),
    ),
    "SynchronizedReplicas, one after the other": (
        lambda **kw: SynchronizedReplicas(_net(**kw), 3, "path", method="loop"),
        lambda **kw: torch.randn(5, 6, **kw),
    ),
}
COMPILED = ("SynchronizedReplicas, one after the other",)
ESTIMATORS = (SynchronizedSGDClassifier(4, "ring", coupling=0.5, random_state=0),)
BAD_INPUTS = [
    ("unknown graph", lambda: laplacian("torus", 4), ValueError, "'torus'.*complete"),
    ("a name without n", lambda: laplacian("ring"), ValueError, "'ring'.*give n"),
    ("n of 0", lambda: laplacian("ring", 0), ValueError, "n is 0"),
    ("hypercube of 10", lambda: laplacian("hypercube", 10), ValueError, "power of 2.*10"),
    ("asymmetric", lambda: laplacian([[0, 1.0], [0, 0]]), ValueError, "not symmetric.*symmetric part"),
    ("negative weight", lambda: laplacian([[0, -1.0], [-1, 0]]), ValueError, "negative weight -1"),
    ("NaN weight", lambda: laplacian([(0, 1, float("nan"))]), ValueError, "NaN"),
    ("edge to itself", lambda: laplacian([(1, 1)]), ValueError, "itself"),
    ("edge twice", lambda: laplacian([(0, 1), (1, 0)]), ValueError, "twice"),
    ("unknown normalisation", lambda: laplacian("ring", 4, normalize="nodes"), ValueError, "'nodes'.*'edges'"),
    ("noise below 0", lambda: stationary_moments(1.0, COMPLETE, 1, -1), ValueError, "noise is -1"),
    ("noise NaN", lambda: stationary_moments(1.0, COMPLETE, 1, float("nan")), ValueError, "noise is nan"),
    ("adjacency for a Laplacian", lambda: stationary_moments(1, 1 - torch.eye(4), 1, 1), ValueError, "adjacency"),
    ("unstable step", lambda: stationary_moments(1, COMPLETE, 1, 1, dt=0.5), ValueError, r"choose dt below 0\.4"),
    ("no rate", lambda: stationary_moments(-1, COMPLETE, 0.1, 1), ValueError, "not contracting"),
    ("not contracting", lambda: synchronization_bound(4, 1, -1, 1, 0.5, 1), ValueError, "not contracting"),
    ("bound without replicas", lambda: synchronization_bound(0, 1, 1, 1, 1, 1), ValueError, "n is 0"),
    ("target of 0", lambda: required_coupling(0, 4, 1, 1, 1, 1), ValueError, "target_spread is 0.*above 0"),
    ("out of reach", lambda: required_coupling(0.1, 4, 1, 1, 1, 1, dt=1), ValueError, "choose dt of at most"),
    ("negative noise in a run", lambda: _run(noise=-1), ValueError, "noise is -1"),
    ("unstable coupling", lambda: _run(coupling=5.0), ValueError, r"choose dt below 0\.1"),
    ("nothing recorded", lambda: _run(burn_in=5), ValueError, "nothing is recorded"),
    ("wrong start", lambda: _run(w0=torch.zeros(3, 2)), ValueError, r"\(3, 2\).*\(4, d\)"),
    ("half precision", lambda: _run(w0=torch.zeros(2).bfloat16()), TypeError, "bfloat16.*float32"),
    ("gradient of another shape", lambda: _run(grad=lambda w: w[0]), ValueError, "must keep the shape"),
    ("gradient no tensor", lambda: _run(grad=lambda w: 0.0), TypeError, "float"),
    ("too steep", lambda: _run(grad=lambda w: 1e9 * w**3, steps=50), FloatingPointError, "at step"),
    ("no replica", lambda: SynchronizedReplicas(nn.Linear(2, 2), 0), ValueError, "n is 0"),
    ("nothing to replicate", lambda: SynchronizedReplicas(nn.ReLU(), 2), ValueError, "no parameters"),
    ("lazy", lambda: SynchronizedReplicas(nn.LazyLinear(2), 2), ValueError, "lazy"),
    ("overshoot", lambda: SynchronizedReplicas(nn.Linear(2, 2), 4).couple_(0.25), ValueError, r"below 0\.25"),
    ("learning rate too large", lambda: _step(0.3), ValueError, r"below 0\.25"),
    ("another model's optimizer", _stranger, ValueError, "none of the replicas"),
    ("one class", lambda: SynchronizedSGDClassifier().fit([[0.0], [1.0]], [1, 1]), ValueError, "one class"),
    ("decision", lambda: SynchronizedSGDClassifier(decision="dice").fit([[0.0], [1.0]], [0, 1]), ValueError, "'dice'"),
]
