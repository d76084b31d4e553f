"""The family of activation functions of the sweep, and swapping one kind for another in any model."""

import math
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh, leaky_relu, softplus

from workingpapers.errors import InvalidParameterError, InvalidTypeError

Activation = Callable[[Tensor], Tensor]


def _sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(4 * x) - 0.5


def _shifted_sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(4 * x - 2)


def _leaky_relu(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2)


def _softplus(x: Tensor) -> Tensor:
    return softplus(x) - math.log(2)


def _clipped_relu(x: Tensor) -> Tensor:
    return x.clamp(0.0, 1.0)


def _linear(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "tanh": torch.tanh,
        "erf": torch.erf,
        "hardtanh": hardtanh,
        "sigmoid": _sigmoid,
        "shifted-sigmoid": _shifted_sigmoid,
        "relu": torch.relu,
        "leaky-relu": _leaky_relu,
        "softplus": _softplus,
        "clipped-relu": _clipped_relu,
        "linear": _linear,
    }
)
# Saturating on both sides alike, and growing on one side only
SYMMETRIC = ("tanh", "erf", "hardtanh")
ONE_SIDED = ("relu", "leaky-relu")


def activation(name: str | Activation) -> Activation:
    """The function of that name, or the function itself.

    Raises:
        InvalidParameterError: no such name.
        InvalidTypeError: neither a name nor a function.
    """
    if isinstance(name, str):
        if name not in ACTIVATIONS:
            raise InvalidParameterError(
                f"activation is {name!r}; known names are {', '.join(ACTIVATIONS)}, or give a function of a tensor"
            )
        found: Activation = ACTIVATIONS[name]
        return found
    if not callable(name):
        raise InvalidTypeError(f"activation is {type(name).__name__}; give a name or a function of a tensor")
    return name


def swap_activation(model: nn.Module, old: type[nn.Module] = nn.ReLU, new: Callable[[], nn.Module] = nn.Tanh) -> int:
    """Replace activation modules of the user's own model, in place, and say how many there were.

    Args:
        model: Any module; activations called as functions in `forward` cannot be seen.
        old: Class of the modules to be replaced; subclasses too.
        new: Class, or a function without arguments, that makes the new module. A module that stands at several places
            stays one module.

    Returns:
        The number of places replaced; 0 comes with a `UserWarning`.

    Raises:
        InvalidTypeError: `model` is no module, or is itself of class `old`, so that nothing holds it.

    Differs from the paper: none known.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
        >>> swap_activation(net), net[1]
        (2, Tanh())
    """
    if not isinstance(model, nn.Module):
        raise InvalidTypeError(f"model is {type(model).__name__}; give a torch.nn.Module")
    if isinstance(model, old):
        raise InvalidTypeError(f"the model itself is {type(model).__name__}; put it into a module to have it replaced")
    twins: dict[nn.Module, nn.Module] = {}
    count = 0
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children would skip the second place of a module
            if isinstance(child, old):
                if child not in twins:
                    twins[child] = new().train(child.training)
                parent._modules[name] = twins[child]
                count += 1
    if count == 0:
        warnings.warn(
            f"no {old.__name__} module in the model, nothing was replaced; activations called as functions in forward "
            "cannot be swapped",
            UserWarning,
            stacklevel=2,
        )
    return count
