"""What the contract tests cannot guess about this room."""

import warnings

import torch
from torch import nn

from workingpapers.papers.random_teachers import (
    IterativePruner,
    ProbeClassifier,
    ProjectionHead,
    RandomTeacherDistiller,
    distillation_loss,
    features,
    interpolate_parameters_,
    knn_probe,
    linear_mode_connectivity,
    linear_probe,
    loss_plane,
    magnitude_mask,
)

X = torch.ones(4, 3)
Y = [0, 0, 1, 1]


def _net(width: int = 2) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, width))


def _distil(x: object = X, epochs: object = 1, **options: object) -> RandomTeacherDistiller:
    head = ProjectionHead(2, hidden=(4,), bottleneck=2, out_dim=4)
    return RandomTeacherDistiller(_net(), head=head, **options).fit(x, epochs)


def _zero_alpha() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RandomTeacherDistiller(_net(), alpha=0.0)


MODULES = {
    "ProjectionHead": (
        lambda **kw: ProjectionHead(6, hidden=(16, 16), bottleneck=8, out_dim=32, **kw),
        lambda **kw: torch.randn(5, 6, **kw),
    ),
    "ProjectionHead, raw": (
        lambda **kw: ProjectionHead(6, (8,), 4, 8, weight_norm=False, feature_norm=False, **kw),
        lambda **kw: torch.randn(2, 5, 6, **kw),
    ),
}
COMPILED = ("ProjectionHead", "ProjectionHead, raw")
ESTIMATORS = (ProbeClassifier(), ProbeClassifier(solver="adamw", epochs=7, l2=0.1))
BAD_INPUTS = [
    ("outputs", lambda: ProjectionHead(4, out_dim=1), ValueError, "out_dim is 1;.*at least 2"),
    ("bottleneck", lambda: ProjectionHead(4, bottleneck=0), ValueError, "bottleneck is 0"),
    ("alpha above 1", lambda: _distil(alpha=1.5), ValueError, "alpha is 1.5.*of at most 1"),
    ("alpha NaN", lambda: interpolate_parameters_(_net(), _net(), _net(), float("nan")), ValueError, "alpha is nan"),
    ("alpha a string", lambda: _distil(alpha="near"), TypeError, "alpha is 'near'"),
    ("alpha a bool", lambda: _distil(alpha=True), TypeError, "alpha is True"),
    ("alpha 0", _zero_alpha, UserWarning, "zero gradient"),
    (
        "other shapes",
        lambda: interpolate_parameters_(_net(), _net(3), _net(), 0.5),
        ValueError,
        r"'2.weight'.*\(3, 4\)",
    ),
    ("maps", lambda: features(nn.Conv2d(1, 2, 3), torch.ones(2, 1, 5, 5)), ValueError, r"\(2, 2, 3, 3\).*Flatten"),
    ("empty loader", lambda: _distil([]), ValueError, "empty"),
    ("empty tensor", lambda: _distil(torch.ones(0, 3)), ValueError, "empty"),
    ("no epochs", lambda: _distil(epochs=0), ValueError, "epochs is 0"),
    ("epochs a float", lambda: _distil(epochs=1.5), TypeError, "epochs is 1.5"),
    ("iterator", lambda: _distil(iter([X])), ValueError, "cache=True"),
    ("data of no kind", lambda: _distil("images"), TypeError, "str"),
    ("NaN in the data", lambda: _distil(X * float("nan")), FloatingPointError, "step 0"),
    ("learning rate", lambda: _distil(lr=0.0), ValueError, "lr is 0;.*above 0"),
    ("reset", lambda: _distil(reset="xavier"), ValueError, "'xavier'.*kaiming"),
    ("no module", lambda: RandomTeacherDistiller("resnet18"), TypeError, "str.*Module"),
    ("logits", lambda: distillation_loss(torch.ones(2, 3), torch.ones(2, 4)), ValueError, r"\(2, 3\).*\(2, 4\)"),
    ("one class", lambda: linear_probe(X, [1, 1, 1, 1], X, Y), ValueError, "one class"),
    ("one class, neighbours", lambda: knn_probe(X, [1, 1, 1, 1], X, Y, k=1), ValueError, "one class"),
    ("labels do not fit", lambda: linear_probe(X, [0, 1], X, Y), ValueError, r"y has shape \(2,\).*4 samples"),
    ("NaN features", lambda: linear_probe(X * float("nan"), Y, X, Y), ValueError, "NaN"),
    ("words as features", lambda: linear_probe([["a"]] * 4, Y, X, Y), TypeError, "features"),
    ("solver", lambda: linear_probe(X, Y, X, Y, solver="sgd"), ValueError, "'sgd'.*lbfgs"),
    ("k", lambda: knn_probe(X, Y, X, Y, k=5), ValueError, "k is 5.*4 training"),
    ("sparsity", lambda: magnitude_mask(_net(), 1.0), ValueError, "sparsity is 1"),
    ("scope", lambda: magnitude_mask(_net(), 0.5, scope="row"), ValueError, "'row'.*global"),
    ("nothing to prune", lambda: magnitude_mask(nn.LayerNorm(3), 0.5), ValueError, "left to prune"),
    ("rewinding", lambda: IterativePruner(_net(), _net(3)), ValueError, "'2.weight'"),
    ("rate", lambda: IterativePruner(_net(), _net(), rate=1.0), ValueError, "rate is 1"),
    ("line", lambda: linear_mode_connectivity(_net(), _net(3), len, []), ValueError, "'2.weight'"),
    ("line without data", lambda: linear_mode_connectivity(_net(), _net(), max, []), ValueError, "empty"),
    ("plane", lambda: loss_plane(X, X + 1, X + 2, torch.sum, 3), ValueError, "one line"),
]
