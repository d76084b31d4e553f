"""What the contract tests cannot guess about this room."""

from typing import Any

import torch
from torch import nn

from workingpapers.papers.representational_geometry import (
    BinaryFactorTask,
    OneHiddenLayerNet,
    ccgp,
    kernel_alignment,
    parallelism_score,
    representational_geometry,
    swap_activation,
    train_stack,
)

CONDITIONS = torch.arange(8).repeat(4)
Z = torch.randn(32, 5, generator=torch.Generator().manual_seed(0))
BIT = CONDITIONS % 2


def _inputs(**kw: Any) -> torch.Tensor:
    return torch.randn(6, 8, **kw)


MODULES = {
    "OneHiddenLayerNet": (lambda **kw: OneHiddenLayerNet(8, 16, 3, "tanh", **kw), _inputs),
    "Softplus": (lambda **kw: OneHiddenLayerNet(8, 16, 3, "softplus", **kw), _inputs),
}
COMPILED = ("OneHiddenLayerNet", "Softplus")
ESTIMATORS = ()
BAD_INPUTS = [
    ("lengths differ", lambda: kernel_alignment(Z, Z[:-1]), ValueError, "32 rows and y 31"),
    ("constant features", lambda: kernel_alignment(torch.ones(9, 2), Z[:9]), ValueError, "constant"),
    ("NaN", lambda: parallelism_score(Z * float("nan"), BIT, conditions=CONDITIONS), ValueError, "160 NaN"),
    ("empty side", lambda: ccgp(Z, torch.ones(32), CONDITIONS), ValueError, "an empty side"),
    ("one condition a side", lambda: ccgp(Z, BIT, BIT), ValueError, "1 and 1 conditions.*at least 2"),
    ("no such layer", lambda: representational_geometry(nn.Linear(5, 2), Z, BIT, ["fc"]), KeyError, "no layer 'fc'"),
    ("no such estimator", lambda: ccgp(Z, BIT, CONDITIONS, estimator="tree"), ValueError, "'tree'.*lda"),
    ("separability", lambda: BinaryFactorTask(separability=2.0), ValueError, r"2.0.*\[0, 1\]"),
    ("unknown activation", lambda: OneHiddenLayerNet(4, 4, 1, "gelu"), ValueError, "'gelu'.*tanh"),
    ("nothing to train", lambda: train_stack(BinaryFactorTask(), [], [0]), ValueError, "nothing to train"),
    ("the model itself", lambda: swap_activation(nn.ReLU()), TypeError, "put it into a module"),
]
