"""The closed form against its table, against draws of tasks, and against trained networks."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from workingpapers.papers.rich_lazy import aligned_init_, expected_alignment, kernel_alignment, linear_alignment
from workingpapers.papers.rich_lazy.linear_study import _alignment, _equal_singular_values, _train

TABLE = {1: 0.219, 2: 0.310, 5: 0.490, 10: 0.692, 20: 0.979}  # d = 20


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _cov(d: int, seed: int = 0) -> Tensor:
    root = _random(d, d, seed=seed)
    return root @ root.T / d + 0.1 * torch.eye(d)


@pytest.mark.parametrize("rank", TABLE)
def test_the_table_of_expected_alignments(rank: int) -> None:
    m0 = torch.diag(torch.tensor([1.0] * rank + [0.0] * (20 - rank)))
    assert expected_alignment(m0) == pytest.approx(TABLE[rank], abs=6e-4)
    assert expected_alignment(torch.eye(rank), dim=20) == pytest.approx(TABLE[rank], abs=6e-4)


def test_the_mean_over_random_tasks_is_the_expectation() -> None:
    root = _random(6, 20)
    m0 = root.T @ root
    tasks = _random(10_000, 20, seed=1)
    b = tasks / tasks.norm(dim=1, keepdim=True)
    closed = (m0.trace() + torch.einsum("ni,ij,nj->n", b, m0, b)) / (m0.norm() * 23**0.5)
    assert float(closed[0]) == pytest.approx(linear_alignment(m0, tasks[0]), rel=1e-10)
    assert float(closed.mean()) == pytest.approx(expected_alignment(m0), rel=0.01)


@pytest.mark.parametrize("condition", [None, 4.0])
def test_trained_networks_end_at_the_closed_form(condition: float | None) -> None:
    d, h = 10, 16
    variances = torch.ones(d, dtype=torch.float64)
    if condition is not None:
        variances[d // 2 :] = 1 / condition
    cov = torch.diag(variances)
    starts, problems = [], []
    for rank in (1, 5, 10):
        beta = _random(d, seed=rank)
        beta = beta / beta.norm()
        generator = torch.Generator().manual_seed(rank)
        starts.append(_equal_singular_values(torch.empty(h, d), rank, generator))
        starts.append(aligned_init_(torch.empty(h, d, dtype=torch.float64), beta, cov, rank))
        problems += [(beta, cov)] * 2
    w1, w2 = torch.stack(starts), 1e-6 * _random(len(starts), h, seed=9)
    after, loss = _train(w1, w2, problems, 12_000, 0.05)
    assert float(loss.max()) < 1e-6
    for i, (beta, c) in enumerate(problems):
        trained = _alignment((w1[i], w2[i]), (after[0][i], after[1][i]), c)
        assert trained == pytest.approx(linear_alignment(w1[i].T @ w1[i], beta, c), abs=0.02)


def test_gradient_descent_conserves_the_balance_of_layers() -> None:
    beta = _random(6)
    w1, w2 = 0.1 * _random(1, 8, 6, seed=1), 0.1 * _random(1, 8, seed=2)
    before = w1[0] @ w1[0].T - torch.outer(w2[0], w2[0])
    after, _ = _train(w1, w2, [(beta / beta.norm(), _cov(6))], 3000, 0.01)
    balance = after[0][0] @ after[0][0].T - torch.outer(after[1][0], after[1][0])
    assert float((balance - before).norm()) < 1e-3 * max(1.0, float(after[0][0].norm()))


@pytest.mark.parametrize("rank", [1, 2, 5, 10])
@pytest.mark.parametrize("is_white", [True, False])
def test_the_aligned_start_is_best_among_its_rank(rank: int, is_white: bool) -> None:
    d = 10
    beta, cov = _random(d), None if is_white else _cov(d)
    w = aligned_init_(torch.empty(16, d, dtype=torch.float64), beta, cov, rank, 0.5)
    assert int(torch.linalg.matrix_rank(w)) == rank
    assert float(w.norm()) == pytest.approx(0.5)
    best = linear_alignment(w.T @ w, beta, cov)
    b = (beta / beta.norm())[:, None]
    c = torch.eye(d, dtype=torch.float64) if cov is None else cov
    values, vectors = torch.linalg.eigh(c)
    root = (vectors * values.sqrt()) @ vectors.T
    mu = torch.linalg.eigvalsh(root @ (torch.eye(d) + b @ b.T) @ root).flip(0)
    assert best == pytest.approx(float((mu[:rank].square().sum() / mu.square().sum()).sqrt()), rel=1e-9)
    for seed in range(20):
        other = _random(rank, d, seed=100 + seed)
        assert linear_alignment(other.T @ other, beta, cov) <= best + 1e-12


def test_the_hidden_directions_of_an_aligned_start_are_free() -> None:
    beta = _random(5)
    first = aligned_init_(torch.empty(8, 5), beta, rank=3)
    other = aligned_init_(torch.empty(8, 5), beta, rank=3, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(first, other)
    assert kernel_alignment(first.T @ first, other.T @ other) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linear_alignment(np.eye(3), np.ones(4)), ValueError, r"beta has shape \(4,\).*3"),
        (lambda: linear_alignment(np.eye(3), np.zeros(3)), ValueError, "beta is zero"),
        (lambda: linear_alignment(np.zeros((3, 3)), np.ones(3)), ValueError, "m0 is zero"),
        (lambda: linear_alignment(np.eye(3), np.ones(3), -np.eye(3)), ValueError, "positive definite"),
        (lambda: linear_alignment(np.triu(np.ones((3, 3))), np.ones(3)), ValueError, "symmetric"),
        (lambda: expected_alignment(np.eye(3), dim=2), ValueError, "dim is 2"),
        (lambda: aligned_init_(torch.empty(4, 3), np.ones(3), rank=4), ValueError, "rank is 4.*at most 3"),
        (lambda: aligned_init_(torch.empty(4, 3), np.ones(3), scale=0.0), ValueError, "scale is 0"),
    ],
)
def test_bad_inputs(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
