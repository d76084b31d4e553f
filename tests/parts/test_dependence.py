"""HSIC and COCO: closed forms, invariances, gradients, and another package's numbers."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.dependence import ConstantInputWarning, coco, gram, hsic, hsic_test
from workingpapers.parts.dependence_kernels import centre, normalised_operator

EPS = 1e-5


def _pair(rows: int = 12, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    return x, x[:, :2] ** 2 + 0.1 * torch.randn(rows, 2, generator=generator, dtype=torch.float64)


MEASURES = {
    "normalised": lambda x, y: hsic(x, y, sigma=0.7, eps=1e-2),
    "biased": lambda x, y: hsic(x, y, sigma=0.7, normalized=False),
    "unbiased": lambda x, y: hsic(x, y, sigma=0.7, normalized=False, estimator="unbiased"),
    "coco": lambda x, y: coco(x, y, sigma=0.7),
    "coco, spectral": lambda x, y: coco(x, y, sigma=0.7, norm="spectral"),
}


@pytest.mark.parametrize("name", MEASURES)
def test_symmetric_and_blind_to_the_order_of_rows(name: str) -> None:
    (x, y), measure = _pair(), MEASURES[name]
    value = measure(x, y)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    assert torch.allclose(measure(y, x), value, rtol=1e-9)
    assert torch.allclose(measure(x[order], y[order]), value, rtol=1e-9)
    assert not torch.allclose(measure(x[order], y), value, rtol=1e-3)


@pytest.mark.parametrize("name", MEASURES)
def test_gradients(name: str) -> None:
    x, y = _pair(7)
    assert torch.autograd.gradcheck(MEASURES[name], (x.requires_grad_(), y.requires_grad_()))
    assert torch.autograd.gradgradcheck(MEASURES[name], (x[:5].detach().requires_grad_(), y[:5].detach()))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("constant", ["x", "y"])
def test_nothing_depends_on_a_constant(name: str, constant: str) -> None:
    x, y = _pair()
    x = torch.full_like(x, 0.3) if constant == "x" else x
    y = torch.full_like(y, -7.1) if constant == "y" else y
    with pytest.warns(ConstantInputWarning, match=f"{constant} is the same"):
        value = MEASURES[name](x.requires_grad_(), y)
    assert value == 0
    value.backward()
    assert x.grad is not None
    assert x.grad.abs().max() == 0


def test_normalised_is_at_most_rows_minus_one() -> None:
    x = 100 * torch.randn(16, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    value = hsic(x, x, sigma=0.5)
    assert 14.9 < value < 15


def test_plain_with_linear_kernels_is_the_cross_covariance() -> None:
    x, y = _pair()
    expected = ((x - x.mean(0)).T @ (y - y.mean(0))).pow(2).sum() / (len(x) - 1) ** 2
    assert torch.allclose(hsic(x, y, kernel_x="linear", kernel_y="linear", normalized=False), expected, rtol=1e-12)


def test_centring_one_side_is_enough() -> None:
    """The official code centres one side and inverts unsymmetric matrices: the same trace (push-through identity)."""
    x, y = _pair()
    rows = len(x)
    eye = torch.eye(rows, dtype=torch.float64)
    h = eye - 1 / rows
    one = [gram(each, sigma=0.7) @ h for each in (x, y)]
    first, second = (k @ torch.linalg.inv(k + EPS * rows * eye) for k in one)
    assert torch.allclose(hsic(x, y, sigma=0.7), (first * second.T).sum(), rtol=1e-10)


def test_the_spectrum_is_that_of_both_matrices() -> None:
    x, _ = _pair()
    k = centre(gram(x, sigma=0.7))
    eye = torch.eye(len(x), dtype=torch.float64)
    assert torch.allclose(normalised_operator(k, 0.1), k @ torch.linalg.inv(k + 0.1 * len(x) * eye), atol=1e-12)


def test_coco_of_one_dimension_and_its_norms() -> None:
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.randn(9, generator=generator, dtype=torch.float64) for _ in range(2))
    x, y = x - x.mean(), y - y.mean()
    expected = ((x @ y).abs() * x.norm() * y.norm()).sqrt() / 9
    linear = {"kernel_x": "linear", "kernel_y": "linear"}
    assert torch.allclose(coco(x, y, norm="spectral", **linear), expected, rtol=1e-9)
    x, y = _pair()
    assert coco(x, y, norm="fro") > coco(x, y, norm="spectral")


def test_width_grows_with_the_dimension() -> None:
    x, y = _pair()
    twice = torch.cat((x, x), 1)
    for measure in MEASURES.values():
        assert torch.allclose(measure(twice, y), measure(x, y), rtol=1e-9)


@pytest.mark.parametrize(("classes", "each"), [(2, 4), (5, 3), (4, 16)])
def test_normalised_of_balanced_labels(classes: int, each: int) -> None:
    labels = torch.eye(classes, dtype=torch.float64).repeat(each, 1)
    expected = (classes - 1) * (each / (each + EPS * len(labels))) ** 2
    value = hsic(labels, labels, kernel_x="linear", kernel_y="linear")
    assert value.item() == pytest.approx(expected, rel=1e-10)


def test_the_unbiased_estimator_is_zero_on_average() -> None:
    generator = torch.Generator().manual_seed(3)
    draws = [torch.randn(2, 8, 1, generator=generator, dtype=torch.float64) for _ in range(400)]
    values = torch.stack([hsic(x, y, sigma=1.0, normalized=False, estimator="unbiased") for x, y in draws])
    assert abs(values.mean()) < 4 * values.std() / 20
    biased = torch.stack([hsic(x, y, sigma=1.0, normalized=False) for x, y in draws])
    assert biased.mean() > 10 * biased.std() / 20


def test_permutation_p_values_are_uniform_under_independence() -> None:
    generator = torch.Generator().manual_seed(4)
    found = []
    for _ in range(120):
        x, y = torch.randn(2, 20, 1, generator=generator)
        found.append(hsic_test(x, y, 49, generator=generator).p_value)
    # p-values lie on multiples of 1/50; a step down brings them to the middle of their cells
    assert kstest(np.array(found) - 0.01, "uniform").pvalue > 1e-4
    x = torch.randn(60, 1, generator=generator)
    statistic, p = hsic_test(x, x**2, 99, generator=generator)
    assert p == 0.01
    assert statistic == pytest.approx(hsic(x, x**2, sigma="median", normalized=False).item(), rel=1e-5)


def test_hyppos_number() -> None:
    """tr(K H L H) / n² of hyppo 0.5.2 is ours times (n - 1)² / n²; here from its definition, of its median width."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(30, 2))
    y = np.sin(x[:, :1])

    def kernel(values: np.ndarray) -> np.ndarray:
        distances = np.sqrt(((values[:, None] - values[None]) ** 2).sum(-1))
        width = np.median(distances[np.triu_indices(30, 1)])
        return np.exp(-(distances**2) / (2 * width**2))

    h = np.eye(30) - 1 / 30
    expected = np.trace(kernel(x) @ h @ kernel(y) @ h) / 30**2
    value = hsic(torch.from_numpy(x), torch.from_numpy(y), sigma="median", normalized=False)
    assert value.item() * 29**2 / 30**2 == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_other_types_are_close_to_float64(dtype: torch.dtype) -> None:
    x, y = (4 * each for each in _pair(16))
    x, y = x.to(dtype), y.to(dtype)
    value = hsic(x, y, sigma=5.0)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(hsic(x.double(), y.double(), sigma=5.0).item(), rel=2e-3)


def test_inside_autocast_and_of_views() -> None:
    x, y = (each.float() for each in _pair(16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = hsic(x, y)
    assert inside == hsic(x, y)
    wide = torch.stack((x, x), 2)
    assert hsic(wide[..., 0], y) == hsic(x, y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: hsic(x[:3], x[:3]), InvalidParameterError, "3 rows.*at least 4"),
        (lambda x: hsic(x, x[:5]), InvalidParameterError, "12 rows and y 5"),
        (lambda x: hsic(x * float("nan"), x), InvalidParameterError, "36 NaN"),
        (lambda x: coco(x, x / 0), InvalidParameterError, "NaN or infinite"),
        (lambda x: hsic(x > 0, x), InvalidTypeError, "bool"),
        (lambda x: hsic(x, x, sigma=0), InvalidParameterError, "sigma is 0"),
        (lambda x: hsic(x, x, eps=0), InvalidParameterError, "eps is 0"),
        (lambda x: hsic(x, x, estimator="unbiased"), InvalidParameterError, "normalized=False"),
        (lambda x: hsic(x[:, :0], x), InvalidParameterError, "without any feature"),
        (lambda x: hsic_test(x, x, 0), InvalidParameterError, "n_permutations is 0"),
    ],
)
def test_bad_inputs(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message), warnings.catch_warnings():
        call(_pair()[0])  # type: ignore[operator]


def test_float32_keeps_the_digits_of_linear_kernels_of_low_rank() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(40, 3, generator=generator) @ torch.randn(3, 200, generator=generator) + 5
    y = torch.randn(40, 6, generator=generator) + x[:, :1]
    exact = hsic(x.double(), y.double(), kernel_x="linear", kernel_y="linear")
    value = hsic(x, y, kernel_x="linear", kernel_y="linear")
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(exact.item(), rel=1e-5)
