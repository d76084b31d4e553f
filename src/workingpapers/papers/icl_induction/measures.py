"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Implements the progress measures of section 3 (ILA1, TILA2, CLA, TLA2; Figure 4), and where a curve has its transition.
Differences from the paper: measures are also given for each layer and head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.icl_induction.task import Batch

Curve = Sequence[float | int] | np.ndarray | pd.Series


@dataclass(frozen=True)
class ProgressMeasures:
    """How far an induction head and the use of the context have formed.

    Args:
        accuracy: Share of sequences whose most likely label is correct.
        loss: Mean cross-entropy in nats.
        ila1: Item-label attention of the first layer: from label tokens to the token just before; best head.
        tila2: Target-item-label attention of the last layer: from the target to its label's tokens; best head.
        cla: Context-label accuracy: probability on labels that occur in the context.
        tla2: Probability of the correct label among the labels of the context.
        previous_token: The first for each layer and head, shape `(layers, heads)`.
        target_label: The second for each layer and head, shape `(layers, heads)`.

    Example:
        >>> import torch
        >>> flat = torch.full((1, 1), 0.1)
        >>> ProgressMeasures(0.2, 2.1, 0.1, 0.1, 0.5, 0.25, flat, flat).cla
        0.5
    """

    accuracy: float
    loss: float
    ila1: float
    tila2: float
    cla: float
    tla2: float
    previous_token: Float[Tensor, "layers heads"]
    target_label: Float[Tensor, "layers heads"]


def progress_measures(model: nn.Module, batch: Batch) -> ProgressMeasures:
    """Measure a model on sequences of the task; the split `ic` is meant.

    Args:
        model: Called as `model(tokens, return_attention=True)`; gives logits `(n, L)` and, for each layer, attention
            `(n, heads, T, T)`.
        batch: Sequences, with `tokens` of shape `(n, 2 N + 1, P + D)`.

    Returns:
        The measures. Where no sequence's context holds the target's class, `tila2`, `tla2` and `target_label` are NaN;
        `ila1` and `tila2` are NaN for a model without attention.

    Raises:
        InvalidTypeError: the model does not give its attention.

    Example:
        >>> from workingpapers.papers.icl_induction import AttentionOnlyClassifier, InContextClassification
        >>> task = InContextClassification(64, 8, 4, 16, positions=9, seed=0)
        >>> measured = progress_measures(AttentionOnlyClassifier(25, 8), task.batch(256, "ic"))
        >>> measured.previous_token.shape, 0 < measured.cla < 1
        (torch.Size([2, 1]), True)
    """
    with torch.no_grad():
        given = model(batch.tokens, return_attention=True)
    if not isinstance(given, tuple) or len(given) != 2:
        raise InvalidTypeError(
            f"{type(model).__name__} gave {type(given).__name__} for return_attention=True; it must give a pair: "
            "logits (n, L) and one attention tensor (n, heads, T, T) for each layer"
        )
    return from_outputs(given[0], given[1], batch)


def from_outputs(
    logits: Float[Tensor, "n labels"], attention: Sequence[Float[Tensor, "n heads tokens tokens"]], batch: Batch
) -> ProgressMeasures:
    """The measures from what a model gave.

    Args:
        logits: `(n, L)`.
        attention: For each layer `(n, heads, T, T)`.
        batch: The sequences that it was given.
    """
    with torch.no_grad():
        probabilities = logits.float().softmax(-1)
        correct = probabilities.gather(1, batch.target[:, None]).squeeze(1)
        is_present = torch.zeros_like(probabilities, dtype=torch.bool).scatter_(1, batch.context_labels, True)
        in_context = (probabilities * is_present).sum(1)
        has_match = batch.target_position >= 0
        previous, target = [], []
        for layer in attention:
            labels = torch.arange(1, layer.shape[-1], 2, device=layer.device)
            previous.append(layer[:, :, labels, labels - 1].float().mean((0, 2)))
            to_labels = layer[:, :, -1, 1::2].float() * batch.matches[:, None]
            target.append(to_labels.sum(-1)[has_match].mean(0))
        loss = functional.cross_entropy(logits.float(), batch.target)
        is_right = logits.argmax(1) == batch.target
        empty = logits.new_empty(0, 0, dtype=torch.float32)
        return ProgressMeasures(
            accuracy=float(is_right.float().mean()),
            loss=float(loss),
            ila1=float(previous[0].max()) if previous else float("nan"),
            tila2=float(target[-1].max()) if target else float("nan"),
            cla=float(in_context.mean()),
            tla2=float((correct / in_context.clamp_min(1e-30))[has_match].mean()),
            previous_token=torch.stack(previous) if previous else empty,
            target_label=torch.stack(target) if target else empty,
        )


@dataclass(frozen=True)
class Transition:
    """Where a curve goes from its lowest to its highest value (or, for one that falls, the other way).

    Args:
        midpoint: Step at which half of the range is first passed.
        width_10_90: Steps between a tenth and nine tenths of the range.
        abruptness: `midpoint / width_10_90`: how many widths one waits.
        steps: The curve's steps, shape `(points,)`.
        progress: Share of the range passed so far, from 0 to 1 and never falling, shape `(points,)`.

    Example:
        >>> import numpy as np
        >>> steps = np.arange(0, 101)
        >>> found = transition(steps, 1 / (1 + np.exp(-(steps - 60) / 2)))
        >>> round(found.midpoint), round(found.width_10_90)
        (60, 9)
    """

    midpoint: float
    width_10_90: float
    abruptness: float
    steps: np.ndarray
    progress: np.ndarray

    def at(self, share: float | int) -> float:
        """Step at which a share of the range, in [0, 1], is first passed, by linear interpolation."""
        if not 0.0 <= share <= 1.0:
            raise InvalidParameterError(f"share is {share!r}; the share of a range lies in [0, 1]")
        if not np.isfinite(self.progress).all():
            return float("nan")
        after = int(np.argmax(self.progress >= share))
        if after == 0:
            return float(self.steps[0])
        low, high = self.progress[after - 1], self.progress[after]
        part = (share - low) / (high - low)
        return float(self.steps[after - 1] + part * (self.steps[after] - self.steps[after - 1]))


def transition(steps: Curve, values: Curve) -> Transition:
    """Find the transition of a learning curve.

    A curve whose last value is not below its first is taken to rise, else to fall. Noise is met by taking the best
    value so far.

    Args:
        steps: Increasing steps, shape `(points,)`.
        values: The curve, shape `(points,)`.

    Returns:
        The transition; all NaN where the curve is constant.

    Raises:
        InvalidParameterError: fewer than two points, shapes that differ, steps that do not increase, or values that
            are not finite.

    Example:
        >>> found = transition([0, 100, 200, 300], [0.1, 0.1, 0.9, 0.9])
        >>> found.midpoint, found.at(0.25), round(found.width_10_90, 6)
        (150.0, 125.0, 80.0)
    """
    x, y = np.asarray(steps, float), np.asarray(values, float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise InvalidParameterError(f"steps have shape {x.shape}, values {y.shape}; give two or more points of each")
    if not (np.diff(x) > 0).all():
        raise InvalidParameterError("steps do not increase; sort the curve by its steps")
    if not np.isfinite(y).all():
        raise InvalidParameterError(f"{int((~np.isfinite(y)).sum())} values are not finite; leave those points out")
    rising = y if y[-1] >= y[0] else -y
    low, high = rising.min(), rising.max()
    if high == low:
        nan = float("nan")
        return Transition(nan, nan, nan, x, np.full_like(y, nan))
    progress = np.maximum.accumulate((rising - low) / (high - low))
    bare = Transition(0.0, 0.0, 0.0, x, progress)
    midpoint, width = bare.at(0.5), bare.at(0.9) - bare.at(0.1)
    return Transition(midpoint, width, midpoint / width if width > 0 else float("inf"), x, progress)
