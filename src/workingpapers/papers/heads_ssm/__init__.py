"""How Many Heads Make an SSM? (arXiv 2512.15115): interaction rank and optimal multi-head replacements of SSMs."""

from workingpapers.papers.heads_ssm.families import FAMILIES, family_rank, random_system
from workingpapers.papers.heads_ssm.gradients import fit_slope, gradient_profile, needle_head, needle_input
from workingpapers.papers.heads_ssm.lags import lag_diagonals, lag_operators
from workingpapers.papers.heads_ssm.layers import LinearAttention, LinearSSM
from workingpapers.papers.heads_ssm.method import head_errors, heads_needed, ssm_to_heads
from workingpapers.papers.heads_ssm.mixers import FactorizedMixer, SoftmaxMixer
from workingpapers.papers.heads_ssm.operators import apply_layer, interaction_offset, interaction_operators
from workingpapers.papers.heads_ssm.ranks import RankReport, interaction_rank
from workingpapers.papers.heads_ssm.weights import load_ssm_layers

__all__ = [
    "FAMILIES",
    "FactorizedMixer",
    "LinearAttention",
    "LinearSSM",
    "RankReport",
    "SoftmaxMixer",
    "apply_layer",
    "family_rank",
    "fit_slope",
    "gradient_profile",
    "head_errors",
    "heads_needed",
    "interaction_offset",
    "interaction_operators",
    "interaction_rank",
    "lag_diagonals",
    "lag_operators",
    "load_ssm_layers",
    "needle_head",
    "needle_input",
    "random_system",
    "ssm_to_heads",
]
