"""A callback that measures laziness during training, for Lightning's Trainer and transformers' Trainer."""

from typing import Any

from torch import nn

from workingpapers.papers.rich_lazy.method import LazinessProbe, LazinessReport
from workingpapers.parts.calling import Inputs


class LazinessCallback:
    """Takes a `LazinessProbe` when training starts and measures at the end of each epoch and of training.

    The same object serves `transformers.Trainer(callbacks=[...])` and Lightning's `Trainer(callbacks=[...])`: both call
    their hooks by name, and hooks that are not needed do nothing.

    Args:
        inputs: Evaluation batch on the model's device: a tensor `(samples, ...)`, a tuple, or a mapping of tensors.
        probe_options: Options of `LazinessProbe`, such as `params`, `layer` and `output_fn`.

    Attributes:
        history: Pairs of global step and `LazinessReport`.

    Example:
        >>> import torch
        >>> net = torch.nn.Linear(3, 2)
        >>> callback = LazinessCallback(torch.randn(8, 3))
        >>> callback.on_train_begin(None, None, None, model=net)  # transformers calls it
        >>> callback.on_train_end(None, None, None, model=net)
        >>> callback.history[-1][1].weight_change
        0.0
    """

    def __init__(self, inputs: Inputs, **probe_options: Any) -> None:
        self.inputs = inputs
        self.probe_options = probe_options
        self.history: list[tuple[int, LazinessReport]] = []
        self.probe: LazinessProbe | None = None

    @property
    def state_key(self) -> str:
        """Under which Lightning stores a callback's state; there is none to store."""
        return type(self).__qualname__

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the start of training cannot be had again from a checkpoint."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing, likewise."""

    def setup(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's, before training: nothing."""

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's, after training: nothing."""

    def on_train_begin(self, args: Any, state: Any, control: Any, *, model: nn.Module, **kwargs: Any) -> None:
        """transformers: take the probe."""
        self._begin(model)

    def on_train_start(self, trainer: Any, pl_module: nn.Module) -> None:
        """Lightning: take the probe."""
        self._begin(pl_module)

    def on_epoch_end(self, args: Any, state: Any, control: Any, *, model: nn.Module, **kwargs: Any) -> None:
        """transformers: measure."""
        self._measure(getattr(state, "global_step", 0))

    def on_train_epoch_end(self, trainer: Any, pl_module: nn.Module) -> None:
        """Lightning: measure."""
        self._measure(getattr(trainer, "global_step", 0))

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """Both: measure. Lightning gives (trainer, module), transformers (args, state, control)."""
        steps = [getattr(each, "global_step", None) for each in args[:2]]
        self._measure(next((each for each in steps if each is not None), 0))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _begin(self, model: nn.Module) -> None:
        self.probe = LazinessProbe(model, self.inputs, **self.probe_options)
        self.history.clear()

    def _measure(self, step: int) -> None:
        if self.probe is not None:
            self.history.append((step, self.probe.measure()))


def _nothing(*args: Any, **kwargs: Any) -> None:
    """A hook that is not needed."""
