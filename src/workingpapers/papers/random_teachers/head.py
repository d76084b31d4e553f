"""Random Teachers are Good Teachers (arXiv 2302.12091): the projection head h.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements the projector of section 2 and appendix: MLP with GELU, L2 bottleneck, weight-normalised last layer.
Differences from the paper: none known; `weight_norm=False` is what the official code does at its head.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import whole_number


class ProjectionHead(nn.Module):
    """The projector: MLP with exact GELU, L2 bottleneck, and a last layer with columns of unit norm.

    `u = W_k gelu(... gelu(W_1 x + b_1)) + b_k`, `z = u / |u|`, output `j` is `v_j . z / |v_j|`. With both
    normalisations every output is a cosine and lies in [-1, 1].

    Args:
        in_dim: Width of the embedding.
        hidden: Widths of the hidden layers; a GELU follows each.
        bottleneck: Width of the bottleneck.
        out_dim: Number of outputs of the softmax, 2 or more.
        weight_norm: Whether the rows of the last weight count by their direction only, as the text says.
        feature_norm: Whether the bottleneck's vector is scaled to length 1.
        device: Where the parameters lie.
        dtype: Their type.

    Raises:
        InvalidParameterError: `out_dim` below 2, or a width below 1.
        InvalidTypeError: a width is no whole number.

    Differs from the paper: nothing known. The official code of 2022-12 and later multiplies with the raw last weight
    although it offers the normalised one; `weight_norm=False` does that.

    Example:
        >>> import torch
        >>> head = ProjectionHead(8, hidden=(16,), bottleneck=4, out_dim=32)
        >>> out = head(torch.randn(5, 8))
        >>> out.shape, bool((out.abs() <= 1 + 1e-6).all())
        (torch.Size([5, 32]), True)
    """

    def __init__(
        self,
        in_dim: int,
        hidden: Sequence[int] = (2048, 2048),
        bottleneck: int = 256,
        out_dim: int = 65536,
        *,
        weight_norm: bool = True,
        feature_norm: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not hasattr(hidden, "__iter__"):
            raise InvalidTypeError(f"hidden is {hidden!r}; give a sequence of whole numbers")
        widths = [
            whole_number("in_dim", in_dim, least=1),
            *(whole_number(f"hidden[{place}]", width, least=1) for place, width in enumerate(hidden)),
            whole_number("bottleneck", bottleneck, least=1),
        ]
        self.in_dim = widths[0]
        self.bottleneck = widths[-1]
        self.out_dim = whole_number("out_dim", out_dim, least=2)
        self.weight_norm = bool(weight_norm)
        self.feature_norm = bool(feature_norm)
        self.layers = nn.ModuleList(nn.Linear(a, b, device=device, dtype=dtype) for a, b in pairwise(widths))
        self.prototypes = nn.Parameter(torch.empty(self.out_dim, self.bottleneck, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Truncated normal weights of standard deviation 0.02, zero biases."""
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def project(self, x: Float[Tensor, "*batch in_dim"]) -> Float[Tensor, "*batch bottleneck"]:
        """The bottleneck's vector z.

        Args:
            x: Embeddings, shape `(..., in_dim)`.

        Returns:
            Shape `(..., bottleneck)`, of length 1 with `feature_norm`; at least float32.
        """
        if x.shape[-1] != self.in_dim:
            raise InvalidParameterError(f"x has {x.shape[-1]} features in its last axis; the head takes {self.in_dim}")
        for place, layer in enumerate(self.layers):
            x = layer(functional.gelu(x) if place else x)
        if not self.feature_norm:
            return x
        # half precision would lose the direction of short vectors, and with it a KL of 1e-6
        unit = functional.normalize(x if x.dtype == torch.float64 else x.float(), dim=-1)
        return unit if torch.is_autocast_enabled(x.device.type) else unit.to(x.dtype)

    def kernel(self) -> Float[Tensor, "out_dim bottleneck"]:
        """The last layer's weight as it multiplies: rows of unit length with `weight_norm`."""
        if not self.weight_norm:
            return self.prototypes
        # a product with the inverse length: its backward pass takes fewer sweeps over the weight than a division
        length = torch.linalg.vector_norm(self.prototypes, dim=-1, keepdim=True)
        return self.prototypes * length.clamp_min(1e-12).reciprocal()

    def forward(self, x: Float[Tensor, "*batch in_dim"]) -> Float[Tensor, "*batch out_dim"]:
        """Logits of shape `(..., out_dim)` for embeddings of shape `(..., in_dim)`."""
        return functional.linear(self.project(x), self.kernel())

    def extra_repr(self) -> str:
        """Bottleneck, outputs and normalisations."""
        return (
            f"bottleneck={self.bottleneck}, out_dim={self.out_dim}, weight_norm={self.weight_norm}, "
            f"feature_norm={self.feature_norm}"
        )
