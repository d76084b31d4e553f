"""Gradients of a user's module for `simulate` (arXiv 1010.4517): replicas as rows of one matrix of weights.

No official code known. Nothing is taken from elsewhere.
Implements ∇Φ of the coupled system (section 2) for Φ(w) = loss of a module with weights w on a batch.
Differences from the paper: none known; the paper leaves Φ open.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.calling import call


class ModuleGradient:
    """∇Φ for `simulate`, made by `module_gradient`: maps weights `(..., d)` to gradients `(..., d)`.

    Args:
        module: The module; not changed.
        loss_fn: Takes the module's output and the targets, returns one number.
        batch: Pair (inputs, targets).

    Attributes:
        dim: Number d of weights.
        initial: The module's own weights as one vector, shape `(d,)`, in the order of `module.parameters()`.

    Example:
        >>> x, y = torch.randn(8, 3), torch.randn(8, 1)
        >>> drift = module_gradient(nn.Linear(3, 1), nn.functional.mse_loss, (x, y))
        >>> drift.dim, drift(drift.initial.expand(5, 2, 4)).shape
        (4, torch.Size([5, 2, 4]))
    """

    def __init__(self, module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], batch: tuple[Any, Any]) -> None:
        self.module, self._loss_fn, self._batch = module, loss_fn, batch
        parameters = {name: each.detach() for name, each in module.named_parameters() if each.requires_grad}
        self._fixed = {name: each.detach() for name, each in module.named_parameters() if not each.requires_grad}
        self._fixed |= dict(module.named_buffers())
        self._shapes = {name: each.shape for name, each in parameters.items()}
        self.initial: Float[Tensor, " d"] = torch.cat([each.reshape(-1) for each in parameters.values()])
        self.dim = len(self.initial)

        def loss(w: Tensor) -> Tensor:
            output = call(_Functional(module, {**self._fixed, **self.unflatten(w)}), batch[0])
            value = loss_fn(output, batch[1])
            if not isinstance(value, Tensor) or value.numel() != 1:
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise InvalidParameterError(f"loss_fn returns {shape}; it must return one number for the whole batch")
            return value.reshape(())

        self._grad = vmap(grad(loss), randomness="different")

    def unflatten(self, w: Float[Tensor, " d"]) -> dict[str, Tensor]:
        """Weights by name from one vector, for `torch.func.functional_call`.

        Args:
            w: The vector, shape `(d,)`.

        Returns:
            Views of it, shaped like the module's parameters.

        Example:
            >>> drift = module_gradient(nn.Linear(3, 1), nn.functional.mse_loss, (torch.ones(2, 3), torch.ones(2, 1)))
            >>> sorted(drift.unflatten(drift.initial))
            ['bias', 'weight']
        """
        pieces = torch.split(w, [shape.numel() for shape in self._shapes.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.module, self._loss_fn, self._batch), {"initial": self.initial}

    def __call__(self, w: Float[Tensor, "*replicas d"]) -> Float[Tensor, "*replicas d"]:
        """Gradients of all replicas at once."""
        if w.shape[-1] != self.dim:
            raise InvalidParameterError(f"the weights have {w.shape[-1]} entries and the module {self.dim} parameters")
        return self._grad(w.reshape(-1, self.dim)).reshape(w.shape)


class _Functional(nn.Module):
    """A module with given weights, as a module to call."""

    def __init__(self, module: nn.Module, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.__dict__["_called"] = (module, weights)  # not registered: the module stays the user's

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        module, weights = self.__dict__["_called"]
        return functional_call(module, weights, args, kwargs)


def module_gradient(module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], batch: tuple[Any, Any]) -> ModuleGradient:
    """∇Φ of a module's loss on a batch, for all replicas and paths at once.

        Φ(w) = loss_fn(module_w(inputs), targets)

    Args:
        module: Any module. It is not changed; only parameters that require gradients are weights. Put batch
            normalisation into eval mode: its running statistics cannot be shared by replicas.
        loss_fn: Takes the module's output and the targets, returns one number.
        batch: Pair (inputs, targets); inputs are a tensor, a tuple of arguments or a mapping of keyword arguments.

    Returns:
        A callable for `simulate`; start from its `initial`.

    Raises:
        InvalidTypeError: no module, a loss that cannot be called, or a batch that is no pair.
        InvalidParameterError: no parameter requires gradients, or batch normalisation is in training mode.

    Source: section 2, Φ a loss.

    Example:
        >>> from workingpapers.papers.synchronization import laplacian, simulate
        >>> x = torch.randn(32, 4)
        >>> drift = module_gradient(nn.Linear(4, 2), nn.functional.cross_entropy, (x, (x[:, 0] > 0).long()))
        >>> run = simulate(drift, drift.initial, laplacian("ring", 5), 1.0, 0.1, dt=0.1, steps=10, paths=3)
        >>> run.final.shape
        torch.Size([3, 5, 10])
    """
    if not isinstance(module, nn.Module):
        raise InvalidTypeError(f"module is {type(module).__name__}; give a torch.nn.Module")
    if not callable(loss_fn):
        raise InvalidTypeError(f"loss_fn is {type(loss_fn).__name__}; give a callable (output, targets) -> one number")
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise InvalidTypeError("batch must be a pair (inputs, targets)")
    if not any(each.requires_grad for each in module.parameters()):
        raise InvalidParameterError("the module has no parameter that requires gradients; there is nothing to learn")
    for name, each in module.named_modules():
        if isinstance(each, nn.modules.batchnorm._NormBase) and each.training and each.track_running_stats:
            raise InvalidParameterError(
                f"{name or 'the module'} is batch normalisation in training mode, whose running statistics replicas "
                "cannot share; call module.eval() first"
            )
    return ModuleGradient(module, loss_fn, (batch[0], batch[1]))
