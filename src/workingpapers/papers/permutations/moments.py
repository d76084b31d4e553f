"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): mean and variance in the limit.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the Gaussian-process limit of the trained network on any binary input, in closed form for each weight.
Differences from the paper: finite training time, and the regime in which the last layer alone learns, are added.
"""

import math
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from workingpapers.papers.permutations.inputs import weights_of_inputs
from workingpapers.parts.checks import one_of, real_number, whole_number

KERNELS = ("ntk", "last-layer")
_C = 1.0 / (2.0 * math.pi)  # k times the kernel of two different basis vectors


class Moments(NamedTuple):
    """Mean and variance of the limit's outputs: floats, or float64 arrays shaped like the numbers of ones.

    Args:
        mean_one: Mean of a coordinate that must be 1.
        mean_zero: Mean of a coordinate that must be 0.
        variance: Variance of each coordinate, over independent networks.

    Example:
        >>> permutation_moments(5, 1)
        Moments(mean_one=1.0, mean_zero=0.0, variance=0.0)
    """

    mean_one: Any
    mean_zero: Any
    variance: Any


def permutation_moments(k: SupportsIndex, ones: Any, *, kernel: str = "ntk", t: float | None = None) -> Moments:
    r"""Mean and variance of the infinitely wide network, trained on the k basis vectors, at inputs with m ones.

    With c = 1/2π, θ = arccos(1/√m), s = sin θ: k times the kernel between a test input and a basis vector it holds is

        f = c [s + 2 (π - θ)/√m]   (tangent kernel),      g = c [s + (π - θ)/√m]   (kernel of the outputs)

    and c for one that it does not hold; among basis vectors it is `a I + c 11ᵀ`, a = 1 - c. With d = f - c, D = a + ck:

        mean_one  = [d (a + c (k - m)) + c a] / (a D)
        mean_zero = c (a - m d) / (a D)
        variance  = [1/2 + b (m mean_one² + (k - m) mean_zero²) + c W² - 2 (m mean_one g + (k - m) mean_zero c)] / k

    with b = 1/2 - c and W = m mean_one + (k - m) mean_zero. Outputs are independent Gaussian processes, so these are
    all there is to know of one input. Constant work for each m, whatever k.

    Args:
        k: Length of the inputs, at least 2.
        ones: Number of ones m of the input, 1 to k: an int, or an int array of any shape.
        kernel: `ntk`, both layers learn in the paper's parametrisation; or `last-layer`, the last one alone, which is
            also where PyTorch's usual parametrisation ends as the width grows (then f = g and a = 1/2 - c).
        t: Time of gradient flow on half the sum of squared errors (learning rate times steps); None for the end.

    Returns:
        `Moments` of floats for an int, of float64 arrays of the shape of `ones` otherwise. At m = 1, a training input,
        and t = None they are exactly 1, 0 and 0. At m = k no coordinate must be 0; mean_zero is the formula's value.

    Raises:
        InvalidParameterError: k below 2, m outside 1 … k, an unknown kernel, t negative or not finite.
        InvalidTypeError: k or ones are no whole numbers, t is no number.

    Differs from the paper:
        It bounds the moments; here they are exact. Finite t and `last-layer` are additions.

    Example:
        >>> one, zero, variance = permutation_moments(10, 3)
        >>> round(one, 6), round(zero, 7), round(variance, 8)
        (0.421555, -0.021547, 0.00914745)
    """
    k = whole_number("k", k, least=2)
    one_of("kernel", kernel, KERNELS)
    if t is not None:
        t = real_number("t", t, least=0.0)
    weights = weights_of_inputs(ones, k)
    if weights.ndim == 0:
        return Moments(*(float(each[0]) for each in limit_moments(k, weights[None], kernel, t)))
    return limit_moments(k, weights, kernel, t)


def limit_moments(k: int, weights: np.ndarray, kernel: str = "ntk", t: float | None = None) -> Moments:
    """`permutation_moments` without its checks, for an int array of weights with at least one axis."""
    m = weights.astype(np.float64)
    inverse = 1.0 / m
    root = np.sqrt(inverse)
    half = (math.pi - np.arccos(root)) * (_C * root)
    g = np.sqrt(1.0 - inverse) * _C + half
    a = 0.5 - _C if kernel == "last-layer" else 1.0 - _C
    d = g - _C if kernel == "last-layer" else g + half - _C
    top, rest = a + _C * k, k - m
    if t is None:
        training = weights == 1
        one = (d * (a + _C * rest) + _C * a) / (a * top)
        zero = (a - m * d) * (_C / (a * top))
        one[training], zero[training] = 1.0, 0.0
    else:
        # an eigenvector of the training kernel with eigenvalue a/k or D/k has come as far as 1 - exp(-t eigenvalue)
        slow, fast = -math.expm1(-t * a / k), -math.expm1(-t * top / k)
        zero = (fast * (m * d + _C * k) / top - slow * m * d / a) / k
        one = zero + slow * d / a
    ones, zeros = m * one, rest * zero
    total = ones + zeros
    b = 0.5 - _C
    variance = (0.5 + ones * (b * one - 2.0 * g) + zeros * (b * zero - 2.0 * _C) + _C * (total * total)) * (1.0 / k)
    if t is None:
        variance[training] = 0.0
    return Moments(one, zero, np.maximum(variance, 0.0, out=variance))
