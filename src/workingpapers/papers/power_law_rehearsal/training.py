"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Trains one model on a sequence of tasks and takes down the accuracy on every task learned so far after each phase.
Differences from the paper: its network and amount of training could not be read; they are the caller's here.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, default_collate

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.power_law_rehearsal.checks import lengths_of
from workingpapers.papers.power_law_rehearsal.method import PowerLawSampler
from workingpapers.papers.power_law_rehearsal.metrics import continual_metrics
from workingpapers.parts.checks import whole_number

EARLY_FRAC = 0.1


@runtime_checkable
class Regularizer(Protocol):
    """What `train_sequence` asks of a regulariser; `EWC` and `SynapticIntelligence` have it."""

    def penalty(self) -> Tensor: ...
    def consolidate(self, loader: Any) -> None: ...
    def after_backward(self) -> None: ...
    def after_step(self) -> None: ...


@dataclass(frozen=True)
class ContinualResult:
    """What `train_sequence` leaves.

    Args:
        accuracy: A[t, j], accuracy on task j after phase t, shape `(T, T)`; NaN above the diagonal.
        early: Accuracy on each new task after a tenth of its steps, shape `(T,)`.
        per_step: One row for each step: `task`, `step` (from 1 in its phase), `loss` (without penalty), `samples`,
            `rehearsed` (samples of earlier tasks), and `accuracy` on the task being learned where it was evaluated.

    Differs from the paper: the layout is ours.

    Example:
        >>> import numpy as np, pandas as pd
        >>> frame = pd.DataFrame({"task": [0], "step": [1], "loss": [0.1], "samples": [8]})
        >>> ContinualResult(np.array([[0.5]]), np.array([0.25]), frame).metrics["average_accuracy"]
        0.5
    """

    accuracy: Float[np.ndarray, "tasks tasks"]
    early: Float[np.ndarray, " tasks"]
    per_step: pd.DataFrame

    @property
    def metrics(self) -> dict[str, float]:
        """The summaries of `continual_metrics`."""
        return continual_metrics(self.accuracy)

    @property
    def steps(self) -> int:
        """Gradient steps in all."""
        return len(self.per_step)

    @property
    def samples(self) -> int:
        """Samples shown in all, new and rehearsed."""
        return int(self.per_step["samples"].sum())

    def steps_to(self, level: float | int) -> Float[np.ndarray, " tasks"]:
        """First evaluated step of each phase whose accuracy on the new task is at least `level`, shape `(T,)`.

        Infinity where none is. Needs `train_sequence(..., eval_every=...)`.
        """
        reached = self.per_step[self.per_step["accuracy"] >= level].groupby("task")["step"].min()
        return np.array([float(reached.get(task, np.inf)) for task in range(len(self.accuracy))])


def train_sequence(
    model: nn.Module,
    tasks: Sequence[Any],
    *,
    optimizer: torch.optim.Optimizer,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    sampler: PowerLawSampler,
    epochs: int | None = None,
    steps: int | None = None,
    regularizer: Regularizer | None = None,
    eval_fn: Callable[[nn.Module, int], float],
    eval_every: int | None = None,
    eval_until: float | int | None = None,
    evaluate_after: Collection[int] | None = None,
    consolidation_size: int = 1000,
) -> ContinualResult:
    """Train a model on one task after the other, in place; the optimiser's state is kept from task to task.

    Each phase takes `epochs` passes of the sampler, or exactly `steps` batches of it, so that with a sampler in mode
    `inside` (or `after`) every environment has the same number of steps and samples. With mode `after` the last share
    of a phase's steps, the budget, is rehearsal only.

    Args:
        model: Any module; batches are sent to the device of its first parameter. Trained in training mode; each of its
            modules is left in the mode that it was in.
        tasks: Datasets of pairs (input, label), or the result of `permuted_tasks`; as long as the sampler's.
        optimizer: Over the model's parameters.
        loss_fn: Of outputs and labels, a mean over samples.
        sampler: Says which samples are met. It must stand at the first task with nothing drawn.
        epochs: Passes for each task; give this or `steps`.
        steps: Batches for each task.
        regularizer: `EWC`, `SynapticIntelligence` or alike; its penalty is added to the loss and it consolidates
            after each phase but the last, on samples of the task that was learned.
        eval_fn: Takes the model (in evaluation mode, without gradients) and the index of a task; gives the accuracy in
            [0, 1]. See `accuracy_on`.
        eval_every: Evaluate the task being learned each so many steps, for `per_step`.
        eval_until: Stop doing so in a phase once its accuracy has reached this.
        evaluate_after: Phases after which all tasks so far are evaluated; None for every phase. Rows of A of the others
            stay NaN, and `metrics` needs all of them.
        consolidation_size: Most samples of a task that the regulariser is given.

    Returns:
        Accuracies of shape `(T, T)`, early accuracies `(T,)`, and the record of steps.

    Raises:
        InvalidParameterError: both or none of `epochs` and `steps` are given, one is below 1, the sampler is of other
            tasks or has begun, an accuracy is outside [0, 1], or the loss is not finite.
        InvalidTypeError: the model is no `nn.Module`, the sampler no `PowerLawSampler`, or a number no whole one.

    Differs from the paper: see the head of this file.

    Example:
        >>> import torch
        >>> from workingpapers.papers.power_law_rehearsal import PowerLawSampler, permuted_tasks
        >>> x, y = torch.randn(60, 12), torch.arange(60) % 3
        >>> tasks, generator = permuted_tasks(x, y, n_tasks=2, seed=0), torch.Generator().manual_seed(0)
        >>> net = torch.nn.Linear(12, 3)
        >>> result = train_sequence(
        ...     net, tasks, optimizer=torch.optim.Adam(net.parameters()), loss_fn=torch.nn.functional.cross_entropy,
        ...     sampler=PowerLawSampler(tasks, batch_size=10, generator=generator), steps=5, eval_fn=accuracy_on(tasks))
        >>> result.accuracy.shape, result.steps, result.samples
        ((2, 2), 10, 100)
        >>> result.per_step.groupby("task")["rehearsed"].sum().tolist()
        [0, 10]
    """
    _check(model, tasks, sampler)
    if (epochs is None) == (steps is None):
        raise InvalidParameterError(f"epochs is {epochs} and steps is {steps}; give exactly one of them")
    passes = None if epochs is None else whole_number("epochs", epochs, least=1)
    fixed = None if steps is None else whole_number("steps", steps, least=1)
    every = None if eval_every is None else whole_number("eval_every", eval_every, least=1)
    size = whole_number("consolidation_size", consolidation_size, least=1)
    look_up, device = _look_up(tasks), next(model.parameters()).device
    count = len(tasks)
    accuracy, early, rows = np.full((count, count), np.nan), np.zeros(count), []
    modes = {module: module.training for module in model.modules()}
    try:
        for task in range(count):
            if task > 0:
                sampler.next_task()
            total = fixed if fixed is not None else (passes or 1) * len(sampler)
            tenth, watched = max(1, round(EARLY_FRAC * total)), True
            for step, indices in enumerate(_phase(sampler, total), start=1):
                model.train()
                inputs, labels = (each.to(device) for each in look_up(indices))
                loss = _step(model, optimizer, loss_fn(model(inputs), labels), regularizer)
                row = {
                    "task": task,
                    "step": step,
                    "loss": loss,
                    "samples": len(indices),
                    "rehearsed": int((sampler.task_of(indices) < task).sum()),
                    "accuracy": np.nan,
                }
                if not np.isfinite(loss):
                    raise InvalidParameterError(
                        f"the loss is {loss} at step {step} of task {task}; lower the learning rate or the strength"
                    )
                if step == tenth or (every is not None and watched and step % every == 0):
                    row["accuracy"] = _evaluate(eval_fn, model, task)
                    watched = eval_until is None or row["accuracy"] < eval_until
                if step == tenth:
                    early[task] = row["accuracy"]
                rows.append(row)
            if evaluate_after is None or task in evaluate_after:
                accuracy[task, : task + 1] = [_evaluate(eval_fn, model, j) for j in range(task + 1)]
            if regularizer is not None and task + 1 < count:
                regularizer.consolidate(_some_of(look_up, sampler, size))
    finally:
        for module, mode in modes.items():
            module.training = mode
    return ContinualResult(accuracy, early, pd.DataFrame(rows))


def accuracy_on(tasks: Sequence[Any], *, batch_size: int = 1024) -> Callable[[nn.Module, int], float]:
    """An `eval_fn` for `train_sequence`: the share of samples of a task whose largest output is at their label.

    Args:
        tasks: Test tasks, in the order of the training tasks; datasets of pairs, or the result of `permuted_tasks`.
        batch_size: Samples evaluated at once.

    Returns:
        A function of (model, index of the task). Outputs are of shape `(batch, classes)`.

    Raises:
        InvalidParameterError: a task is empty, or `batch_size` is below 1.

    Differs from the paper: none known.

    Example:
        >>> import torch
        >>> from workingpapers.papers.power_law_rehearsal import permuted_tasks
        >>> x = torch.eye(3).repeat(4, 1)
        >>> accuracy_on(permuted_tasks(x, x.argmax(1), n_tasks=1, seed=0))(torch.nn.Identity(), 0)
        1.0
    """
    lengths = lengths_of(tasks)
    size = whole_number("batch_size", batch_size, least=1)
    look_up = _look_up(tasks)
    starts = np.cumsum([0, *lengths])

    def evaluate(model: nn.Module, task: int) -> float:
        right = 0
        device = next((each.device for each in model.parameters()), None)
        with torch.no_grad():
            for begin in range(int(starts[task]), int(starts[task + 1]), size):
                indices = range(begin, min(begin + size, int(starts[task + 1])))
                inputs, labels = (each.to(device) for each in look_up(indices))
                right += int((model(inputs).argmax(-1) == labels).sum())
        return right / lengths[task]

    return evaluate


def _check(model: Any, tasks: Any, sampler: Any) -> None:
    if not isinstance(model, nn.Module):
        raise InvalidTypeError(f"model is {type(model).__name__}; give a torch.nn.Module")
    if not isinstance(sampler, PowerLawSampler):
        raise InvalidTypeError(f"sampler is {type(sampler).__name__}; give a PowerLawSampler")
    if not any(True for _ in model.parameters()):
        raise InvalidParameterError("the model has no parameters; there is nothing to train")
    if tuple(lengths_of(tasks)) != sampler.lengths:
        raise InvalidParameterError(
            f"the tasks are of lengths {lengths_of(tasks)} and the sampler's {list(sampler.lengths)}; make it from them"
        )
    if sampler.current_task != 0 or sampler.has_begun:
        raise InvalidParameterError(
            f"the sampler stands in task {sampler.current_task} and has begun; give a fresh one for each sequence"
        )


def _phase(sampler: PowerLawSampler, total: int) -> Iterator[list[int]]:
    """As many batches as asked for, epoch after epoch; in mode `after` the last ones are rehearsal only."""
    rehearsed = 0
    if sampler.mode == "after" and sampler.current_task > 0:
        rehearsed = min(round(sampler.budget * total), total - 1)
    left = total - rehearsed
    while left > 0:
        for indices in sampler:
            yield indices
            left -= 1
            if left == 0:
                break
    yield from sampler.rehearsal_block(rehearsed)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, regularizer: Regularizer | None) -> float:
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    if regularizer is not None:
        regularizer.after_backward()
        penalty = regularizer.penalty()
        if penalty.requires_grad:  # it does not before the first consolidation
            torch.autograd.backward(penalty)
    optimizer.step()
    if regularizer is not None:
        regularizer.after_step()
    return float(loss.detach())


def _evaluate(eval_fn: Callable[[nn.Module, int], float], model: nn.Module, task: int) -> float:
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            found = float(eval_fn(model, task))
    finally:
        model.train(was_training)
    if not 0.0 <= found <= 1.0:
        raise InvalidParameterError(f"eval_fn gave {found} for task {task}; an accuracy lies in [0, 1]")
    return found


def _look_up(tasks: Any) -> Callable[[Sequence[int]], tuple[Tensor, Tensor]]:
    """From indices of the tasks laid end to end to a batch: in one go where the tasks can, else sample by sample."""
    if hasattr(tasks, "batch"):
        return tasks.batch
    joined: ConcatDataset[Any] = ConcatDataset(list(tasks))

    def collate(indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        inputs, labels = default_collate([joined[index] for index in indices])
        return inputs, labels

    return collate


def _some_of(look_up: Callable[[Sequence[int]], tuple[Tensor, Tensor]], sampler: PowerLawSampler, size: int) -> Any:
    """Batches of the first samples of the current task's random order, which cost the sampler no draw."""
    chosen = sampler.first_pass(size)
    return [look_up(part.tolist()) for part in torch.split(chosen, 500)]
