"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Watches the heads of a language model while it trains and raises an alarm when an induction head appears.
Differences from the paper: it looks at curves afterwards; the alarm on a running curve is ours.
"""

import importlib
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError, MissingExtraError
from workingpapers.papers.icl_induction.language_models import induction_scores
from workingpapers.parts.checks import whole_number

SCORES = ("previous_token", "induction", "copying", "target_label")
BASELINE_POINTS = 5
NOISE_WIDTHS = 6.0

_log = logging.getLogger(__name__)


class InductionMonitor:
    """A callback that follows induction scores during training and raises an alarm at the transition.

    Give it to a Trainer of transformers as it is (`callbacks=[monitor]`), to Lightning as `monitor.lightning()`, or
    call `observe(model, step)` in a loop of your own. The alarm is raised once, at the first measurement at which the
    best head's score lies above its early level (median of the first five) by more than `rise` and by more than six
    times their median absolute deviation.

    Args:
        every: Optimizer steps between measurements.
        rise: How far the score must rise, in (0, 1).
        watch: The score that the alarm is about: `induction`, `previous_token`, `copying` or `target_label`.
        vocab_size: As in `induction_scores`, and so are `length`, `batch` and `seed`.
        length: Tokens of the repeated block.
        batch: Sequences of a probe.
        seed: Seed of the probes, the same at each measurement.
        on_alarm: Called once with the monitor when the alarm is raised.
        stop: Whether a Trainer is told to stop at the alarm.

    Attributes: `history` has a row for each measurement (`step` and the best head's scores), `transition_step` is the
    step of the alarm or None, `last` is the newest table of `induction_scores`.

    Raises:
        InvalidParameterError: `every` below 1, `rise` outside (0, 1), or an unknown score.

    Example:
        >>> from workingpapers.parts.torchvision_compat import allow_torchvision_import
        >>> _ = allow_torchvision_import()  # needed only beside a CPU build of torch
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=50, n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=None,
        ...                     eos_token_id=None)
        >>> model = GPT2LMHeadModel(config)
        >>> monitor = InductionMonitor(every=10, length=8)
        >>> scores = monitor.observe(model, step=0)
        >>> len(monitor.history), monitor.transition_step
        (1, None)
    """

    def __init__(
        self,
        *,
        every: int = 100,
        rise: float | int = 0.1,
        watch: str = "induction",
        vocab_size: int | None = None,
        length: int = 64,
        batch: int = 8,
        seed: int = 0,
        on_alarm: Callable[["InductionMonitor"], object] | None = None,
        stop: bool = False,
    ) -> None:
        self.every = whole_number("every", every, least=1)
        if not 0.0 < rise < 1.0:
            raise InvalidParameterError(f"rise is {rise!r}; scores lie in [0, 1], so give a rise between 0 and 1")
        if watch not in SCORES:
            raise InvalidParameterError(f"watch is {watch!r}; it must be one of {', '.join(SCORES)}")
        self.rise, self.watch, self.on_alarm, self.stop = rise, watch, on_alarm, stop
        self.probe = {"vocab_size": vocab_size, "length": length, "batch": batch, "seed": seed}
        self.transition_step: int | None = None
        self.last: pd.DataFrame | None = None
        self._rows: list[dict[str, float]] = []

    @property
    def history(self) -> pd.DataFrame:
        """A row for each measurement: `step`, and the best head's value of each score."""
        return pd.DataFrame(self._rows, columns=["step", *SCORES])

    def observe(self, model: nn.Module, step: int) -> pd.DataFrame:
        """Measure a model at a step; the scores of all heads, as `induction_scores` gives them.

        Args:
            model: The model, as in `induction_scores`; a wrapped one (`.module`, compiled) is unwrapped.
            step: Optimizer steps done.
        """
        self.last = induction_scores(_unwrapped(model), **self.probe)  # type: ignore[arg-type]  # its own keywords
        self._rows.append({"step": step, **{name: float(self.last[name].max()) for name in SCORES}})
        if self.transition_step is None and self._has_risen():
            self.transition_step = step
            _log.warning("%s rose to %.3f at step %d: an induction head forms", self.watch, self._values()[-1], step)
            if self.on_alarm is not None:
                self.on_alarm(self)
        return self.last

    def _values(self) -> np.ndarray:
        return np.array([row[self.watch] for row in self._rows])

    def _has_risen(self) -> bool:
        values = self._values()
        early = values[: min(BASELINE_POINTS, len(values) - 1)]
        if not len(early):
            return False
        level = float(np.median(early))
        noise = float(np.median(np.abs(early - level)))
        return bool(values[-1] - level > max(self.rise, NOISE_WIDTHS * noise))

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Measure before the first step, so that there is a level to rise from."""
        self._on_step(state, control, model)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Measure every `every` optimizer steps."""
        if state.global_step % self.every == 0:
            self._on_step(state, control, model)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Put the newest scores into what the Trainer logs."""
        if logs is not None and self._rows:
            logs.update({f"best_{name}": self._rows[-1][name] for name in SCORES})

    def _on_step(self, state: Any, control: Any, model: Any) -> None:
        if not isinstance(model, nn.Module):
            raise InvalidTypeError(f"the Trainer passed {type(model).__name__} for its model; it must be an nn.Module")
        was_silent = self.transition_step is None
        if not self._rows or self._rows[-1]["step"] != state.global_step:
            self.observe(model, int(state.global_step))
        if self.stop and was_silent and self.transition_step is not None:
            control.should_training_stop = True

    def __getattr__(self, name: str) -> Any:
        # a Trainer calls every event of its version on each callback; those we do not use do nothing
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def lightning(self) -> Any:
        """A Lightning callback that measures after training batches and logs the best head's scores.

        Raises:
            MissingExtraError: neither `lightning` nor `pytorch_lightning` is installed.
        """
        return _lightning_callback(self)


def _nothing(*_: Any, **__: Any) -> None:
    """An event that the monitor does not use."""


def _unwrapped(model: nn.Module) -> nn.Module:
    for name in ("module", "_orig_mod"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module) and not hasattr(model, "config"):
            return _unwrapped(inner)
    return model


def _lightning_callback(monitor: InductionMonitor) -> Any:
    base: Any = None
    for name in ("lightning.pytorch", "pytorch_lightning"):
        with suppress(ImportError):
            base = base or importlib.import_module(name).Callback
    if base is None:
        raise MissingExtraError(
            "Lightning is not installed; pip install lightning, or call monitor.observe(model, step) in your loop"
        )

    class LightningInductionMonitor(base):  # type: ignore[misc]  # known at run time only
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            step = int(trainer.global_step)
            if step % monitor.every or (monitor._rows and monitor._rows[-1]["step"] == step):
                return
            inner = getattr(pl_module, "model", pl_module)
            monitor.observe(inner, step)
            pl_module.log_dict({f"best_{name}": monitor._rows[-1][name] for name in SCORES})
            if monitor.stop and monitor.transition_step is not None:
                trainer.should_stop = True

    return LightningInductionMonitor()
