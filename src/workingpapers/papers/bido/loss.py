"""The whole objective in one call: a criterion on the logits, and the regulariser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from workingpapers.errors import InvalidTypeError
from workingpapers.papers.bido.method import BiDO, Measure
from workingpapers.parts.checks import torch_module


@dataclass(frozen=True)
class BiDOOutput:
    """What one step of training needs.

    Args:
        loss: Criterion plus term, without axes; call `backward` on it.
        ce: The criterion alone, without a gradient.
        terms: `{layer: (d(X, Z), d(Z, Y))}`, without weights.
        logits: What the model gave, shape `(n, classes)`.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> output = BiDOLoss(net)(torch.randn(32, 4), torch.randint(3, (32,)))
        >>> output.logits.shape
        torch.Size([32, 3])

    """

    loss: Float[Tensor, ""]
    ce: Float[Tensor, ""]
    terms: Mapping[str, tuple[float, float]]
    logits: Float[Tensor, "n classes"]


class BiDOLoss(nn.Module):
    """Cross entropy plus BiDO's term, of a model that is called here.

    Args:
        model: The classifier; its parameters are those of this module.
        criterion: Of logits and targets; None for cross entropy.
        measure: See `BiDO`, as all that follow.
        layers: Names, or `"auto"`.
        lambda_x: Weight of the dependence on the inputs.
        lambda_y: Weight of the dependence on the labels.
        every: Steps from one term to the next.
        options: `sigma`, `eps` and `norm`.

    Raises:
        UnknownLayerError: no layer of that name.
        InvalidParameterError: as `BiDO`.
        InvalidTypeError: no module.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> objective = BiDOLoss(net, lambda_x=0.05, lambda_y=0.5)
        >>> output = objective(torch.randn(32, 4), torch.randint(3, (32,)))
        >>> output.loss.backward()
        >>> list(output.terms)
        ['1']
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: nn.Module | None = None,
        measure: Literal["hsic", "coco"] | Measure = "hsic",
        layers: list[str] | Literal["auto"] = "auto",
        lambda_x: float = 0.05,
        lambda_y: float = 0.5,
        every: int = 1,
        **options: Any,
    ) -> None:
        super().__init__()
        self.model = torch_module("model", model)
        self.criterion = nn.CrossEntropyLoss() if criterion is None else torch_module("criterion", criterion)
        self.bido = BiDO(measure, layers, lambda_x, lambda_y, every, **options).attach(model)

    def forward(self, inputs: Shaped[Tensor, "n *input"], targets: Shaped[Tensor, "*n"]) -> BiDOOutput:
        """One forward pass of the model and the objective.

        Args:
            inputs: A batch `(n, ...)`.
            targets: Its labels `(n,)`.
        """
        output = self.model(inputs)
        logits = getattr(output, "logits", output)
        if not isinstance(logits, Tensor):
            raise InvalidTypeError(f"the model gives {type(output).__name__}; it must give logits, or have .logits")
        term = self.bido.loss(inputs, targets)
        ce: Float[Tensor, ""] = self.criterion(logits, targets)
        return BiDOOutput(ce + term, ce.detach(), self.bido.log(), logits)
