"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
What the matrix of accuracies says: average accuracy, forgetting, backward transfer (Lopez-Paz and Ranzato 2017).
Differences from the paper: its measures could not be read in full; both common definitions of forgetting are given.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from workingpapers.errors import InvalidParameterError, InvalidTypeError


def continual_metrics(A: Any) -> dict[str, float]:
    """Summaries of the accuracies `A[t, j]` on task j after phase t.

        average_accuracy   mean over j of A[T-1, j]
        forgetting         mean over j < T-1 of A[j, j] - A[T-1, j]
        forgetting_max     mean over j < T-1 of max over j <= t < T-1 of A[t, j], less A[T-1, j]
        backward_transfer  minus forgetting
        learning_accuracy  mean over t of A[t, t]
        area               mean over j of the mean over t >= j of A[t, j]

    With one task nothing can be forgotten: the forgetting measures are 0.

    Args:
        A: Accuracies, shape `(tasks, tasks)`; what lies above the diagonal, of tasks not yet learned, is not used and
            may be NaN.

    Returns:
        The six numbers by name.

    Raises:
        InvalidParameterError: A is not square, is empty, or holds an accuracy outside [0, 1].
        InvalidTypeError: A is no array of numbers.

    Differs from the paper: see the head of this file.

    Example:
        >>> found = continual_metrics([[0.9, 0.0], [0.5, 0.8]])
        >>> {name: round(found[name], 6) for name in ("average_accuracy", "forgetting", "backward_transfer")}
        {'average_accuracy': 0.65, 'forgetting': 0.4, 'backward_transfer': -0.4}
    """
    matrix = checked_accuracies(A)
    tasks = len(matrix)
    final, learned = matrix[-1], matrix.diagonal()
    forgotten = float(np.mean(learned[:-1] - final[:-1])) if tasks > 1 else 0.0
    return {
        "average_accuracy": float(final.mean()),
        "forgetting": forgotten,
        "forgetting_max": float(np.mean(_best_before_last(matrix) - final[:-1])) if tasks > 1 else 0.0,
        "backward_transfer": 0.0 - forgotten,
        "learning_accuracy": float(learned.mean()),
        "area": float(np.mean([matrix[j:, j].mean() for j in range(tasks)])),
    }


@dataclass(frozen=True)
class ForgettingReport:
    """What became of each task, from the accuracies `A[t, j]` on task j after phase t.

    Args:
        accuracy: A, shape `(tasks, tasks)`; NaN is allowed above the diagonal.

    Raises:
        InvalidParameterError: A is not square, is empty, or holds an accuracy outside [0, 1].
        InvalidTypeError: A is no array of numbers.

    Differs from the paper: the table is ours.

    Example:
        >>> report = ForgettingReport([[0.75, 0.0], [0.25, 0.5]])
        >>> report.to_frame()
           task  age  learned  best  final  forgetting  forgetting_max
        0     0    1     0.75  0.75   0.25         0.5             0.5
        1     1    0     0.50  0.50   0.50         0.0             0.0
        >>> report.metrics["forgetting"]
        0.5
    """

    accuracy: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "accuracy", checked_accuracies(self.accuracy))

    @property
    def metrics(self) -> dict[str, float]:
        """The summaries of `continual_metrics`."""
        return continual_metrics(self.accuracy)

    def to_frame(self) -> pd.DataFrame:
        """One row for each task: accuracy when learned, at its best before the last phase, and at the end.

        `age` is the number of tasks learned after it. The last task's best is its only accuracy.
        """
        matrix = self.accuracy
        learned, final = matrix.diagonal(), matrix[-1]
        best = np.append(_best_before_last(matrix), final[-1])
        tasks = np.arange(len(matrix))
        return pd.DataFrame(
            {
                "task": tasks,
                "age": len(matrix) - 1 - tasks,
                "learned": learned,
                "best": best,
                "final": final,
                "forgetting": learned - final,
                "forgetting_max": best - final,
            }
        )


def checked_accuracies(A: Any) -> Float[np.ndarray, "tasks tasks"]:
    """The matrix as float64, a copy."""
    try:
        given = A
        if isinstance(A, torch.Tensor):
            given = (A.detach().double() if A.is_floating_point() else A.detach()).cpu().numpy()
        matrix = np.array(given, dtype=object if isinstance(given, str) else None)
    except ValueError as error:
        raise InvalidParameterError(f"A is {A!r}; its rows must be of one length") from error
    if matrix.dtype.kind not in "fiu":
        raise InvalidTypeError(f"A holds {matrix.dtype}; give accuracies as real numbers")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise InvalidParameterError(
            f"A is of shape {matrix.shape}; it must be square, a row and a column for each task"
        )
    matrix = matrix.astype(np.float64)
    above = np.triu(np.ones_like(matrix, dtype=bool), 1)
    is_wrong = ~((matrix >= 0) & (matrix <= 1)) & ~(above & np.isnan(matrix))
    if is_wrong.any():
        t, j = (int(place[0]) for place in np.nonzero(is_wrong))
        raise InvalidParameterError(
            f"A[{t}, {j}] is {matrix[t, j]}; accuracies lie in [0, 1] (NaN only above the diagonal, for tasks to come)"
        )
    return matrix


def _best_before_last(matrix: Float[np.ndarray, "tasks tasks"]) -> Float[np.ndarray, " previous"]:
    return np.array([matrix[j:-1, j].max() for j in range(len(matrix) - 1)])
