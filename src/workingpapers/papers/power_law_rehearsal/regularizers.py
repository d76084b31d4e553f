"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
The rivals: elastic weight consolidation (arXiv 1612.00796) and synaptic intelligence (arXiv 1703.04200).
Differences from the paper: their settings could not be read there; EWC keeps one sum of Fishers and one anchor.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.power_law_rehearsal.fisher import squared_gradients
from workingpapers.parts.checks import real_number

Loss = Callable[[Tensor, Tensor], Tensor]


class _Anchored:
    """A quadratic pull to an anchor: what EWC and SI share."""

    def __init__(self, model: nn.Module, strength: float | int, factor: float) -> None:
        if not isinstance(model, nn.Module):
            raise InvalidTypeError(f"model is {type(model).__name__}; give a torch.nn.Module")
        self.model = model
        self.strength = real_number("strength", strength, least=0)
        self._factor = factor
        self.importance: dict[str, Tensor] = {}
        self.anchor: dict[str, Tensor] = {}
        if not self._trainable():
            raise InvalidParameterError("the model has no parameter that requires a gradient; there is nothing to keep")

    def penalty(self) -> Float[Tensor, ""]:
        """The term to add to the loss, shape `()`; zero before the first `consolidate`."""
        parameters = self._trainable()
        total = torch.zeros((), device=next(iter(parameters.values())).device)
        for name, parameter in parameters.items():
            if name in self.anchor:
                # moved along with a model that was sent to another device or type
                here = self.importance[name].to(parameter)
                moved = (parameter - self.anchor[name].to(parameter)).flatten()
                total = total + torch.dot(here.flatten() * moved, moved)
        return self._factor * self.strength * total

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Importances and anchors, for a checkpoint."""
        kept = {"importance": self.importance, "anchor": self.anchor}
        return {key: {name: value.clone() for name, value in values.items()} for key, values in kept.items()}

    def load_state_dict(self, state_dict: dict[str, dict[str, Tensor]]) -> None:
        """Take them back.

        Raises:
            InvalidParameterError: they are not those of this model; nothing is changed then.
        """
        parameters = self._trainable()
        for key, values in state_dict.items():
            for name, value in values.items():
                if name not in parameters or value.shape != parameters[name].shape:
                    raise InvalidParameterError(f"{key} holds {name!r} {tuple(value.shape)}, which the model lacks")
        missing = {"importance", "anchor"} - set(state_dict)
        if missing:
            raise InvalidParameterError(f"the state lacks {', '.join(sorted(missing))}; give one made by state_dict()")
        for key, values in state_dict.items():
            setattr(self, key, {name: value.clone() for name, value in values.items()})

    def after_backward(self) -> None:
        """Called by `train_sequence` when the loss without the penalty has been differentiated."""

    def after_step(self) -> None:
        """Called by `train_sequence` when the optimiser has stepped."""

    def memory_bytes(self) -> int:
        """Bytes of what is kept beside the model."""
        kept = [*self.importance.values(), *self.anchor.values()]
        return sum(each.numel() * each.element_size() for each in kept)

    def _trainable(self) -> dict[str, nn.Parameter]:
        return {name: each for name, each in self.model.named_parameters() if each.requires_grad}

    def _copy(self) -> dict[str, Tensor]:
        return {name: each.detach().clone() for name, each in self._trainable().items()}


class EWC(_Anchored):
    """Elastic weight consolidation: `(λ/2) Σ_i F_i (θ_i - θ*_i)²`.

    F is the sum over the tasks consolidated so far of each task's diagonal Fisher information, the mean over samples
    of the squared gradient of the log-likelihood; θ* are the parameters at the last `consolidate`.

    Args:
        model: The model that is trained; it is not changed.
        strength: λ.
        labels: `true`: gradients at the given labels (the empirical Fisher); `model`: at labels drawn from the
            model's own softmax, which gives the Fisher information itself.
        loss_fn: Loss of logits `(samples, classes)` and labels `(samples,)`, a mean over samples; None for
            cross-entropy.
        generator: CPU generator of the labels drawn with `labels="model"`.

    Attributes:
        fisher: F for each parameter's name, the same object as `importance`; empty before `consolidate`.

    Raises:
        InvalidParameterError: `strength` is negative or not finite, `labels` is unknown, or nothing is trainable.
        InvalidTypeError: the model is no `nn.Module`, or `strength` no number.

    Differs from the paper: see the head of this file.

    Example:
        >>> import torch
        >>> net, data = torch.nn.Linear(4, 3), [(torch.randn(8, 4), torch.arange(8) % 3)]
        >>> ewc = EWC(net, strength=100.0)
        >>> ewc.consolidate(data)
        >>> ewc.penalty().item(), ewc.fisher["weight"].shape
        (0.0, torch.Size([3, 4]))
    """

    def __init__(
        self,
        model: nn.Module,
        strength: float | int,
        *,
        labels: str = "true",
        loss_fn: Loss | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(model, strength, 0.5)
        if labels not in ("true", "model"):
            raise InvalidParameterError(f"labels is {labels!r}; give 'true' or 'model'")
        self.labels = labels
        self.loss_fn = loss_fn or functional.cross_entropy
        self.generator = generator

    @property
    def fisher(self) -> dict[str, Tensor]:
        """The summed Fisher of each parameter, of the parameter's shape."""
        return self.importance

    def consolidate(self, loader: Iterable[Any]) -> None:
        """Add the Fisher of a task that has been learned, and pull to the present parameters from now on.

        Args:
            loader: Batches of inputs `(batch, ...)` and labels `(batch,)`.

        Raises:
            InvalidParameterError: the loader is empty, or a squared gradient is not finite; nothing is changed then.
        """
        sums, samples = squared_gradients(
            self.model, loader, self.loss_fn, sample_labels=self.labels == "model", generator=self.generator
        )
        fisher = {name: value / samples for name, value in sums.items()}
        for name, value in fisher.items():
            if not bool(value.isfinite().all()):
                raise InvalidParameterError(f"the squared gradient of {name!r} is not finite; look at model and inputs")
        self.importance = {
            name: value + self.importance[name].to(value) if name in self.importance else value
            for name, value in fisher.items()
        }
        self.anchor = self._copy()


class SynapticIntelligence(_Anchored):
    """Synaptic intelligence: `c Σ_i Ω_i (θ_i - θ*_i)²`, importances gathered along the path of training.

    During a task `ω_i` sums `-g_i Δθ_i` over steps, g the gradient of the task's own loss; at its end
    `Ω_i += max(ω_i, 0) / ((θ_i - θ*_i)² + ξ)`. In a loop of your own call `after_backward()` between the backward pass
    of the loss and that of the penalty, and `after_step()` after the optimiser's step; `train_sequence` does.

    Args:
        model: The model that is trained; it is not changed.
        strength: c.
        damping: ξ, positive.

    Raises:
        InvalidParameterError: `strength` is negative or not finite, `damping` not positive, or nothing is trainable.
        InvalidTypeError: the model is no `nn.Module`, or a number is none.

    Differs from the paper: negative path integrals count as zero, so that the penalty never rewards moving away.

    Example:
        >>> import torch
        >>> net = torch.nn.Linear(4, 3)
        >>> optimizer, si = torch.optim.SGD(net.parameters(), 0.1), SynapticIntelligence(net, strength=1.0)
        >>> x, y = torch.randn(8, 4), torch.arange(8) % 3
        >>> torch.nn.functional.cross_entropy(net(x), y).backward()
        >>> si.after_backward()
        >>> optimizer.step()
        >>> si.after_step()
        >>> si.consolidate()
        >>> bool((si.importance["weight"] >= 0).all()), si.penalty().item()
        (True, 0.0)
    """

    def __init__(self, model: nn.Module, strength: float | int, *, damping: float | int = 0.1) -> None:
        super().__init__(model, strength, 1.0)
        self.damping = real_number("damping", damping, least=0)
        if self.damping == 0:
            raise InvalidParameterError("damping is 0; it must be positive, parameters that stand still divide by it")
        self.path: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        self._before = self._copy()
        self._start = self._copy()

    def after_backward(self) -> None:
        """Note the gradients of the task's loss."""
        self._gradients = {
            name: each.grad.detach().clone() for name, each in self._trainable().items() if each.grad is not None
        }

    def after_step(self) -> None:
        """Add this step's share of the path integral."""
        for name, parameter in self._trainable().items():
            if name in self._gradients:
                moved = parameter.detach() - self._before[name]
                if name not in self.path:
                    self.path[name] = torch.zeros_like(moved)
                self.path[name].addcmul_(self._gradients[name], moved, value=-1)
            self._before[name].copy_(parameter.detach())
        self._gradients = {}

    def consolidate(self, loader: Iterable[Any] | None = None) -> None:
        """Turn the path of the task that has been learned into importances, and pull to the present parameters.

        Args:
            loader: Not needed; taken so that it can stand in for `EWC`.

        Raises:
            InvalidParameterError: a loader is given whose length is zero, or the path integral is not finite.
        """
        length = getattr(loader, "__len__", None)
        if length is not None and length() == 0:
            raise InvalidParameterError("the loader is empty; consolidate after a task that had data")
        now = self._copy()
        gained = {
            name: path.clamp(min=0) / ((now[name] - self._start[name]).square() + self.damping)
            for name, path in self.path.items()
        }
        for name, value in gained.items():
            if not bool(value.isfinite().all()):
                raise InvalidParameterError(f"the path integral of {name!r} is not finite; did training diverge?")
        for name, value in now.items():
            before = self.importance.get(name, torch.zeros_like(value))
            self.importance[name] = before.to(value) + gained.get(name, torch.zeros_like(value))
        self.anchor, self._start, self._before, self.path = now, self._copy(), self._copy(), {}

    def memory_bytes(self) -> int:
        """Bytes of what is kept beside the model: also the path integral and two earlier sets of parameters."""
        path = [*self._start.values(), *self._before.values(), *self._before.values()]  # ω is as large
        return super().memory_bytes() + sum(each.numel() * each.element_size() for each in path)

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Importances, anchors, and the path so far."""
        kept = {"path": self.path, "_start": self._start, "_before": self._before}
        more = {key: {name: value.clone() for name, value in values.items()} for key, values in kept.items()}
        return {**super().state_dict(), **more}
