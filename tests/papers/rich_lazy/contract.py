"""What the contract tests cannot guess about this room."""

import torch
from torch import nn

from workingpapers.papers.rich_lazy import (
    CTRNN,
    LazinessProbe,
    TwoAlternative,
    aligned_init_,
    effective_rank,
    linear_alignment,
    structured_connectivity,
    tangent_kernel,
    truncate_rank_,
)

EYE = torch.eye(4)
X = torch.ones(3, 4)


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


MODULES = {
    "CTRNN": (lambda **kw: CTRNN(3, 12, 2, **kw), lambda **kw: torch.randn(6, 4, 3, **kw)),
    "CTRNN with leak": (
        lambda **kw: CTRNN(3, 12, 2, tau=200, activation="tanh", seq_first=False, **kw),
        lambda **kw: torch.randn(4, 6, 3, **kw),
    ),
}
COMPILED = ("CTRNN", "CTRNN with leak")
ESTIMATORS = ()
BAD_INPUTS = [
    ("rank 0", lambda: truncate_rank_(EYE.clone(), 0), ValueError, "rank is 0;.*at most 4"),
    ("rank above the size", lambda: truncate_rank_(EYE.clone(), 5), ValueError, "rank is 5;.*at most 4"),
    ("zero matrix", lambda: effective_rank(0 * EYE), ValueError, "zero"),
    ("zero matrix cut", lambda: truncate_rank_(0 * EYE, 1), ValueError, "zero"),
    ("NaN", lambda: effective_rank(EYE * float("nan")), ValueError, "NaN"),
    ("unknown kind", lambda: effective_rank(EYE, kind="nuclear"), ValueError, "'nuclear'.*participation"),
    ("unknown structure", lambda: structured_connectivity(4, "torus"), ValueError, "'torus'.*gaussian"),
    ("nothing selected", lambda: LazinessProbe(_net(), X, params="attn"), ValueError, r"'attn'.*0\.weight"),
    ("other shape", lambda: LazinessProbe(_net(), X).measure(X[:2]), ValueError, "same"),
    ("kernel too large", lambda: LazinessProbe(_net(), X, max_kernel_rows=4), ValueError, "6 outputs.*fewer"),
    ("unknown layer", lambda: LazinessProbe(_net(), X, layer="3"), KeyError, "'3'"),
    ("kernel of no network", lambda: tangent_kernel(_net(), X, method="rnn"), TypeError, "Sequential.*auto"),
    ("tau below dt", lambda: CTRNN(2, 2, 2, dt=100, tau=50), ValueError, "tau is 50"),
    ("teacher does not fit", lambda: linear_alignment(EYE, torch.ones(3)), ValueError, r"\(3,\).*4"),
    ("aligned rank", lambda: aligned_init_(torch.empty(4, 4), torch.ones(4), rank=9), ValueError, "rank is 9"),
    ("no trial", lambda: TwoAlternative().batch(0), ValueError, "n is 0"),
]
