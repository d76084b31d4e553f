"""Gradient profiles against closed forms: C A^tau B, V / i for zero tokens, and the needle."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from workingpapers.papers.heads_ssm import (
    LinearSSM,
    fit_slope,
    gradient_profile,
    interaction_operators,
    needle_head,
    needle_input,
)


def rotation(angle: float) -> torch.Tensor:
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)


@pytest.mark.parametrize("norm", ["spectral", "frobenius"])
def test_an_ssm_has_the_norm_of_its_lag_operators(norm: str) -> None:
    ssm = LinearSSM.random("dense-orthogonal", N=5, d=3, p=4, seed=0)
    X = torch.randn(30, 3, dtype=torch.float64)
    profile = gradient_profile(ssm, X, i=25, distances=range(26), norm=norm)
    assert list(profile.columns) == ["distance", "norm"]
    lags = ssm.lag_operators(26).detach().numpy()
    expected = [np.linalg.norm(lag, 2 if norm == "spectral" else "fro") for lag in lags]
    np.testing.assert_allclose(profile["norm"], expected, rtol=1e-10)
    np.testing.assert_allclose(gradient_profile(ssm, X, i=-5, distances=[3], norm=norm)["norm"], expected[3:4])


def test_a_damped_rotation_decays_at_its_radius() -> None:
    ssm = LinearSSM(0.8 * rotation(0.7), torch.eye(2), torch.eye(2))
    profile = gradient_profile(ssm, torch.zeros(65, 2, dtype=torch.float64), 64, [1, 16, 64])
    assert profile["norm"].iloc[-1] == pytest.approx(0.8**64, rel=1e-10)
    assert profile.attrs["slope"] == pytest.approx(math.log(0.8), rel=1e-10)


def test_zero_tokens_give_v_over_i_at_every_distance() -> None:
    layer = nn.MultiheadAttention(6, 1, dtype=torch.float64)
    w_v = layer.in_proj_weight[12:]
    expected = torch.linalg.matrix_norm(layer.out_proj.weight @ w_v, 2).item()
    X = torch.zeros(40, 6, dtype=torch.float64)
    for i in (19, 39):
        profile = gradient_profile(layer, X, i, range(1, i + 1), causal=True)
        np.testing.assert_allclose(profile["norm"], expected / (i + 1), rtol=0, atol=1e-12)
        assert abs(profile.attrs["slope"]) < 1e-10
    W = interaction_operators(layer, X, causal=True)
    torch.testing.assert_close(W[19, 3], layer.out_proj.weight @ w_v / 20, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [16, 200])
def test_the_needle_is_seen_at_every_distance_and_length(n: int) -> None:
    head = needle_head(5, dtype=torch.float64)
    margin = math.log(n - 1) + 5
    alpha = math.exp(margin) / (math.exp(margin) + n - 1)
    norms = []
    for distance in (1, n // 2, n - 1):
        X = needle_input(n, 5, position=n - 1 - distance, margin=margin, dtype=torch.float64)
        weights = head(X, X, X)[1]
        assert weights[n - 1, n - 1 - distance].item() == pytest.approx(alpha, abs=1e-12)
        norms.append(gradient_profile(head, X, n - 1, [distance])["norm"].item())
        # a V + a (V x_j - y_i) (q W_K) / sqrt(d): the copied content has norm one, the key side norm 1 / sqrt(d) ...
        jacobian = alpha * np.diag([0, 0, 1.0, 1.0, 1.0])
        jacobian[2, 1] = alpha * (1 - alpha) / math.sqrt(5)
        assert norms[-1] == pytest.approx(np.linalg.norm(jacobian, 2), abs=1e-12)
    assert max(norms) - min(norms) < 1e-12
    assert abs(norms[0] - 1) < 0.01


def test_an_unstable_system_gives_a_warning_and_no_slope() -> None:
    ssm = LinearSSM(rotation(0.7), torch.eye(2), torch.eye(2))
    with pytest.warns(UserWarning, match="spectral radius of A is 1"):
        profile = gradient_profile(ssm, torch.zeros(9, 2, dtype=torch.float64), 8, range(1, 9))
    assert profile.attrs["slope"] is None
    np.testing.assert_allclose(profile["norm"], 1.0)


def test_a_nilpotent_system_ends() -> None:
    ssm = LinearSSM.random("nilpotent", N=3, d=2, p=2, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile = gradient_profile(ssm, torch.zeros(9, 2, dtype=torch.float64), 8, [2, 3, 8])
    assert profile["norm"].iloc[0] > 0
    assert (profile["norm"].iloc[1:] == 0).all()
    assert profile.attrs["slope"] is None


def test_any_callable_will_do() -> None:
    profile = gradient_profile(lambda x: x.cumsum(0).tanh(), torch.zeros(9, 2), 8, np.arange(1, 9))
    np.testing.assert_allclose(profile["norm"], 1.0)


def test_slope_leaves_rounding_out() -> None:
    frame = pd.DataFrame({"distance": [1, 2, 3, 4], "norm": [1e-3, 1e-6, 1e-9, 1e-16]})
    assert fit_slope(frame) == pytest.approx(math.log(1e-3))
    with pytest.raises(ValueError, match="1 of 4 norms"):
        fit_slope(frame, floor=1e-5)


def test_mistakes_are_named() -> None:
    ssm, X = LinearSSM.random(d=4), torch.zeros(8, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"i is 8; with 8 tokens it must lie in 0\.\.7"):
        gradient_profile(ssm, X, 8, [1])
    with pytest.raises(ValueError, match=r"distances are \[1, 6\]; from output 5"):
        gradient_profile(ssm, X, 5, [1, 6])
    with pytest.raises(ValueError, match="at least one"):
        gradient_profile(ssm, X, 5, [])
    with pytest.raises(ValueError, match="spectral or frobenius"):
        gradient_profile(ssm, X, 5, [1], norm="nuclear")
    with pytest.raises(ValueError, match=r"position is 7; the needle must lie in 0\.\.6"):
        needle_input(8, 4, position=7, margin=1.0)
    with pytest.raises(ValueError, match="dim is 2; give a whole number of at least 3"):
        needle_head(2)
