"""Adaptive Fourier Neural Operators: token mixing in the Fourier domain (arXiv 2111.13587)."""

from workingpapers.papers.afno.adoption import adopt, replace_attention
from workingpapers.papers.afno.checkpoints import (
    from_official_state_dict,
    from_physicsnemo_state_dict,
    official_net,
    physicsnemo_net,
)
from workingpapers.papers.afno.cost import mixer_cost
from workingpapers.papers.afno.method import AFNO1d, AFNO2d
from workingpapers.papers.afno.network import AFNOBlock, AFNONet

__all__ = [
    "AFNO1d",
    "AFNO2d",
    "AFNOBlock",
    "AFNONet",
    "adopt",
    "from_official_state_dict",
    "from_physicsnemo_state_dict",
    "mixer_cost",
    "official_net",
    "physicsnemo_net",
    "replace_attention",
]
