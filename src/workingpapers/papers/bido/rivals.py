"""The rival defences: a variational bottleneck before the classifier (MID), and the unilateral penalty on outputs."""

from typing import Any, Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.papers.bido.method import Measure, check_measure
from workingpapers.parts.checks import real_number, whole_number
from workingpapers.parts.dependence import coco, hsic


class VIBHead(nn.Module):
    """Variational information bottleneck as a classifier's last layer, the defence MID.

    `μ, s = Linear(features)`, `σ = softplus(s - 5)`, `z = μ + σ ε`, `logits = Linear(z)`; the loss is the cross entropy
    plus `β KL(N(μ, σ²) ‖ N(0, I))`. In evaluation mode `z = μ`.

    Args:
        in_features: Width of the features.
        num_classes: Classes.
        bottleneck: Width of z; None for that of the features.
        beta: Weight β of the divergence; 0 or more.
        device: Of the parameters.
        dtype: Of the parameters.

    Raises:
        InvalidParameterError: a width below 1, or a negative weight.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), VIBHead(8, 3, beta=0.01))
        >>> x, y = torch.randn(16, 4), torch.randint(3, (16,))
        >>> net[-1].loss(net(x), y).backward()
    """

    kl: Tensor

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        bottleneck: int | None = None,
        beta: float = 0.01,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = whole_number("in_features", in_features, least=1)
        self.num_classes = whole_number("num_classes", num_classes, least=1)
        width = self.in_features if bottleneck is None else whole_number("bottleneck", bottleneck, least=1)
        self.beta = real_number("beta", beta, least=0)
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.encoder = nn.Linear(self.in_features, 2 * width, **made)
        self.classifier = nn.Linear(width, self.num_classes, **made)
        self.kl = torch.zeros((), **made)

    def reset_parameters(self) -> None:
        """Draw both layers anew."""
        self.encoder.reset_parameters()
        self.classifier.reset_parameters()

    def forward(self, features: Float[Tensor, "n dim"]) -> Float[Tensor, "n classes"]:
        """Logits `(n, classes)` of features `(n, dim)`; keeps the batch's mean divergence for `loss`."""
        mean, s = self.encoder(features).chunk(2, -1)
        scale = functional.softplus(s - 5)
        self.kl = 0.5 * (mean**2 + scale**2 - 2 * scale.log() - 1).sum(-1).mean()
        return self.classifier(mean + scale * torch.randn_like(mean) if self.training else mean)

    def loss(self, logits: Float[Tensor, "n classes"], targets: Shaped[Tensor, "*n"]) -> Float[Tensor, ""]:
        """Cross entropy plus β times the divergence of the last forward pass.

        Args:
            logits: `(n, classes)`.
            targets: Labels `(n,)`.
        """
        return functional.cross_entropy(logits, targets) + self.beta * self.kl

    def __getstate__(self) -> dict[str, Any]:
        """Without the graph of the last divergence, so that the module can be copied."""
        return {**self.__dict__, "kl": self.kl.detach()}


class UnilateralPenalty:
    """The unilateral defence: `λ d(X, Ŷ)`, the dependence of the logits on the inputs, to be added to the loss.

    Called with inputs `(n, ...)` and logits `(n, classes)` after the model's forward pass.

    Args:
        measure: `"hsic"` (normalised), `"coco"`, or a function of two batches; Gaussian kernels of σ = 5 on both.
        lambda_x: Weight λ; 0 or more.

    Raises:
        InvalidParameterError: another measure, or a negative weight.

    Example:
        >>> net = nn.Linear(4, 3)
        >>> x = torch.randn(16, 4)
        >>> UnilateralPenalty("coco", 5.0)(x, net(x)).backward()
    """

    def __init__(self, measure: Literal["hsic", "coco"] | Measure = "hsic", lambda_x: float = 0.05) -> None:
        self.measure = check_measure(measure)
        self.lambda_x = real_number("lambda_x", lambda_x, least=0)

    def __call__(self, inputs: Shaped[Tensor, "n *input"], logits: Float[Tensor, "m classes"]) -> Float[Tensor, ""]:
        """The weighted dependence.

        Args:
            inputs: A batch `(n, ...)`; n of at least 4.
            logits: What the model gives for it, `(n, classes)`.
        """
        if self.lambda_x == 0:
            return logits.new_zeros(())
        if callable(self.measure):
            return self.lambda_x * self.measure(inputs, logits)
        return self.lambda_x * (hsic if self.measure == "hsic" else coco)(inputs, logits)
