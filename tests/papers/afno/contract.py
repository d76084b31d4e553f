"""What the contract tests cannot guess about this room."""

import torch
from torch import nn

from workingpapers.papers.afno import AFNO1d, AFNO2d, AFNOBlock, AFNONet, mixer_cost, replace_attention

MODULES = {
    "AFNO1d": (lambda **kw: AFNO1d(16, num_blocks=4, **kw), lambda **kw: torch.randn(2, 12, 16, **kw)),
    "AFNO2d": (lambda **kw: AFNO2d(16, num_blocks=4, **kw), lambda **kw: torch.randn(2, 8, 8, 16, **kw)),
    "AFNOBlock": (lambda **kw: AFNOBlock(16, num_blocks=4, **kw), lambda **kw: torch.randn(2, 6, 5, 16, **kw)),
    "AFNONet": (
        lambda **kw: AFNONet(16, 4, num_classes=3, embed_dim=16, depth=2, num_blocks=4, **kw),
        lambda **kw: torch.randn(2, 3, 16, 16, **kw),
    ),
}
COMPILED = ("AFNO1d", "AFNO2d", "AFNOBlock", "AFNONet")
ESTIMATORS = ()
BAD_INPUTS = [
    ("dim not divisible", lambda: AFNO2d(10, num_blocks=4), ValueError, "10.*4"),
    ("keep_fraction zero", lambda: AFNO1d(16, keep_fraction=0.0), ValueError, "keep_fraction is 0.0"),
    ("unknown truncation", lambda: AFNO2d(16, mode_truncation="high"), ValueError, "'lowpass'"),
    ("no square", lambda: AFNO2d(16)(torch.zeros(1, 12, 16)), ValueError, "spatial_size"),
    ("wrong size", lambda: AFNO2d(16)(torch.zeros(1, 12, 16), (5, 3)), ValueError, "15 tokens"),
    ("wrong channels", lambda: AFNO2d(16)(torch.zeros(1, 4, 4, 8)), ValueError, "8 channels.*dim=16"),
    ("complex tokens", lambda: AFNO2d(16)(torch.zeros(1, 4, 16, dtype=torch.complex64)), TypeError, "real"),
    ("whole numbers", lambda: AFNO2d(16)(torch.zeros(1, 4, 16, dtype=torch.int64)), TypeError, "floating"),
    ("patch does not fit", lambda: AFNONet(30, 16), ValueError, "30×30"),
    ("no attention", lambda: replace_attention(nn.Linear(4, 4)), LookupError, "no self-attention"),
    ("cost of unknown mixer", lambda: mixer_cost(16, 16, mixer="fnet"), ValueError, "'fnet'"),
]
