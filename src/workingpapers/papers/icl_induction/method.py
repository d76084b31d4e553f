"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Implements the attention-only network of section 2: residual attention layers, then an MLP on the last token.
Differences from the paper: several heads, any depth, and the last layer for the last query only (same output).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import whole_number

Attention = tuple[Float[Tensor, "batch heads query key"], ...]


class AttentionOnlyClassifier(nn.Module):
    r"""Residual causal attention without normalisation or output projection, then a three-layer MLP.

    `A = softmax((u Q)(u K)^T / sqrt(dim))` over the token itself and those before it, `u <- u + A (u V)`; the last
    token goes through an MLP with two hidden ReLU layers.

    The last attention layer is computed for the last token only, which gives the same logits. Queries, keys and values
    are never formed where a product of two weights says the same: `(u Q)(u K)^T = (u Q K^T) u^T`.

    Args:
        dim: Width of a token, P + D.
        n_labels: Number of logits, L.
        layers: Attention layers; 0 leaves the MLP, which can use its weights only.
        heads: Heads of a layer, a divisor of `dim`; each writes to its own share of the channels.
        mlp_hidden: Width of the MLP's hidden layers.
        device: Where the parameters lie.
        dtype: Their type.

    Raises:
        InvalidParameterError: a size below 1, or `heads` no divisor of `dim`.

    Differs from the paper:
        Initial scales are those of ports of the task: variance one over the fan-in, biases zero.

    Example:
        >>> net = AttentionOnlyClassifier(24, 8)
        >>> logits, attention = net(torch.randn(5, 9, 24), return_attention=True)
        >>> logits.shape, [layer.shape for layer in attention]
        (torch.Size([5, 8]), [torch.Size([5, 1, 9, 9]), torch.Size([5, 1, 9, 9])])
    """

    def __init__(
        self,
        dim: int,
        n_labels: int,
        *,
        layers: int = 2,
        heads: int = 1,
        mlp_hidden: int = 128,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.n_labels = whole_number("dim", dim, least=1), whole_number("n_labels", n_labels, least=1)
        self.layers, self.heads = whole_number("layers", layers, least=0), whole_number("heads", heads, least=1)
        self.mlp_hidden = whole_number("mlp_hidden", mlp_hidden, least=1)
        if self.dim % self.heads:
            raise InvalidParameterError(f"heads is {self.heads} and dim {self.dim}; choose a divisor of dim")
        shape = (self.layers, self.heads, self.dim, self.dim // self.heads)
        made = {"device": device, "dtype": dtype}
        self.query, self.key, self.value = (
            nn.ParameterList([nn.Parameter(torch.empty(shape[1:], **made)) for _ in range(layers)])  # type: ignore[arg-type]  # device and dtype
            for _ in range(3)
        )
        self.mlp = nn.Sequential(
            nn.Linear(self.dim, self.mlp_hidden, **made),  # type: ignore[arg-type]
            nn.ReLU(),
            nn.Linear(self.mlp_hidden, self.mlp_hidden, **made),  # type: ignore[arg-type]
            nn.ReLU(),
            nn.Linear(self.mlp_hidden, self.n_labels, **made),  # type: ignore[arg-type]
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from `N(0, 1 / fan-in)`; biases become zero."""
        for weights in (self.query, self.key, self.value):
            for weight in weights:
                nn.init.normal_(weight, std=self.dim**-0.5)
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)

    def forward(
        self, tokens: Float[Tensor, "batch tokens dim"], return_attention: bool = False
    ) -> Float[Tensor, "batch labels"] | tuple[Float[Tensor, "batch labels"], Attention]:
        """Logits of the last token's label.

        Args:
            tokens: `(n, T, dim)`.
            return_attention: Whether to give the attention of each layer as well.

        Returns:
            Logits `(n, L)`; with `return_attention` also one tensor `(n, heads, T, T)` for each layer.

        Raises:
            InvalidParameterError: tokens of another shape.
        """
        if tokens.dim() != 3 or tokens.shape[-1] != self.dim:
            raise InvalidParameterError(
                f"tokens have shape {tuple(tokens.shape)}; they must be (n, T, dim) with dim = {self.dim}"
            )
        u = tokens
        maps = []
        for layer in range(self.layers):
            if layer == self.layers - 1 and not return_attention:
                u = self._last_query(u, layer)
            else:
                u, attention = self._all_queries(u, layer)
                maps.append(attention)
        logits = self.mlp(u[:, -1])
        return (logits, tuple(maps)) if return_attention else logits

    def _bilinear(self, layer: int) -> Float[Tensor, "heads dim dim"]:
        """`Q K^T / sqrt(head width)` of each head."""
        scaled = self.query[layer] * (self.dim // self.heads) ** -0.5
        return scaled @ self.key[layer].transpose(-1, -2)

    def _all_queries(
        self, u: Float[Tensor, "batch tokens dim"], layer: int
    ) -> tuple[Float[Tensor, "batch tokens dim"], Float[Tensor, "batch heads tokens tokens"]]:
        n, length, _ = u.shape
        bilinear = self._bilinear(layer)
        # weights meet flattened tokens: under vmap that is one product for a network, else one for a sequence
        flat = u.reshape(n * length, self.dim)
        future = torch.ones(length, length, dtype=torch.bool, device=u.device).triu(1)
        added, maps = [], []
        for head in range(self.heads):
            scores = (flat @ bilinear[head]).view(n, length, self.dim) @ u.transpose(1, 2)
            attention = scores.masked_fill(future, float("-inf")).softmax(-1)
            values = (flat @ self.value[layer][head]).view(n, length, -1)
            added.append(attention @ values)
            maps.append(attention)
        return u + _joined(added, -1), torch.stack(maps, 1)

    def _last_query(self, u: Float[Tensor, "batch tokens dim"], layer: int) -> Float[Tensor, "batch one dim"]:
        bilinear = self._bilinear(layer)
        last = u[:, -1]
        added = []
        for head in range(self.heads):
            # sums of products: thousands of products with one column each are slower
            attention = (u * (last @ bilinear[head])[:, None]).sum(-1).softmax(-1)
            read = (attention[..., None] * u).sum(1)
            added.append(read @ self.value[layer][head])
        return (last + _joined(added, -1))[:, None]


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)
