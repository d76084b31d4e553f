"""How Many Heads Make an SSM? (arXiv 2512.15115): interaction operators of a layer, y_i = sum_j W_ij(X) x_j.

Official code: none found.
Implements the unified form for layers of torch: attention W_ij = sum_h a_ij^h W_O^h W_V^h, convolution, affine maps.
Differences from the paper: biases are an affine offset, reported by interaction_offset and never part of W.
"""

import math
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.heads_ssm.checks import tokens
from workingpapers.papers.heads_ssm.lags import toeplitz_operators

SUPPORTED = (
    "nn.MultiheadAttention, nn.Conv1d (causal, stride 1), LinearSSM, LinearAttention, FactorizedMixer, SoftmaxMixer, "
    "an object with a method operators(X), or a callable (n, d) -> (n, p) that is affine in X"
)

# an affine callable is rebuilt from its Jacobian to within this share of its largest output
AFFINE_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}


@runtime_checkable
class HasOperators(Protocol):
    """A layer that knows its own interaction operators."""

    def operators(self, X: Tensor) -> Tensor:
        """`(n, d)` to `(n, n, p, d)`."""
        ...


# any of SUPPORTED; checked when used, so that the error can list them
Layer = Any


def interaction_operators(layer: Layer, X: Float[Tensor, "n d"], *, causal: bool = False) -> Float[Tensor, "n n p d"]:
    r"""The operators `W_ij(X)` with which a layer mixes tokens: `y_i = sum_j W_ij(X) x_j + offset`.

    Attention: `W_ij = sum_h a_ij^h W_O^h W_V^h`, a scalar of the tokens times a map that all pairs share. State-space
    layer and causal convolution: `W_ij = M_{i-j}`, the same for every input. An affine callable: its Jacobian.

    Args:
        layer: nn.MultiheadAttention, nn.Conv1d (taken as causal: padded on the left), LinearSSM, LinearAttention,
            FactorizedMixer, SoftmaxMixer, any object with a method `operators(X)`, or a callable that is affine in X.
        X: One sequence, `(n, d)`.
        causal: For nn.MultiheadAttention only: whether it is called with a causal mask. By default it is called
            without a mask, as in `layer(X, X, X)`.

    Returns:
        `(n, n, p, d)`.

    Raises:
        InvalidTypeError: the layer is of no supported kind; the message lists them.
        InvalidParameterError: `X` has a wrong shape; dropout is active; a convolution is not causal; a callable is not
            affine, so that its operators are not determined by its outputs.

    Differs from the paper:
        Biases are kept out of W (see `interaction_offset`).

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import interaction_operators, interaction_offset
        >>> layer = torch.nn.MultiheadAttention(4, 2, dtype=torch.float64)
        >>> X = torch.randn(6, 4, dtype=torch.float64)
        >>> W = interaction_operators(layer, X)
        >>> rebuilt = torch.einsum("ijpd,jd->ip", W, X) + interaction_offset(layer, X)
        >>> torch.allclose(rebuilt, layer(X, X, X)[0])
        True
    """
    tokens(X)
    if isinstance(layer, nn.MultiheadAttention):
        return _attention(layer, X, causal)[0]
    if isinstance(layer, nn.Conv1d):
        return toeplitz_operators(convolution_lags(layer, X.shape[0]))
    if isinstance(layer, HasOperators):
        return layer.operators(X)
    return _affine(layer, X)[0]


def interaction_offset(layer: Layer, X: Float[Tensor, "n d"], *, causal: bool = False) -> Float[Tensor, "n p"]:
    """What a layer adds to `sum_j W_ij x_j`: its biases, carried to the output.

    Args:
        layer: As in `interaction_operators`.
        X: One sequence, `(n, d)`.
        causal: As in `interaction_operators`.

    Returns:
        `(n, p)`; zero where the layer has no bias.

    Raises:
        InvalidTypeError: as in `interaction_operators`.
        InvalidParameterError: likewise.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearSSM, interaction_offset
        >>> layer = LinearSSM.random("jordan", N=2, d=3, p=3)
        >>> float(interaction_offset(layer, torch.randn(5, 3, dtype=torch.float64)).abs().max())
        0.0
    """
    tokens(X)
    if isinstance(layer, nn.MultiheadAttention):
        return _attention(layer, X, causal)[1]
    if isinstance(layer, nn.Conv1d):
        zero = X.new_zeros((layer.out_channels,))
        return (zero if layer.bias is None else layer.bias).expand(X.shape[0], -1)
    if isinstance(layer, HasOperators):
        return X.new_zeros(layer.operators(X).shape[0], layer.operators(X).shape[2])
    return _affine(layer, X)[1]


def apply_layer(layer: Layer, X: Float[Tensor, "n d"], *, causal: bool = False) -> Float[Tensor, "n p"]:
    """Run a layer on one sequence, whatever its own calling convention is; gradients flow.

    Args:
        layer: As in `interaction_operators`; a callable need not be affine here.
        X: `(n, d)`.
        causal: For nn.MultiheadAttention only: whether to mask the future.

    Returns:
        `(n, p)`.

    Raises:
        InvalidTypeError: the layer is of no supported kind.
        InvalidParameterError: `X` has a wrong shape, dropout is active, or a convolution is not causal.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import apply_layer
        >>> conv = torch.nn.Conv1d(3, 2, kernel_size=4, padding=3)  # the first n outputs are causal
        >>> apply_layer(conv, torch.randn(7, 3)).shape
        torch.Size([7, 2])
    """
    tokens(X)
    if isinstance(layer, nn.MultiheadAttention):
        _usable(layer, X)
        n = X.shape[0]
        mask = torch.full((n, n), -math.inf, device=X.device, dtype=X.dtype).triu(1) if causal else None
        return layer(X, X, X, need_weights=False, attn_mask=mask)[0]
    if isinstance(layer, nn.Conv1d):
        tokens(X, layer.in_channels)
        reach = _causal_reach(layer)
        padded = pad(X.T[None], (reach, 0))
        return conv1d(padded, layer.weight, layer.bias, dilation=layer.dilation, groups=layer.groups)[0].T
    return _call(layer, X)


def convolution_lags(layer: nn.Conv1d, n: int) -> Float[Tensor, "n p d"]:
    """Lag operators of a causal convolution: `M_tau` is the tap that looks `tau` tokens back.

    Args:
        layer: Stride 1; padding 0 (padded on the left by us) or `(kernel - 1) * dilation` (outputs cut to n).
        n: Number of lags.

    Returns:
        `(n, p, d)`, grouped channels filled with zeros.

    Raises:
        InvalidParameterError: the convolution is not causal.
    """
    _causal_reach(layer)
    taps, dilation = layer.kernel_size[0], layer.dilation[0]
    per_group = layer.out_channels // layer.groups
    weight = layer.weight.new_zeros(layer.out_channels, layer.in_channels, taps)
    width = layer.in_channels // layer.groups
    for group in range(layer.groups):
        rows = slice(group * per_group, (group + 1) * per_group)
        weight[rows, group * width : (group + 1) * width] = layer.weight[rows]
    lags = layer.weight.new_zeros(n, layer.out_channels, layer.in_channels)
    reached = [tap for tap in range(taps) if tap * dilation < n]
    # the last tap meets the present token: convolution in torch is cross-correlation
    lags[[tap * dilation for tap in reached]] = weight.permute(2, 0, 1).flip(0)[reached]
    return lags


def _causal_reach(layer: nn.Conv1d) -> int:
    reach = (layer.kernel_size[0] - 1) * layer.dilation[0]
    is_padded_causally = layer.padding in ((0,), (reach,), "valid") and layer.padding_mode == "zeros"
    if layer.stride[0] != 1 or not is_padded_causally:
        raise InvalidParameterError(
            f"nn.Conv1d with stride {layer.stride[0]}, padding {layer.padding!r} and mode {layer.padding_mode!r} is "
            f"not causal; use stride 1, zeros, and padding 0 or (kernel_size - 1) * dilation = {reach}"
        )
    return reach


def _usable(layer: nn.MultiheadAttention, X: Tensor) -> None:
    tokens(X, layer.embed_dim)
    if layer.kdim != layer.embed_dim or layer.vdim != layer.embed_dim:
        raise InvalidParameterError(
            f"nn.MultiheadAttention has kdim {layer.kdim} and vdim {layer.vdim}; self-attention needs both equal to "
            f"embed_dim {layer.embed_dim}"
        )
    if layer.training and layer.dropout > 0:
        raise InvalidParameterError(
            f"nn.MultiheadAttention has dropout {layer.dropout} and is in training mode; call layer.eval() first"
        )


def _attention(layer: nn.MultiheadAttention, X: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    """Operators `(n, n, p, d)` and offset `(n, p)` of self-attention."""
    _usable(layer, X)
    n, dim, heads = X.shape[0], layer.embed_dim, layer.num_heads
    if layer.in_proj_weight is None:
        raise InvalidParameterError("nn.MultiheadAttention has separate projections; self-attention packs them in one")
    w_q, w_k, w_v = layer.in_proj_weight.chunk(3)
    none = X.new_zeros(dim)
    b_q, b_k, b_v = (none, none, none) if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)
    key, extra_value = X @ w_k.T + b_k, X.new_zeros(0, dim)
    if layer.bias_k is not None and layer.bias_v is not None:
        key, extra_value = torch.cat([key, layer.bias_k[0]]), torch.cat([extra_value, layer.bias_v[0]])
    if layer.add_zero_attn:
        key, extra_value = torch.cat([key, X.new_zeros(1, dim)]), torch.cat([extra_value, X.new_zeros(1, dim)])
    query = (X @ w_q.T + b_q).view(n, heads, -1).transpose(0, 1)
    scores = query @ key.view(len(key), heads, -1).permute(1, 2, 0) / math.sqrt(dim // heads)
    if causal:
        future = torch.ones(n, n, dtype=torch.bool, device=X.device).triu(1)
        scores = scores.masked_fill(pad(future, (0, len(key) - n)), -math.inf)
    weights = scores.softmax(-1)
    w_o = layer.out_proj.weight.view(dim, heads, -1)
    maps = torch.einsum("phe,hed->hpd", w_o, w_v.view(heads, -1, dim))
    operators = torch.einsum("hij,hpd->ijpd", weights[:, :, :n], maps)
    # token values carry the value bias; bias_v and the zero row of add_zero_attn are values of their own
    constant = torch.cat([b_v.expand(n, dim), extra_value]).view(len(key), heads, -1)
    offset = torch.einsum("phe,hij,jhe->ip", w_o, weights, constant)
    return operators, offset if layer.out_proj.bias is None else offset + layer.out_proj.bias


def _call(layer: Layer, X: Tensor) -> Tensor:
    if not callable(layer):
        raise InvalidTypeError(f"a layer of type {type(layer).__name__} is not supported; give one of: {SUPPORTED}")
    y = layer(X)
    if not isinstance(y, Tensor) or y.ndim != 2 or y.shape[0] != X.shape[0]:
        got = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else f"type {type(y).__name__}"
        raise InvalidTypeError(
            f"{type(layer).__name__} gave an output of {got} for X of shape {tuple(X.shape)}; it must map (n, d) to "
            f"(n, p). Supported: {SUPPORTED}"
        )
    return y


def _affine(layer: Layer, X: Tensor) -> tuple[Tensor, Tensor]:
    """Operators and offset of an affine callable, from its Jacobian at zero."""
    zero = torch.zeros_like(X)
    offset = _call(layer, zero).detach()
    jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        lambda x: _call(layer, x), zero, vectorize=True
    )
    operators = jacobian.permute(0, 2, 1, 3)
    tolerance = AFFINE_TOLERANCE.get(X.dtype, 1e-1)
    for probe in (X, -2 * X.flip(0)):
        output = _call(layer, probe).detach()
        rebuilt = torch.einsum("ijpd,jd->ip", operators, probe) + offset
        if float((output - rebuilt).abs().max()) > tolerance * float(output.abs().max().clamp(min=1e-30)):
            raise InvalidParameterError(
                f"{type(layer).__name__} is not affine in X, so its outputs do not determine its operators W_ij(X); "
                "give it a method operators(X) that returns them as (n, n, p, d)"
            )
    return operators, offset
