"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: what an estimate returns.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements the record of one run and of a whole protocol, and its picture.
Differences: none known.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workingpapers.papers.mutual_information.critics import Critic, GivenCritic
from workingpapers.papers.mutual_information.reliability import Check

if TYPE_CHECKING:  # matplotlib is loaded by plot() only
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)  # frames and tensors have no single truth
class CriticFit:
    """One trained critic.

    Args:
        history: One row for each epoch: `epoch`, `train`, `test`, `smoothed` (the test curve as the rule sees it).
        best_epoch: The epoch taken, counted from 0.
        train_mi: Value on training samples at that epoch: the estimate.
        test_mi: Value on held-out samples at that epoch: the conservative number.
        critic: The critic at that epoch, in evaluation mode; `critic(x, y)` gives `(scores, 0)` on z-scored samples.
        units: bits or nats.

    Example:
        >>> import numpy as np
        >>> from workingpapers.papers.mutual_information import fit_critic
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> sorted(fit_critic(x, x, epochs=2).history.columns)
        ['epoch', 'smoothed', 'test', 'train']
    """

    history: pd.DataFrame = field(repr=False)
    best_epoch: int
    train_mi: float
    test_mi: float
    critic: Critic | GivenCritic = field(repr=False)
    units: str = "bits"


@dataclass(frozen=True, eq=False)  # frames and tensors have no single truth
class MIResult:
    """An estimate of mutual information with its interval and the checks that say whether to trust it.

    Args:
        mi: The estimate: extrapolated to infinitely many samples. It may be negative.
        ci: Its confidence interval (low, high).
        reliable: Whether all checks passed.
        checks: Each with name, value, threshold, passed, and advice.
        per_run: One row for each run: `gamma, chunk, n, train_mi, test_mi, epoch` and `repeat, kind`; kind is data,
            shuffled (the null) or wider (twice the embedding).
        model: The critic of the first run on the whole sample, at its best epoch.
        slope: Of the line: bias for each unit of γ.
        prediction: Interval for one more run, extrapolated in the same way (low, high).
        used_gammas: The γ that the curvature filter left.
        line_half_width: The part of the interval's half-width that the scatter around the line gives.
        sampling_half_width: The part that the scatter between disjoint chunks gives; added in squares.
        confidence: Of the intervals.
        units: bits or nats, of all of these.

    Example:
        >>> import numpy as np
        >>> from workingpapers.papers.mutual_information import estimate_mi
        >>> x = np.random.default_rng(0).normal(size=(256, 2))
        >>> result = estimate_mi(x, x[:, :1], gammas=(1, 2, 3), epochs=3)
        >>> result.ci[0] < result.mi < result.ci[1]
        True
    """

    mi: float
    ci: tuple[float, float]
    reliable: bool
    checks: tuple[Check, ...] = field(repr=False)
    per_run: pd.DataFrame = field(repr=False)
    model: Critic | GivenCritic = field(repr=False)
    slope: float
    prediction: tuple[float, float] = field(repr=False)
    used_gammas: tuple[int, ...] = field(repr=False)
    line_half_width: float = field(repr=False)
    sampling_half_width: float = field(repr=False)
    confidence: float = 0.95
    units: str = "bits"

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def __str__(self) -> str:
        lines = [
            f"{self.mi:.3f} {self.units}, {100 * self.confidence:g} % interval "
            f"[{self.ci[0]:.3f}, {self.ci[1]:.3f}], {'reliable' if self.reliable else 'NOT reliable'}"
        ]
        lines += [f"  {c.name} failed ({c.value:.3g} against {c.threshold:.3g}): {c.advice}" for c in self.failed]
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """The runs over γ, the line through them, and the estimate at γ = 0 with its interval."""
        from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

        figure, axes = new_figure()
        for colour, kind, label in ((PALETTE[0], "data", "runs"), (CONTROL_COLOUR, "shuffled", "shuffled pairs")):
            rows = self.per_run[self.per_run["kind"] == kind]
            if len(rows):
                axes.plot(rows["gamma"], rows["train_mi"], "o", ms=4, alpha=0.7, color=colour, label=label)
        reach = np.array([0, max(self.used_gammas)])
        axes.plot(reach, self.mi + self.slope * reach, color=PALETTE[1], lw=1.2)
        half = self.ci[1] - self.mi
        axes.errorbar([0], [self.mi], [half], fmt="s", ms=5, capsize=4, color=PALETTE[1], label="estimate")
        axes.set_xlabel("γ: each chunk holds N / γ samples")
        axes.set_ylabel(f"mutual information ({self.units})")
        axes.legend(fontsize=8, frameon=False)
        return figure


def in_units(check: Check, factor: float) -> Check:
    """A check with its value and threshold in other units, where they are an information."""
    if check.name in ("linearity", "gap", "convergence"):
        return check
    value = check.value * factor if math.isfinite(check.value) else check.value
    return Check(check.name, value, check.threshold * factor, check.passed, check.advice)
