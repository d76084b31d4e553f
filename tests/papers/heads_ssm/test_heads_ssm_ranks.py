"""Interaction ranks: one head spans one dimension, and every family spans what its Jordan form says."""

import numpy as np
import pytest
import torch
from torch import nn

from workingpapers.papers.heads_ssm import (
    FAMILIES,
    LinearSSM,
    family_rank,
    heads_needed,
    interaction_operators,
    interaction_rank,
    lag_diagonals,
    lag_operators,
    random_system,
    ssm_to_heads,
)


@pytest.mark.parametrize(("heads", "causal"), [(1, False), (1, True), (2, True), (4, False)])
def test_h_heads_span_at_most_h_dimensions(heads: int, causal: bool) -> None:
    generator = torch.Generator().manual_seed(heads)
    layer = nn.MultiheadAttention(8, heads, dtype=torch.float64)
    for _ in range(5):
        X = 3 * torch.randn(12, 8, generator=generator, dtype=torch.float64)
        report = interaction_rank(interaction_operators(layer, X, causal=causal))
        assert report.rank == heads
    assert interaction_rank(layer, n=12).rank == heads


def test_one_head_in_single_precision_still_has_rank_one() -> None:
    layer = nn.MultiheadAttention(8, 1)
    assert interaction_rank(interaction_operators(layer, torch.randn(12, 8))).rank == 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("states", [1, 2, 4, 7])
def test_families_have_exact_ranks_at_every_length(family: str, states: int) -> None:
    A, B, C = random_system(family, states, 4, 3, seed=states)
    for n in (1, 2, 3, 5, 8, 32):
        assert interaction_rank(lag_operators(A, B, C, n)).rank == family_rank(family, states, 4, 3, n)


def test_special_systems() -> None:
    eye = torch.eye(2)

    def rotation(angle: float) -> torch.Tensor:
        c, s = np.cos(angle), np.sin(angle)
        return torch.tensor([[c, -s], [s, c]])

    assert interaction_rank(lag_operators(0.7 * torch.eye(4), torch.randn(4, 3), torch.randn(3, 4), 16)).rank == 1
    assert interaction_rank(lag_operators(torch.diag(torch.rand(6)), torch.randn(6), torch.randn(6), 16)).rank == 1
    assert interaction_rank(lag_operators(0.8 * rotation(0.7), eye, eye, 16)).rank == 2
    assert interaction_rank(lag_operators(-eye, eye, eye, 16)).rank == 1
    # D may add one dimension, and is one by itself
    assert interaction_rank(lag_operators(-eye, eye, eye, 16, D=rotation(1.0))).rank == 2


def test_a_wide_state_saturates_at_p_times_d() -> None:
    layer = LinearSSM.random("dense-orthogonal", N=32, d=4, p=4, seed=0)
    assert [interaction_rank(layer, n=n).rank for n in (8, 16, 32)] == [8, 16, 16]
    assert interaction_rank(layer, n=16).bound == "min(n = 16, N = 32, p d = 16) = 16"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_transposed_system_has_the_same_rank(family: str) -> None:
    A, B, C = random_system(family, 5, 4, 3, seed=0)
    assert interaction_rank(lag_operators(A.T, C.T, B.T, 16)).rank == interaction_rank(lag_operators(A, B, C, 16)).rank


def test_lag_and_interaction_operators_agree() -> None:
    layer = LinearSSM.random("jordan", N=4, d=3, p=3, seed=0)
    X = torch.zeros(16, 3, dtype=torch.float64)
    assert interaction_rank(layer.operators(X)).rank == interaction_rank(layer, n=16).rank == 4
    assert interaction_rank(layer.lag_operators(16)).rank == 4
    assert interaction_rank(layer.operators(X), n=2).rank == interaction_rank(layer, n=2).rank == 2


def test_a_stack_needs_one_head_for_each_decay_mode() -> None:
    rng = np.random.default_rng(0)
    modes = np.array([0.2, 0.6, 0.95])
    A = np.tile(modes, (8, 1))  # eight channels share three decay modes
    B, C = rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
    assert interaction_rank(lag_diagonals(A, B, C, 32)).rank == 3
    assert interaction_rank(LinearSSM(A, B, C), n=32).rank == 3
    assert heads_needed(A, B, C, 32, tol=1e-10) == 3
    # every channel its own mode: at most one head for each channel, never p d
    own = np.linspace(0.1, 0.9, 4)[:, None]
    assert interaction_rank(lag_diagonals(own, np.ones((4, 1)), np.ones((4, 1)), 64)).rank == 4


def test_real_and_effective_rank_differ() -> None:
    """Sixteen equally spaced eigenvalues: the smallest singular value is tiny and not zero."""
    rng = np.random.default_rng(0)
    a = np.linspace(0.1, 0.97, 16)
    lags = lag_operators(a, rng.standard_normal((16, 8)), rng.standard_normal((8, 16)), 64)
    report = interaction_rank(lags)
    assert report.rank == 16
    assert 1e-11 < float(report.singular_values[15] / report.singular_values[0]) < 1e-8
    assert report.effective_rank(0.99) < 6
    assert interaction_rank(lags, rtol=1e-6).rank < 16
    assert interaction_rank(lags.float()).rank < 16  # single precision undercounts, and says so through its own rtol


def test_effective_rank_is_the_share_of_energy() -> None:
    report = interaction_rank(torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.0])).double().reshape(4, 2, 2))
    assert report.rank == 3
    # energies 9, 4, 1 of 14
    assert [report.effective_rank(e) for e in (0.5, 0.7, 0.93, 1.0)] == [1, 2, 3, 3]
    np.testing.assert_allclose(report.tail_errors().numpy() ** 2, np.array([14, 5, 1, 0, 0]) / 14)
    with pytest.raises(ValueError, match="energy is 0"):
        report.effective_rank(0)


def test_mixers_report_their_rank() -> None:
    ssm = LinearSSM.random("rotation-blocks", N=4, d=3, p=3, seed=0)
    mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, n=20, heads=3)
    assert interaction_rank(mixer).rank == interaction_rank(mixer.to_softmax()).rank == 3
    assert interaction_rank(nn.Conv1d(3, 3, 5), n=20).rank == 5
    assert "H = 3" in str(interaction_rank(mixer))


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="n is missing"):
        interaction_rank(LinearSSM.random())
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        interaction_rank(torch.ones(3))
    with pytest.raises(ValueError, match="NaN"):
        interaction_rank(torch.full((3, 2, 2), torch.nan))
    with pytest.raises(ValueError, match="reach only 3"):
        interaction_rank(torch.ones(3, 2, 2), n=4)
    with pytest.raises(ValueError, match=r"rtol is -1"):
        interaction_rank(torch.ones(3, 2, 2), rtol=-1)
    with pytest.raises(TypeError, match="Supported"):
        interaction_rank(nn.LSTM(2, 2), n=4)
    assert interaction_rank(torch.zeros(3, 2, 2)).rank == 0
