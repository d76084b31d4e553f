"""How to choose the two weights: so that each term's gradient is a given share of the cross entropy's."""

import copy
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.bido.method import BiDO, Measure
from workingpapers.parts.checks import real_number, torch_module, whole_number


class SuggestedLambdas(NamedTuple):
    """Weights of the two terms."""

    lambda_x: float
    lambda_y: float


def suggest_lambdas(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    measure: Literal["hsic", "coco"] | Measure = "hsic",
    layers: list[str] | Literal["auto"] = "auto",
    fraction: float = 0.1,
    batches: int = 4,
    **options: Any,
) -> SuggestedLambdas:
    """Weights with which each term's gradient has the norm of `fraction` times the cross entropy's.

    A starting point for a grid, not an optimum: the norms are those at the model's present weights. Best asked after an
    epoch of plain training. The model is copied and left as it was.

    Args:
        model: A classifier.
        loader: Gives batches `(inputs, targets)` of shape `(n, ...)` and `(n,)`, such as a DataLoader or a list.
        measure: As for `BiDO`.
        layers: As for `BiDO`.
        fraction: Share of the cross entropy's gradient; above 0.
        batches: Batches over which the norms are averaged.
        options: As for `BiDO`: `sigma`, `eps` and `norm`.

    Returns:
        `lambda_x` and `lambda_y`.

    Raises:
        InvalidParameterError: the loader gives no batch, or a gradient is zero.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> batch = torch.randn(32, 4), torch.randint(3, (32,))
        >>> lambda_x, lambda_y = suggest_lambdas(net, [batch], fraction=0.2)
        >>> lambda_x > 0 and lambda_y > 0
        True
    """
    twin = copy.deepcopy(torch_module("model", model))
    fraction = real_number("fraction", fraction, above=0)
    batches = whole_number("batches", batches, least=1)
    parameters = [each for each in twin.parameters() if each.requires_grad]
    if not parameters:
        raise InvalidParameterError("the model has no parameter that requires a gradient; nothing of it is trained")
    device = parameters[0].device
    sums, seen = [0.0, 0.0, 0.0], 0
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        norms = []
        for weights in ((None), (1.0, 0.0), (0.0, 1.0)):
            if weights is None:
                loss = functional.cross_entropy(twin(inputs), targets)
            else:
                with BiDO(measure, layers, *weights, **options).attach(twin) as bido:
                    twin(inputs)
                    loss = bido.loss(inputs, targets)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            norms.append(_norm(gradients))
        sums = [total + norm for total, norm in zip(sums, norms, strict=True)]
        seen += 1
        if seen == batches:
            break
    if seen == 0:
        raise InvalidParameterError("loader gives no batch; give a DataLoader or a list of (inputs, targets)")
    for name, total in zip(("cross entropy", "d(X, Z)", "d(Z, Y)"), sums, strict=True):
        if not total > 0:
            raise InvalidParameterError(
                f"the gradient of the {name} is {total:g}; name layers that depend on trained parameters, and give "
                "batches of several classes"
            )
    return SuggestedLambdas(fraction * sums[0] / sums[1], fraction * sums[0] / sums[2])


def _norm(gradients: Iterable[Tensor | None]) -> float:
    squares = [float(each.double().pow(2).sum()) for each in gradients if each is not None]
    return float(sum(squares) ** 0.5)
