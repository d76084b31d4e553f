"""Optimal heads: certified error, exact replacement, optimality, softmax form, and what the count does not say."""

import numpy as np
import pytest
import torch
from torch import Tensor

from workingpapers.papers.heads_ssm import (
    FAMILIES,
    FactorizedMixer,
    LinearSSM,
    family_rank,
    head_errors,
    heads_needed,
    interaction_rank,
    lag_operators,
    random_system,
    ssm_to_heads,
)
from workingpapers.papers.heads_ssm.lags import toeplitz_operators
from workingpapers.papers.heads_ssm.rivals import GatedPair, alternating_heads


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def operator_matrix(lags: Tensor) -> np.ndarray:
    """Every vec(W_ij), j <= i, as a row: the definition, with no use of the Toeplitz form."""
    n = lags.shape[0]
    return np.stack([lags[i - j].numpy().ravel() for i in range(n) for j in range(i + 1)])


@pytest.mark.parametrize("family", FAMILIES)
def test_error_is_the_tail_of_the_spectrum_of_all_operators(family: str) -> None:
    A, B, C = random_system(family, 5, 3, 4, seed=1)
    n = 12
    values = np.linalg.svd(operator_matrix(lag_operators(A, B, C, n)), compute_uv=False)
    errors = head_errors(A, B, C, n)
    k = family_rank(family, 5, 3, 4, n)
    for heads in range(1, k + 1):
        expected = np.sqrt((values[heads:] ** 2).sum() / (values**2).sum())
        mixer = ssm_to_heads(A, B, C, n, heads=heads)
        difference = operator_matrix(mixer.lag_operators().detach() - lag_operators(A, B, C, n))
        measured = np.linalg.norm(difference) / np.linalg.norm(values)
        if heads < k:
            assert mixer.operator_error == pytest.approx(expected, rel=1e-9)
            assert mixer.operator_error == pytest.approx(measured, rel=1e-9)
            assert float(errors[heads]) == pytest.approx(expected, rel=1e-9)
        else:
            assert max(mixer.operator_error, measured) < 1e-12


@pytest.mark.parametrize("method", ["auto", "direct", "fft"])
@pytest.mark.parametrize("family", FAMILIES)
def test_k_heads_equal_the_scan(family: str, method: str) -> None:
    ssm = LinearSSM.random(family, N=6, d=4, p=3, rho=0.95, seed=2)
    n = 130
    k = interaction_rank(ssm, n=n).rank
    mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, n, heads=k, method=method)
    for length in (1, 7, n):
        X = normal(3, length, 4, seed=length)
        expected = ssm(X)
        assert ((mixer(X) - expected).norm() / expected.norm()).item() < 1e-9
    torch.testing.assert_close(mixer(X[0]), mixer(X)[0])


def test_d_is_part_of_the_heads() -> None:
    ssm = LinearSSM(*random_system("jordan", 3, 2, 2, seed=0), normal(2, 2).numpy())
    mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, 20, D=ssm.D)
    X = normal(20, 2)
    torch.testing.assert_close(mixer(X), ssm(X))
    assert mixer.heads == 4


def test_a_stack_keeps_its_channels_apart() -> None:
    ssm = LinearSSM(np.tile([0.3, 0.9], (6, 1)), normal(6, 2).numpy(), normal(6, 2, seed=1).numpy(), normal(6).numpy())
    X = normal(2, 50, 6)
    mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, 50, D=ssm.D)
    assert mixer.value.shape == (3, 6)  # two decay modes and D
    for method in ("direct", "fft"):
        mixer.method = method
        torch.testing.assert_close(mixer(X), ssm(X))
        torch.testing.assert_close(mixer.to_softmax()(X), ssm(X))
    torch.testing.assert_close(mixer.operators(X[0]), ssm.operators(X[0]))


def test_a_square_stack_is_named() -> None:
    A, B, C = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4, 4))
    mixer = ssm_to_heads(A, B, C, 24, per_channel=True)
    X = normal(24, 4)
    torch.testing.assert_close(mixer(X), LinearSSM(A, B, C, per_channel=True)(X))


def test_heads_needed_is_the_smallest_count() -> None:
    A, B, C = random_system("distinct-diagonal", 8, 4, 4, seed=0)
    errors = head_errors(A, B, C, 64)
    assert float(errors[0]) == 1.0
    for tol in (0.5, 0.1, 1e-2, 1e-4, 0):
        heads = heads_needed(A, B, C, 64, tol=tol)
        assert float(errors[heads]) <= tol
        assert float(errors[heads - 1]) > tol
        if tol:
            assert ssm_to_heads(A, B, C, 64, tol=tol).heads == heads
    assert heads_needed(A, B, np.zeros((4, 8)), 64) == 0
    assert ssm_to_heads(A, B, np.zeros((4, 8)), 64).operator_error == 0.0


def test_no_factorized_heads_do_better() -> None:
    """Alternating least squares over coefficients of every pair (i, j), not only of the lag."""
    A, B, C = random_system("dense-orthogonal", 6, 3, 3, seed=3)
    lags = lag_operators(A, B, C, 10)
    operators = toeplitz_operators(lags)
    errors = head_errors(A, B, C, 10)
    for heads in (1, 2, 3):
        found = alternating_heads(operators, heads, np.random.default_rng(heads))
        assert found >= float(errors[heads]) * (1 - 1e-9)
        assert found == pytest.approx(float(errors[heads]), rel=1e-6)


def test_softmax_heads_are_softmax_rows_and_equal_the_signed_heads() -> None:
    ssm = LinearSSM.random("rotation-blocks", N=6, d=4, p=4, rho=0.9, seed=0)
    mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, 32)
    soft = mixer.to_softmax()
    rows = soft.rows()
    assert rows.shape[1:] == (32, 33)
    assert rows.min().item() >= 0
    torch.testing.assert_close(rows.sum(-1), torch.ones_like(rows[..., 0]), rtol=0, atol=1e-12)
    assert not rows[:, 0, 1:-1].any()  # causal
    assert len(soft.value) <= 2 * mixer.heads
    for length in (32, 9):
        X = normal(2, length, 4)
        torch.testing.assert_close(soft(X), mixer(X), rtol=0, atol=1e-8)
    positive = FactorizedMixer(torch.rand(2, 5), torch.randn(2, 3, 3)).to_softmax()
    assert len(positive.value) == 2  # no negative part, no head for it
    zero = FactorizedMixer(torch.zeros(2, 5), torch.randn(2, 3, 3)).to_softmax()
    assert not zero(torch.randn(5, 3)).any()


def test_two_heads_gated_by_the_value_token_reproduce_any_planar_ssm() -> None:
    """Why the count is about operators: as functions two such heads equal a system of interaction rank four."""
    ssm = LinearSSM.random("dense-orthogonal", N=8, d=2, p=2, rho=0.9, seed=1)
    assert interaction_rank(ssm, n=24).rank == 4
    X = normal(24, 2)
    torch.testing.assert_close(GatedPair(ssm.lag_operators(24))(X), ssm(X), rtol=0, atol=1e-12)
    best_two = ssm_to_heads(ssm.A, ssm.B, ssm.C, 24, heads=2)
    assert (best_two(X) - ssm(X)).abs().max().item() > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_certificate_covers_the_rounding_of_the_parameters(dtype: torch.dtype) -> None:
    A, B, C = random_system("dense-orthogonal", 4, 3, 3, seed=0)
    mixer = ssm_to_heads(A, B, C, 40, dtype=dtype)
    assert mixer.coeff.dtype == dtype
    assert torch.finfo(dtype).eps / 100 < mixer.operator_error < torch.finfo(dtype).eps
    X = normal(2, 40, 3)
    expected = LinearSSM(A, B, C)(X)
    assert ((mixer(X.to(dtype)).double() - expected).norm() / expected.norm()).item() < 4 * torch.finfo(dtype).eps


def test_autocast_and_training() -> None:
    mixer = FactorizedMixer.random(2, 40, 3, 3, method="fft", generator=torch.Generator().manual_seed(0))
    X = normal(2, 40, 3).float()
    plain = mixer(X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(mixer(X), plain)
    assert np.isnan(mixer.operator_error)
    grads = []
    for method in ("fft", "direct"):
        mixer.method = method
        grads.append(torch.autograd.grad(mixer(X).square().sum(), (mixer.coeff, mixer.value)))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-4)


def test_state_dict_round_trip_keeps_the_certificate() -> None:
    A, B, C = random_system("jordan", 4, 3, 3, seed=0)
    mixer = ssm_to_heads(A, B, C, 20, heads=2)
    other = FactorizedMixer(torch.zeros(2, 20).double(), torch.zeros(2, 3, 3).double())
    other.load_state_dict(mixer.state_dict())
    assert other.operator_error == mixer.operator_error
    X = normal(20, 3)
    torch.testing.assert_close(other(X), mixer(X))


def test_many_frequencies_are_taken_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    mixer = FactorizedMixer.random(3, 100, 4, 5, method="fft", dtype=torch.float64)
    X = normal(2, 100, 4)
    whole = mixer(X)
    monkeypatch.setattr("workingpapers.papers.heads_ssm.mixers.CHUNK", 200)
    torch.testing.assert_close(mixer(X), whole)


def test_mistakes_are_named() -> None:
    A, B, C = random_system("jordan", 4, 2, 2, seed=0)
    with pytest.raises(TypeError, match=r"both heads = 2 and tol = 0\.1"):
        ssm_to_heads(A, B, C, 10, heads=2, tol=0.1)
    with pytest.raises(ValueError, match=r"heads is 5; on n = 10 tokens with p d = 4 at most 4"):
        ssm_to_heads(A, B, C, 10, heads=5)
    with pytest.raises(ValueError, match="heads is 0"):
        ssm_to_heads(A, B, C, 10, heads=0)
    with pytest.raises(ValueError, match=r"tol is 1\.5"):
        heads_needed(A, B, C, 10, tol=1.5)
    with pytest.raises(ValueError, match="conjugate_pairs=True"):
        heads_needed(np.array([0.5j]), np.ones((1, 1)), np.ones((1, 1)), 4)
    mixer = ssm_to_heads(A, B, C, 10)
    with pytest.raises(ValueError, match=r"11 tokens.*built for n = 10"):
        mixer(torch.randn(11, 2))
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        mixer(torch.randn(5, 3))
    with pytest.raises(ValueError, match="auto, direct, fft"):
        mixer.method = "slow"
    with pytest.raises(ValueError, match=r"\(2, 5\).*\(3, 2, 2\)"):
        FactorizedMixer(torch.zeros(2, 5), torch.zeros(3, 2, 2))
    with pytest.raises(ValueError, match="built for n = 10"):
        mixer.to_softmax().rows(11)
