"""Lag operators against the plain definition, for every accepted form of a system."""

import numpy as np
import pytest
import torch

from workingpapers.papers.heads_ssm import FAMILIES, LinearSSM, interaction_rank, lag_diagonals, lag_operators
from workingpapers.papers.heads_ssm.families import random_system


def by_powers(A: np.ndarray, B: np.ndarray, C: np.ndarray, n: int) -> np.ndarray:
    return np.stack([C @ np.linalg.matrix_power(A, tau) @ B for tau in range(n)])


@pytest.mark.parametrize("family", FAMILIES)
def test_recurrence_equals_powers(family: str) -> None:
    A, B, C = random_system(family, 6, 3, 2, 0.9, seed=3)
    lags = lag_operators(A, B, C, 20)
    assert lags.dtype == torch.float64
    np.testing.assert_allclose(lags.numpy(), by_powers(A, B, C, 20), atol=1e-13)


def test_a_diagonal_may_be_a_vector() -> None:
    rng = np.random.default_rng(0)
    a, B, C = rng.uniform(-0.9, 0.9, 5), rng.standard_normal((5, 3)), rng.standard_normal((2, 5))
    torch.testing.assert_close(lag_operators(a, B, C, 9), lag_operators(np.diag(a), B, C, 9), rtol=1e-13, atol=1e-13)


def test_d_joins_lag_zero_only() -> None:
    A, B, C = random_system("jordan", 3, 2, 2, seed=1)
    D = np.arange(4.0).reshape(2, 2)
    difference = lag_operators(A, B, C, 5, D) - lag_operators(A, B, C, 5)
    np.testing.assert_allclose(difference[0].numpy(), D, atol=1e-14)
    assert not difference[1:].any()


def test_one_input_and_output_may_be_vectors() -> None:
    lags = lag_operators(torch.tensor([0.5, 0.25]), torch.ones(2), torch.ones(2), 3, D=1.0)
    torch.testing.assert_close(lags[:, 0, 0], torch.tensor([3.0, 0.75, 0.3125], dtype=torch.float64))


def test_similar_systems_have_equal_lags_and_scaling_b_scales_them() -> None:
    rng = np.random.default_rng(5)
    A, B, C = random_system("dense-orthogonal", 6, 3, 3, seed=5)
    T = rng.standard_normal((6, 6)) + 4 * np.eye(6)
    lags = lag_operators(A, B, C, 24)
    similar = lag_operators(T @ A @ np.linalg.inv(T), T @ B, C @ np.linalg.inv(T), 24)
    torch.testing.assert_close(similar, lags, rtol=0, atol=1e-8)
    assert interaction_rank(similar, rtol=1e-10).rank == interaction_rank(lags, rtol=1e-10).rank
    torch.testing.assert_close(lag_operators(A, -3 * B, C, 24), -3 * lags)


def test_complex_diagonal_form_of_a_real_system_gives_real_lags() -> None:
    A, B, C = random_system("rotation-blocks", 4, 3, 3, seed=2)
    eigenvalues, vectors = np.linalg.eig(A)
    lags = lag_operators(eigenvalues, np.linalg.inv(vectors) @ B, C @ vectors, 16)
    assert lags.dtype == torch.float64
    np.testing.assert_allclose(lags.numpy(), by_powers(A, B, C, 16), atol=1e-12)


def test_one_of_each_conjugate_pair() -> None:
    A, B, C = random_system("rotation-blocks", 6, 2, 2, seed=4)
    eigenvalues, vectors = np.linalg.eig(A)
    upper = eigenvalues.imag > 0
    half = lag_operators(
        eigenvalues[upper], (np.linalg.inv(vectors) @ B)[upper], (C @ vectors)[:, upper], 12, conjugate_pairs=True
    )
    np.testing.assert_allclose(half.numpy(), by_powers(A, B, C, 12), atol=1e-12)


def test_a_complex_system_without_conjugates_stays_complex() -> None:
    lags = lag_operators(np.array([0.5j]), np.ones((1, 1)), np.ones((1, 1)), 4)
    assert lags.is_complex()
    assert complex(lags[1, 0, 0]) == 0.5j


def test_a_stack_has_diagonal_lags() -> None:
    rng = np.random.default_rng(0)
    A, B, C = rng.uniform(0.1, 0.9, (5, 3)), rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    D = rng.standard_normal(5)
    lags = lag_operators(A, B, C, 10, D)
    assert lags.shape == (10, 5, 5)
    for channel in range(5):
        alone = by_powers(np.diag(A[channel]), B[channel][:, None], C[channel][None], 10)[:, 0, 0]
        alone[0] += D[channel]
        np.testing.assert_allclose(lags[:, channel, channel].numpy(), alone, atol=1e-14)
    torch.testing.assert_close(torch.diag_embed(lag_diagonals(A, B, C, 10, D)), lags)


def test_a_square_stack_is_named() -> None:
    A = torch.rand(4, 4) * 0.9
    ones = torch.ones(4, 4)
    stack = lag_operators(A, ones, ones, 6, per_channel=True)
    assert not (stack - torch.diag_embed(stack.diagonal(dim1=1, dim2=2))).any()
    dense = lag_operators(A, ones, ones, 6)
    assert dense[1, 0, 1] != 0


def test_channels_may_share_b_and_c() -> None:
    A, b = torch.rand(4, 3) * 0.9, torch.rand(3)
    shared = lag_diagonals(A, b, b, 6)
    torch.testing.assert_close(shared, lag_diagonals(A, b.expand(4, 3), b.expand(4, 3), 6))


def test_dtype_and_gradient_pass_through() -> None:
    A = torch.tensor([0.5, 0.4], requires_grad=True)
    lags = lag_operators(A, torch.ones(2, 1), torch.ones(1, 2), 4, dtype=torch.float32)
    assert lags.dtype == torch.float32
    lags[3].sum().backward()
    torch.testing.assert_close(A.grad, 3 * A.detach() ** 2)


@pytest.mark.parametrize(("name", "value"), [("A", torch.ones(2, 2) * torch.inf), ("B", torch.ones(2, 1) * torch.nan)])
def test_what_is_not_finite_is_refused(name: str, value: torch.Tensor) -> None:
    arrays = {"A": torch.eye(2), "B": torch.ones(2, 1), "C": torch.ones(1, 2), name: value}
    with pytest.raises(ValueError, match=f"{name} holds NaN"):
        lag_operators(**arrays, n=3)


def test_other_mistakes_are_named() -> None:
    eye = torch.eye(2)
    with pytest.raises(TypeError, match="n"):
        lag_operators(eye, eye, eye, 2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="A"):
        lag_operators("A", eye, eye, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"D has shape \(3,\).*\(2, 2\)"):
        lag_operators(eye, eye, eye, 2, torch.ones(3))
    with pytest.raises(ValueError, match="per-channel stack both are"):
        lag_operators(torch.ones(3, 2), torch.ones(3, 4), torch.ones(3, 2), 2, per_channel=True)
    with pytest.raises(ValueError, match="no family is called 'toeplitz'"):
        LinearSSM.random("toeplitz")
    with pytest.raises(ValueError, match=r"rho is 1\.5"):
        LinearSSM.random("jordan", rho=1.5)
