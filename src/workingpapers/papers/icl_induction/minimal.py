"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Implements the two- and three-parameter models of an induction head (section 3, Figures 5 and A.2-A.3), as we read them.
Differences from the paper: the parametrisation is re-derived from its description and not verified against its text.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.icl_induction.method import Attention
from workingpapers.parts.checks import whole_number


class MinimalInductionHead(nn.Module):
    r"""An induction head with two numbers to learn, before the same MLP as the full network.

    Layer 1: a label token looks at the token just before it with logit `beta1`, at the others up to itself with logit
    0, and keeps what it reads, `b_i = sum_j A1_ij c_j`. Layer 2: the target looks at token j with logit
    `alpha <c_target, b_j>` (item tokens keep nothing, so their logit is 0) and the MLP gets
    `c_target + sum_j A2_j c_j`. With `third`, each label token has `beta2` added to its logit in layer 2.

    Args:
        positions: P, the width of the one-hot position at the head of each token; it is not looked at.
        dim: Content width D.
        n_labels: L.
        third: Whether `beta2` is learned as well.
        mlp_hidden: Width of the MLP's hidden layers.
        device: Where the parameters lie.
        dtype: Their type.

    Raises:
        InvalidParameterError: a size below 1.

    Differs from the paper:
        Its exact parametrisation is not verified.

    Example:
        >>> head = MinimalInductionHead(17, 32, 8)
        >>> head(torch.randn(5, 9, 49)).shape, head.beta1.item(), head.alpha.item()
        (torch.Size([5, 8]), 0.0, 0.0)
    """

    def __init__(
        self,
        positions: int,
        dim: int,
        n_labels: int,
        *,
        third: bool = False,
        mlp_hidden: int = 128,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.positions, self.dim = whole_number("positions", positions, least=0), whole_number("dim", dim, least=1)
        self.n_labels = whole_number("n_labels", n_labels, least=1)
        self.mlp_hidden = whole_number("mlp_hidden", mlp_hidden, least=1)
        self.beta1 = nn.Parameter(torch.empty((), device=device, dtype=dtype))
        self.alpha = nn.Parameter(torch.empty((), device=device, dtype=dtype))
        self.beta2 = nn.Parameter(torch.empty((), device=device, dtype=dtype)) if third else None
        self.mlp = nn.Sequential(
            nn.Linear(self.dim, self.mlp_hidden, device=device, dtype=dtype),
            nn.ReLU(),
            nn.Linear(self.mlp_hidden, self.mlp_hidden, device=device, dtype=dtype),
            nn.ReLU(),
            nn.Linear(self.mlp_hidden, self.n_labels, device=device, dtype=dtype),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Logits become zero, the MLP's weights are drawn from `N(0, 1 / fan-in)`, its biases become zero."""
        for logit in (self.beta1, self.alpha, self.beta2):
            if logit is not None:
                nn.init.zeros_(logit)
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)

    def forward(
        self, tokens: Float[Tensor, "batch tokens width"], return_attention: bool = False
    ) -> Float[Tensor, "batch labels"] | tuple[Float[Tensor, "batch labels"], Attention]:
        """Logits of the target's label.

        Args:
            tokens: `(n, 2 N + 1, P + D)`.
            return_attention: Whether to give the attention of both layers as well.

        Returns:
            Logits `(n, L)`; with `return_attention` also two tensors `(n, 1, T, T)`. In the second only the last row
            is used; the others attend to themselves.

        Raises:
            InvalidParameterError: tokens of another width, or an even number of them.
        """
        if tokens.dim() != 3 or tokens.shape[-1] != self.positions + self.dim or tokens.shape[1] % 2 == 0:
            raise InvalidParameterError(
                f"tokens have shape {tuple(tokens.shape)}; they must be (n, 2 N + 1, P + D) with P + D = "
                f"{self.positions + self.dim}"
            )
        content = tokens[..., self.positions :]
        n, length, _ = content.shape
        first = self._first_layer(length, content)
        is_label = torch.arange(length, device=tokens.device) % 2 == 1
        target = content[:, -1]
        # b_j = sum_k A1_jk c_k only meets the target: <target, b_j> = sum_k A1_jk <target, c_k>
        overlap = (content @ target[..., None]).squeeze(-1) @ first.transpose(0, 1)
        scores = self.alpha * overlap
        if self.beta2 is not None:
            scores = scores + self.beta2
        second = torch.where(is_label, scores, torch.zeros_like(scores)).softmax(-1)
        logits = self.mlp(target + (second[:, None] @ content).squeeze(1))
        if not return_attention:
            return logits
        last = torch.eye(length, dtype=second.dtype, device=second.device).repeat(n, 1, 1)
        last[:, -1] = second
        return logits, (first.expand(n, 1, length, length), last[:, None])

    def _first_layer(self, length: int, like: Tensor) -> Float[Tensor, "tokens tokens"]:
        """Row i is uniform over 0..i, but for label tokens, which favour i - 1 by `beta1`."""
        index = torch.arange(length, device=like.device)
        is_before = (index[:, None] - 1 == index[None, :]) & (index[:, None] % 2 == 1)
        scores = self.beta1 * is_before.to(self.beta1.dtype)
        return scores.masked_fill(index[None, :] > index[:, None], float("-inf")).softmax(-1)
