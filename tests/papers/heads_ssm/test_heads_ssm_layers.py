"""The layers as modules: the scan, streaming, per-channel stacks, and operators that rebuild outputs."""

import math

import numpy as np
import pytest
import scipy.signal
import torch
from torch import Tensor, nn

from workingpapers.papers.heads_ssm import (
    FAMILIES,
    LinearAttention,
    LinearSSM,
    apply_layer,
    interaction_offset,
    interaction_operators,
    interaction_rank,
)

EXACT = {"rtol": 0.0, "atol": 1e-12}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rebuilt(layer: nn.Module, X: Tensor, **options: bool) -> Tensor:
    W = interaction_operators(layer, X, **options)
    return torch.einsum("ijpd,jd->ip", W, X) + interaction_offset(layer, X, **options)


@pytest.mark.parametrize("family", FAMILIES)
def test_scan_equals_scipy(family: str) -> None:
    layer = LinearSSM.random(family, N=5, d=3, p=2, rho=0.9, seed=1)
    X = normal(40, 3)
    A, B, C = (parameter.detach().numpy() for parameter in (layer.A, layer.B, layer.C))
    # scipy's output reads the state before the update, ours after it
    _, expected, _ = scipy.signal.dlsim((A, B, C @ A, C @ B, 1.0), X.numpy())
    np.testing.assert_allclose(layer(X).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("per_channel", [False, True])
def test_streaming_equals_the_scan(per_channel: bool) -> None:
    if per_channel:
        layer = LinearSSM(0.9 * normal(3, 2).sigmoid(), normal(3, 2), normal(3, 2, seed=1), normal(3))
    else:
        layer = LinearSSM(0.3 * normal(4, 4), normal(4, 3), normal(2, 4), normal(2, 3))
    X = normal(2, 10, 3)
    state, outputs = None, []
    for x in X.unbind(1):
        y, state = layer.step(x, state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, 1), layer(X), **EXACT)


def test_the_jacobian_of_the_scan_is_the_lag_operator() -> None:
    layer = LinearSSM.random("dense-orthogonal", N=6, d=3, p=2, seed=2)
    X = normal(12, 3)
    jacobian = torch.autograd.functional.jacobian(layer, X).permute(0, 2, 1, 3)  # type: ignore[no-untyped-call]
    lags = layer.lag_operators(12)
    for i in range(12):
        for j in range(12):
            expected = lags[i - j] if j <= i else torch.zeros_like(lags[0])
            torch.testing.assert_close(jacobian[i, j], expected, rtol=0, atol=1e-10)


def test_complex_systems_give_their_real_part() -> None:
    a = torch.tensor([0.5 + 0.5j, -0.3 + 0.2j])
    half = LinearSSM(a, torch.ones(2, 1), torch.ones(1, 2), conjugate_pairs=True)
    whole = LinearSSM(torch.cat([a, a.conj()]), torch.ones(4, 1), torch.ones(1, 4))
    X = normal(9, 1)
    torch.testing.assert_close(half(X), whole(X), **EXACT)
    torch.testing.assert_close(rebuilt(half, X), half(X), **EXACT)
    assert interaction_rank(half, n=9).rank == 1


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"add_zero_attn": True}, {"add_bias_kv": True}])
def test_attention_is_rebuilt(options: dict[str, bool], causal: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.MultiheadAttention(8, 4, dtype=torch.float64, **options)
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=0.5)
    X = normal(10, 8)
    if not options.get("add_bias_kv") and not options.get("add_zero_attn"):
        mask = torch.full((10, 10), -math.inf, dtype=torch.float64).triu(1) if causal else None
        torch.testing.assert_close(rebuilt(layer, X, causal=causal), layer(X, X, X, attn_mask=mask)[0], **EXACT)
    torch.testing.assert_close(rebuilt(layer, X, causal=causal), apply_layer(layer, X, causal=causal), **EXACT)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 6, 3, dtype=torch.float64),
        nn.Conv1d(4, 4, 3, padding=2, groups=4, dtype=torch.float64),
        nn.Conv1d(4, 6, 3, dilation=4, groups=2, bias=False, dtype=torch.float64),
    ],
)
def test_causal_convolution_is_rebuilt(layer: nn.Conv1d) -> None:
    X = normal(10, 4)
    output = apply_layer(layer, X)
    torch.testing.assert_close(rebuilt(layer, X), output, **EXACT)
    if layer.padding[0]:
        torch.testing.assert_close(output, layer(X.T[None])[0].T[:10], **EXACT)
    assert not interaction_operators(layer, X)[0, 1:].any()


@pytest.mark.parametrize("heads", [1, 2])
def test_linear_attention_is_rebuilt_and_has_rank_of_its_heads(heads: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = LinearAttention(6, heads, dtype=torch.float64)
    X = normal(12, 6)
    torch.testing.assert_close(rebuilt(layer, X), layer(X), **EXACT)
    torch.testing.assert_close(layer(X[None])[0], layer(X), **EXACT)
    assert interaction_rank(interaction_operators(layer, X)).rank == heads


def test_an_affine_callable_is_its_jacobian() -> None:
    ssm = LinearSSM.random("jordan", N=3, d=2, p=4, seed=0)
    X = normal(7, 2)
    layer = lambda x: ssm(x) + 2.0  # noqa: E731
    torch.testing.assert_close(interaction_operators(layer, X), ssm.operators(X), rtol=0, atol=1e-12)
    torch.testing.assert_close(interaction_offset(layer, X), torch.full((7, 4), 2.0, dtype=torch.float64), **EXACT)


def test_what_has_no_operators_is_refused() -> None:
    X = normal(5, 4)
    with pytest.raises(ValueError, match="not affine"):
        interaction_operators(lambda x: x**2, X)
    with pytest.raises(TypeError, match=r"nn\.MultiheadAttention.*LinearSSM"):
        interaction_operators(nn.LSTM(4, 4, dtype=torch.float64), X)
    with pytest.raises(TypeError, match="int is not supported"):
        interaction_operators(3, X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"not causal.*padding 0 or"):
        interaction_operators(nn.Conv1d(4, 4, 3, padding="same", dtype=torch.float64), X)
    with pytest.raises(ValueError, match=r"dropout.*eval"):
        interaction_operators(nn.MultiheadAttention(4, 2, dropout=0.1, dtype=torch.float64), X)
    with pytest.raises(ValueError, match="width 4; this layer takes tokens of width 8"):
        interaction_operators(nn.MultiheadAttention(8, 2, dtype=torch.float64), X)
    with pytest.raises(ValueError, match=r"\(0, 4\).*one sequence"):
        interaction_operators(nn.MultiheadAttention(4, 2, dtype=torch.float64), X[:0])
    with pytest.raises(ValueError, match=r"X has shape \(5, 4\).*\(n, 2\)"):
        LinearSSM.random(d=2)(X)
    with pytest.raises(ValueError, match="num_heads 4"):
        LinearAttention(6, 4)


def test_half_precision_and_autocast_stay_close() -> None:
    layer = LinearSSM.random("dense-orthogonal", N=6, d=4, p=4, seed=0)
    X = normal(2, 20, 4)
    exact = layer(X).detach()
    half = layer(X.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.double(), exact, rtol=0.05, atol=0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(X.float()).double(), exact, rtol=1e-4, atol=1e-4)
