"""What the contract tests cannot guess about this room."""

from typing import Any

import torch
from torch import Tensor, nn

from workingpapers.papers.heads_ssm import (
    FactorizedMixer,
    LinearAttention,
    LinearSSM,
    SoftmaxMixer,
    heads_needed,
    interaction_operators,
    lag_operators,
    ssm_to_heads,
)

EYE = torch.eye(4)


def _inputs(**kw: Any) -> Tensor:
    return torch.randn(2, 12, 4, **kw)


def _ssm(**kw: Any) -> nn.Module:
    return LinearSSM.random("dense-orthogonal", N=6, d=4, p=3, rho=0.9, seed=0, **kw)


def _mixer(**kw: Any) -> FactorizedMixer:
    ssm = LinearSSM.random("rotation-blocks", N=4, d=4, p=3, rho=0.9, seed=0)
    return ssm_to_heads(ssm.A, ssm.B, ssm.C, n=12, method="fft", **kw)


def _softmax(**kw: Any) -> SoftmaxMixer:
    return _mixer().to_softmax().to(**kw)


MODULES = {
    "LinearSSM": (_ssm, _inputs),
    "LinearAttention": (lambda **kw: LinearAttention(4, 2, **kw), _inputs),
    "FactorizedMixer": (_mixer, _inputs),
    "SoftmaxMixer": (_softmax, _inputs),
}
COMPILED = ("LinearSSM", "LinearAttention", "FactorizedMixer", "SoftmaxMixer")
ESTIMATORS = ()
BAD_INPUTS = [
    ("A is not square", lambda: lag_operators(torch.ones(3, 4), EYE, EYE, 5), ValueError, r"not square.*\(3, 4\)"),
    ("B does not fit", lambda: lag_operators(EYE, torch.ones(3, 2), EYE, 5), ValueError, r"B does not fit.*\(3, 2\)"),
    ("C does not fit", lambda: lag_operators(EYE, EYE, torch.ones(2, 3), 5), ValueError, r"C does not fit.*\(2, 3\)"),
    ("no token", lambda: lag_operators(EYE, EYE, EYE, 0), ValueError, "n is 0.*at least 1"),
    ("NaN", lambda: lag_operators(EYE * float("nan"), EYE, EYE, 4), ValueError, "A holds NaN"),
    ("too many heads", lambda: ssm_to_heads(EYE, EYE, EYE, n=4, heads=5), ValueError, "at most 4"),
    ("heads and tol", lambda: ssm_to_heads(EYE, EYE, EYE, n=4, heads=2, tol=0.1), TypeError, "give one"),
    ("tolerance", lambda: heads_needed(EYE, EYE, EYE, 4, tol=2.0), ValueError, r"tol is 2.0.*\[0, 1\)"),
    ("longer than built for", lambda: _mixer()(torch.randn(1, 13, 4)), ValueError, "n = 12"),
    ("unknown layer", lambda: interaction_operators("lstm", torch.randn(3, 2)), TypeError, "nn.MultiheadAttention"),
]
