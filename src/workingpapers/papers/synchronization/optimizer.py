"""A wrapper that couples synchronized replicas (arXiv 1010.4517) after each step of any torch optimizer.

No official code known. Nothing is taken from elsewhere.
Implements the coupled system of section 2 by turns: a step of the optimizer, then a step of the coupling.
Differences from the paper: any optimizer in place of gradient flow.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.synchronization.method import SynchronizedReplicas


class SynchronizedOptimizer(Optimizer):
    """A torch optimizer whose every step ends by coupling the replicas, each parameter with its group's learning rate.

        w_i ← step(w_i),    then    w_i ← w_i - η κ Σ_j L_ij w_j

    Parameter groups, state, `state_dict`, learning-rate schedulers and gradient scalers are those of the optimizer
    that is wrapped; parameters of the replicas that it does not hold are not coupled.

    Args:
        optimizer: Made from `replicas.parameters()` or a part of them. Its groups must have a learning rate `lr`.
        replicas: The replicas.

    Attributes:
        optimizer: The wrapped optimizer.
        replicas: The replicas.

    Raises:
        InvalidTypeError: no optimizer, or no `SynchronizedReplicas`.
        InvalidParameterError: the optimizer holds none of the replicas' parameters, a group without `lr`, or (also at
            each step, before anything has moved) a learning rate at which the coupling overshoots.

    Differs from the paper: discrete time; with an adaptive optimizer κ is relative to its steps.

    Source: section 2.

    Example:
        >>> import torch
        >>> replicas = SynchronizedReplicas(nn.Linear(4, 2), 3, "ring", coupling=0.5)
        >>> optimizer = SynchronizedOptimizer(torch.optim.SGD(replicas.parameters(), lr=0.1), replicas)
        >>> x, y = torch.randn(3, 16, 4), torch.randn(3, 16, 2)  # a batch for each replica
        >>> for _ in range(20):
        ...     optimizer.zero_grad()
        ...     n_losses = (replicas.forward_each(x) - y).square().mean((1, 2))
        ...     n_losses.sum().backward()  # the sum: each replica gets the gradient of its own loss
        ...     optimizer.step()
        >>> replicas.spread() > 0
        True
    """

    def __init__(self, optimizer: Optimizer, replicas: SynchronizedReplicas) -> None:
        # not Optimizer.__init__: everything is the wrapped optimizer's
        if not isinstance(optimizer, Optimizer):
            raise InvalidTypeError(f"optimizer is {type(optimizer).__name__}; give a torch.optim.Optimizer")
        if not isinstance(replicas, SynchronizedReplicas):
            raise InvalidTypeError(f"replicas is {type(replicas).__name__}; give SynchronizedReplicas")
        self.optimizer = optimizer
        self.replicas = replicas
        if not self._steps():
            raise InvalidParameterError(
                "the optimizer holds none of the replicas' parameters; make it from replicas.parameters()"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of the optimizer, then one of the coupling.

        Args:
            closure: As the optimizer takes it.

        Returns:
            What the optimizer returns.

        Raises:
            InvalidParameterError: the learning rate of a group is too large for the coupling; nothing has moved.
        """
        steps = self._steps()
        result = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        self.replicas.couple_parameters_(steps)
        return result

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters of the optimizer."""
        self.optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The wrapped optimizer's state; the coupling has none."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the wrapped optimizer's state."""
        self.optimizer.load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the wrapped optimizer."""
        self.optimizer.add_param_group(param_group)

    def __repr__(self) -> str:
        return f"SynchronizedOptimizer({self.optimizer!r})"

    def __getattr__(self, name: str) -> Any:
        if name in ("optimizer", "replicas"):  # before __init__, as when copied
            raise AttributeError(name)
        return getattr(self.optimizer, name)

    def __getstate__(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer, "replicas": self.replicas}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _steps(self) -> dict[nn.Parameter, float]:
        """The checked step size of each parameter that replicas and optimizer share."""
        ours = set(self.replicas.parameters())
        steps = {}
        for group in self.optimizer.param_groups:
            if "lr" not in group:
                raise InvalidParameterError("a parameter group has no lr, which the coupling takes as its step size")
            lr = group["lr"]
            eta = self.replicas.checked_step(float(lr) if isinstance(lr, Tensor) else lr)
            steps.update({each: eta for each in group["params"] if each in ours})
        return steps
