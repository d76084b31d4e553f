"""The closed form against dense linear algebra that shares none of its code, and known numbers."""

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from scipy import integrate, linalg

from workingpapers.papers.permutations import permutation_kernels, permutation_moments

C = 1 / (2 * math.pi)


def relu_kernels(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Both kernels of two unit inputs from their definition: expectations over one hidden unit's Gaussian weights.

    With the angle between the inputs, E[relu(w·x) relu(w·y)] is an integral over directions in the plane of both, times
    the mean square length, 2; the factor 1/k belongs to the first layer's scale.
    """
    k = len(x)
    angle = math.acos(min(1.0, float(x @ y)))

    def over_half_plane(function: Callable[[float], float]) -> float:
        """Over the directions in which both units are active."""
        return integrate.quad(function, angle - math.pi / 2, math.pi / 2, epsabs=1e-14)[0] / (2 * math.pi)

    nngp = 2 * over_half_plane(lambda p: math.cos(p) * math.cos(p - angle)) / k
    active = over_half_plane(lambda p: 1.0)
    return nngp, nngp + float(x @ y) * active / k


def dense(k: int, m: int, kernel: str = "ntk", t: float | None = None) -> tuple[float, float, float]:
    """Posterior of one output at an input with m ones, by matrices over all k training inputs."""
    x = np.zeros(k)
    x[:m] = 1 / math.sqrt(m)
    basis = np.eye(k)
    pairs = np.array([[relu_kernels(a, b) for b in basis] for a in basis])
    cross = np.array([relu_kernels(x, b) for b in basis])
    which = 1 if kernel == "ntk" else 0
    train, test = pairs[:, :, which], cross[:, which]
    weights = linalg.solve(train, test)
    if t is not None:
        weights = test @ linalg.inv(train) @ (basis - linalg.expm(-t * train))
    variance = relu_kernels(x, x)[0] + weights @ pairs[:, :, 0] @ weights - 2 * weights @ cross[:, 0]
    return float(weights[0]), float(weights[-1]), float(variance)


@pytest.mark.parametrize(("k", "m"), [(3, 2), (5, 3), (12, 4), (10, 9)])
@pytest.mark.parametrize("kernel", ["ntk", "last-layer"])
@pytest.mark.parametrize("t", [None, 0.7, 30.0])
def test_closed_form_is_the_dense_solve(k: int, m: int, kernel: str, t: float | None) -> None:
    np.testing.assert_allclose(permutation_moments(k, m, kernel=kernel, t=t), dense(k, m, kernel, t), atol=1e-12)


def test_values_of_another_library() -> None:
    """From neural-tangents 0.6.5 with jax 0.4.38 in float64: k = 8, the third of the nested inputs, and k = 5, NNGP."""
    found = permutation_moments(8, 3)
    np.testing.assert_allclose(found, (0.41831091332171105, -0.024791222986825207, 0.011579730718771629), rtol=1e-12)
    other = permutation_moments(5, 3, kernel="last-layer")
    np.testing.assert_allclose((other.mean_one, other.variance), (0.4321396723087002, 0.018774311639565555), rtol=1e-12)


def test_the_specified_example() -> None:
    one, zero, variance = permutation_moments(10, 3)
    assert round(one, 6) == 0.421555
    assert round(zero, 7) == -0.0215470
    assert round(variance, 8) == 0.00914745


@pytest.mark.parametrize("k", [2, 7, 64])
def test_kernel_among_basis_vectors(k: int) -> None:
    kernels = permutation_kernels(np.eye(k))
    np.testing.assert_allclose(k * kernels.ntk, (1 - C) * np.eye(k) + C, atol=1e-12)
    np.testing.assert_allclose(k * kernels.nngp, (0.5 - C) * np.eye(k) + C, atol=1e-12)


def test_kernels_of_any_inputs_are_those_of_the_definition() -> None:
    rows = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    unit = rows / np.sqrt(rows.sum(1, keepdims=True))
    expected = np.array([[relu_kernels(a, b) for b in unit] for a in unit])
    found = permutation_kernels(rows)
    np.testing.assert_allclose(found.nngp, expected[:, :, 0], atol=1e-12)
    np.testing.assert_allclose(found.ntk, expected[:, :, 1], atol=1e-12)
    np.testing.assert_array_equal(permutation_kernels(rows, rows[:2]).ntk, found.ntk[:, :2])


@pytest.mark.parametrize("kernel", ["ntk", "last-layer"])
@pytest.mark.parametrize("k", [2, 9, 10**6])
def test_training_inputs_are_learned_exactly(k: int, kernel: str) -> None:
    assert permutation_moments(k, 1, kernel=kernel) == (1.0, 0.0, 0.0)


def test_signs() -> None:
    for k in range(3, 301):
        one, zero, variance = permutation_moments(k, np.arange(2, k))
        assert (one > 0).all()
        assert (zero < 0).all()
        assert (variance > 0).all()


@pytest.mark.parametrize(("k", "expected"), [(100, 6.2357), (1000, 5.6686), (10**5, 5.6079)])
def test_constant_of_the_size_for_one_input(k: int, expected: float) -> None:
    """The same formula in arithmetic of 40 digits gives these."""
    _, zero, variance = permutation_moments(k, 2)
    assert round(2 * variance / zero**2 / k, 4) == expected


def test_before_training_the_mean_is_zero() -> None:
    one, zero, variance = permutation_moments(9, np.arange(1, 10), t=0.0)
    np.testing.assert_array_equal(one, 0.0)
    np.testing.assert_array_equal(zero, 0.0)
    np.testing.assert_allclose(variance, 1 / 18, rtol=1e-14)
    almost = permutation_moments(9, 3, t=1e-9)
    assert abs(almost.mean_one) < 1e-9
    assert almost.variance == pytest.approx(1 / 18, rel=1e-8)


@pytest.mark.parametrize("k", [3, 10, 100])
@pytest.mark.parametrize("kernel", ["ntk", "last-layer"])
def test_long_training_is_the_end(k: int, kernel: str) -> None:
    m = np.arange(1, k + 1)
    for late, end in zip(
        permutation_moments(k, m, kernel=kernel, t=200.0 * k), permutation_moments(k, m, kernel=kernel), strict=True
    ):
        np.testing.assert_allclose(late, end, atol=1e-9)


def test_shapes_and_types() -> None:
    assert all(isinstance(each, float) for each in permutation_moments(5, np.int64(2)))
    table = permutation_moments(np.int64(5), np.array([[1, 2], [3, 5]]))
    assert all(each.shape == (2, 2) and each.dtype == np.float64 for each in table)
    assert table.mean_one[1, 0] == permutation_moments(5, 3).mean_one
    assert permutation_moments(5, [2, 3]).variance.shape == (2,)


@pytest.mark.parametrize("kernel", ["ntk", "last-layer"])
def test_close_to_arithmetic_of_40_digits(kernel: str) -> None:
    """Means and variance by the formulas of the docstring, relative to their size where nothing else cancels."""
    with mpmath.workdps(40):
        for k, m in [(3, 2), (37, 37), (501, 3), (501, 400), (10**6, 2), (10**6, 999_999)]:
            c = 1 / (2 * mpmath.pi)
            angle, sine = mpmath.pi - mpmath.acos(1 / mpmath.sqrt(m)), mpmath.sqrt(1 - mpmath.mpf(1) / m)
            g = c * (sine + angle / mpmath.sqrt(m))
            f, a = (g, 0.5 - c) if kernel == "last-layer" else (g + c * angle / mpmath.sqrt(m), 1 - c)
            top = a + c * k
            one = ((f - c) * (a + c * (k - m)) + c * a) / (a * top)
            zero = c * (a - m * (f - c)) / (a * top)
            total, squares = m * one + (k - m) * zero, m * one**2 + (k - m) * zero**2
            variance = (0.5 + (0.5 - c) * squares + c * total**2 - 2 * (m * one * g + (k - m) * zero * c)) / k
            expected = tuple(float(each) for each in (one, zero, variance))
            np.testing.assert_allclose(permutation_moments(k, m, kernel=kernel), expected, rtol=1e-11)
