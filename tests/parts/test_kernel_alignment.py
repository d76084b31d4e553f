"""Kernel alignment against its definition, its invariances, and its memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch

from workingpapers.parts.kernel_alignment import kernel_alignment, linear_cka

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)), RNG.normal(size=(40, 9)) + 3.0
H = np.eye(40) - 1 / 40


def by_definition(x, y):
    kx, ky = H @ x @ x.T @ H, H @ y @ y.T @ H
    return (kx * ky).sum() / np.linalg.norm(kx) / np.linalg.norm(ky)


def test_the_cosine_of_two_gram_matrices():
    k0, k1 = X @ X.T, Y @ Y.T
    expected = (k0 * k1).sum() / np.linalg.norm(k0) / np.linalg.norm(k1)
    assert kernel_alignment(k0, k1) == pytest.approx(expected, abs=1e-14)
    assert kernel_alignment(torch.tensor(k0), k1, centered=True) == pytest.approx(by_definition(X, Y), abs=1e-14)


def test_features_and_gram_matrices_agree():
    assert linear_cka(X, Y) == pytest.approx(by_definition(X, Y), abs=1e-12)
    wide = RNG.normal(size=(40, 300))
    assert linear_cka(X, wide) == pytest.approx(by_definition(X, wide), abs=1e-12)
    assert linear_cka(torch.tensor(wide), wide) == pytest.approx(1.0, abs=1e-12)


def test_invariant_to_rotation_isotropic_scale_and_translation_only():
    rotation = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    for scale in (1e-150, 3.0, 1e150):
        assert linear_cka(scale * (X @ rotation), Y) == pytest.approx(linear_cka(X, Y), abs=1e-12)
    assert linear_cka(X + 100.0, Y) == pytest.approx(linear_cka(X, Y), abs=1e-10)
    assert abs(linear_cka(X * np.array([5, 1, 1, 1, 1, 1.0]), Y) - linear_cka(X, Y)) > 1e-3


def test_the_order_of_samples_does_not_matter():
    order = RNG.permutation(40)
    assert linear_cka(X[order], Y[order]) == pytest.approx(linear_cka(X, Y), abs=1e-12)
    assert linear_cka(X[order], Y) != pytest.approx(linear_cka(X, Y), abs=1e-3)


def test_no_square_matrix_of_samples_is_made():
    x = RNG.normal(size=(4000, 3))
    tracemalloc.start()
    linear_cka(x, x[:, :2])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4000 * 4000  # numpy's share; torch's tensors are as small as the features


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_every_real_type(dtype):
    x = torch.tensor(X > 0).to(dtype)
    assert linear_cka(x, x) == pytest.approx(1.0, abs=1e-12)


def test_lists_and_tables_are_read():
    table = pd.DataFrame({"a": [0, 1, 2], "b": [True, False, True], "c": [0.5, 0.1, 0.2]})
    assert linear_cka(table, table.to_numpy(float).tolist()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linear_cka(X, Y[:-1]), ValueError, "40 rows and y 39"),
        (lambda: linear_cka(X, np.full((40, 2), 0.1)), ValueError, "features of y are constant"),
        (lambda: linear_cka(np.where(X > 2, np.nan, X), Y), ValueError, r"x holds \d+ NaN or infinite of 240"),
        (lambda: linear_cka(X[None], Y), ValueError, r"x has shape \(1, 40, 6\)"),
        (lambda: linear_cka("text", Y), TypeError, "x holds <U4"),
        (lambda: linear_cka([[1.0], [2.0, 3.0]], Y), TypeError, "x is list, no array of numbers"),
        (lambda: linear_cka(X + 1j, Y), TypeError, "complex"),
        (lambda: kernel_alignment(X, X), ValueError, r"k0 has shape \(40, 6\)"),
        (lambda: kernel_alignment(np.eye(3), np.eye(4)), ValueError, "3 and 4 rows"),
        (lambda: kernel_alignment(np.zeros((3, 3)), np.eye(3)), ValueError, "k0 is zero"),
        (lambda: kernel_alignment(np.eye(3), np.ones((3, 3)), centered=True), ValueError, "k1 is zero after centring"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
