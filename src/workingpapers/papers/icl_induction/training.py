"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Implements the training of section 2 (fresh sequences at each step), for one network or for many at once.
Differences from the paper: Adam is the default; many networks are stacked and step together as one batched model.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.icl_induction.measures import from_outputs
from workingpapers.papers.icl_induction.task import Batch, InContextClassification
from workingpapers.parts.checks import real_number, whole_number

OPTIMIZERS = ("adam", "sgd")
AHEAD = 10  # training batches that are drawn in one go: short calls cost more than numbers
EVALUATION_SEED = 20_231_203


def train_icl(
    model: nn.Module,
    task: InContextClassification,
    *,
    optimizer: str = "adam",
    lr: float | int = 1e-3,
    steps: int = 3000,
    eval_every: int = 100,
    early_stop: float | int | None = None,
    batch_size: int = 128,
    eval_size: int = 2000,
    weight_decay: float | int = 0.0,
    lr_factors: Mapping[str, float | int] | None = None,
) -> pd.DataFrame:
    """Train a model on fresh sequences and follow what it learns.

    Args:
        model: `AttentionOnlyClassifier`, `MinimalInductionHead`, or any module that is called like these; its
            parameters are changed.
        task: Where sequences come from.
        optimizer: `adam` or `sgd`.
        lr: Learning rate.
        steps: Most optimizer steps.
        eval_every: Steps between evaluations; there is one before the first step and one after the last.
        early_stop: Accuracy on new classes (`ic`) above which training ends; None for never.
        batch_size: Sequences of a step.
        eval_size: Sequences of each test set, the same at every evaluation.
        weight_decay: L2 penalty, as the optimizers of torch take it.
        lr_factors: Factors on the learning rate of named parameters, for example `{"beta1": 10.0}`.

    Returns:
        One row for each evaluation: `step`, training loss `loss` (mean since the last row; NaN in the first), test
        accuracies `ic`, `ic_swapped`, `iw`, and on `ic` the loss `ic_loss` and `ila1`, `tila2`, `cla`, `tla2`.

    Raises:
        InvalidParameterError: an unknown optimizer, or a size or rate that is not positive.
        InvalidTypeError: the model is no `nn.Module`.

    Example:
        >>> import torch
        >>> from workingpapers.papers.icl_induction import AttentionOnlyClassifier, InContextClassification
        >>> task = InContextClassification(16, 4, 2, 16, positions=5, seed=0)
        >>> history = train_icl(AttentionOnlyClassifier(21, 4), task, lr=3e-3, steps=60, eval_every=20)
        >>> list(history["step"])
        [0, 20, 40, 60]
    """
    histories = train_stacked(
        [model],
        [task],
        optimizer=optimizer,
        lr=lr,
        steps=steps,
        eval_every=eval_every,
        early_stop=early_stop,
        batch_size=batch_size,
        eval_size=eval_size,
        weight_decay=weight_decay,
        lr_factors=lr_factors,
    )
    return histories[0]


def train_stacked(
    models: Sequence[nn.Module],
    tasks: Sequence[InContextClassification],
    *,
    optimizer: str = "adam",
    lr: float | int = 1e-3,
    steps: int = 3000,
    eval_every: int = 100,
    early_stop: float | int | Sequence[float | int | None] | None = None,
    batch_size: int = 128,
    eval_size: int = 2000,
    weight_decay: float | int = 0.0,
    lr_factors: Mapping[str, float | int] | None = None,
) -> list[pd.DataFrame]:
    """Train many models of the same architecture at once, each on a task of its own, as one batched model.

    Each model gets the steps that `train_icl` would give it; a model that has reached `early_stop` leaves the stack.

    Args:
        models: Modules with equal names and shapes of parameters; their parameters are changed.
        tasks: A task for each model, with equal N, L, P and D.
        optimizer: `adam` or `sgd`.
        lr: Learning rate.
        steps: Most optimizer steps.
        eval_every: Steps between evaluations.
        early_stop: Accuracy on new classes above which a model's training ends; one for all, or one for each.
        batch_size: Sequences of a step and model.
        eval_size: Sequences of each test set.
        weight_decay: L2 penalty.
        lr_factors: Factors on the learning rate of named parameters.

    Returns:
        For each model what `train_icl` returns.

    Raises:
        InvalidParameterError: numbers of models and tasks that differ, models or tasks of different shapes, an unknown
            optimizer, or a size or rate that is not positive.
        InvalidTypeError: a model is no `nn.Module`.

    Example:
        >>> from workingpapers.papers.icl_induction import AttentionOnlyClassifier, InContextClassification
        >>> tasks = [InContextClassification(k, 4, 2, 16, positions=5, seed=0) for k in (4, 64)]
        >>> nets = [AttentionOnlyClassifier(21, 4) for _ in tasks]
        >>> few, many = train_stacked(nets, tasks, lr=3e-3, steps=40, eval_every=40)
        >>> len(few), len(many)
        (2, 2)
    """
    _check(models, tasks, optimizer, lr)
    whole_number("steps", steps, least=1)
    whole_number("eval_every", eval_every, least=1)
    whole_number("batch_size", batch_size, least=1)
    whole_number("eval_size", eval_size, least=1)
    real_number("weight_decay", weight_decay, least=0)
    stops = list(early_stop) if isinstance(early_stop, Sequence) else [early_stop] * len(models)
    if len(stops) != len(models):
        raise InvalidParameterError(f"early_stop has {len(stops)} entries for {len(models)} models; give one for each")
    stack = _Stack(models, optimizer, lr, weight_decay, lr_factors or {})
    tests = [_test_sets(task, eval_size) for task in tasks]
    drawn = [_ahead(task, batch_size) for task in tasks]
    rows: list[list[dict[str, float]]] = [[] for _ in models]
    losses: list[list[Tensor]] = [[] for _ in models]
    for step in range(steps + 1):
        if step % eval_every == 0 or step == steps:
            for place, number in reversed(list(enumerate(stack.active))):
                mean = float(torch.stack(losses[number]).mean()) if losses[number] else math.nan
                rows[number].append({"step": step, "loss": mean, **stack.evaluate(place, tests[number])})
                losses[number].clear()
                stop = stops[number]
                if stop is not None and rows[number][-1]["ic"] > stop:
                    stack.retire(place)
        if not stack.active or step == steps:
            break
        batches = [next(drawn[number]) for number in stack.active]
        for number, loss in zip(stack.active, stack.step(batches), strict=True):
            losses[number].append(loss)
    stack.finish()
    return [pd.DataFrame(each) for each in rows]


class _Stack:
    """Parameters of several models along a leading axis, with one optimizer; elementwise, so as good as one each."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        optimizer: str,
        lr: float | int,
        weight_decay: float | int,
        factors: Mapping[str, float | int],
    ) -> None:
        self.models = list(models)
        self.active = list(range(len(models)))
        unknown = set(factors) - {name for name, _ in self.models[0].named_parameters()}
        if unknown:
            raise InvalidParameterError(f"lr_factors names {sorted(unknown)}; the model has no such parameters")
        # `functional_call` takes the parameters from the stack, so any of the models serves as the code
        stacked, buffers = stack_module_state(self.models)
        self.parameters = {name: value.detach().clone().requires_grad_() for name, value in stacked.items()}
        self.buffers = buffers
        self.kind, self.lr, self.weight_decay, self.factors = optimizer, lr, weight_decay, factors
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.Optimizer:
        groups = [
            {"params": [value], "lr": self.lr * self.factors.get(name, 1.0)} for name, value in self.parameters.items()
        ]
        if self.kind == "sgd":
            return torch.optim.SGD(groups, lr=self.lr, weight_decay=self.weight_decay)
        return torch.optim.Adam(groups, lr=self.lr, weight_decay=self.weight_decay)

    def step(self, batches: Sequence[Batch]) -> Tensor:
        """One step of every active model; their losses, `(active,)`."""
        targets = torch.stack([batch.target for batch in batches])
        if len(batches) == 1:  # no batching rules to go through
            own = {name: value[0] for name, value in self.parameters.items()}
            logits = functional_call(self.models[0], own, (batches[0].tokens,))[None]
        else:
            logits = vmap(self._call)(self.parameters, torch.stack([batch.tokens for batch in batches]))
        each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        losses = each.view(len(batches), -1).mean(1)
        self.optimizer.zero_grad()
        torch.autograd.backward(losses.sum())
        self.optimizer.step()
        return losses.detach()

    def _call(self, parameters: dict[str, Tensor], tokens: Tensor) -> Tensor:
        return functional_call(self.models[0], parameters, (tokens,))

    def evaluate(self, place: int, tests: dict[str, Batch]) -> dict[str, float]:
        """A row of the history for the active model at `place`."""
        own = {name: value[place].detach() for name, value in self.parameters.items()}
        with torch.no_grad():
            logits, attention = functional_call(self.models[0], own, (tests["ic"].tokens, True))
            measured = from_outputs(logits, attention, tests["ic"])
            row = {"ic": measured.accuracy}
            for split in ("ic_swapped", "iw"):
                guess = functional_call(self.models[0], own, (tests[split].tokens,)).argmax(1)
                row[split] = float((guess == tests[split].target).float().mean())
        names = ("ila1", "tila2", "cla", "tla2")
        return {**row, "ic_loss": measured.loss, **{name: getattr(measured, name) for name in names}}

    def retire(self, place: int) -> None:
        """Give the model at `place` its parameters and take it off the stack."""
        self._give_back(place)
        del self.active[place]
        kept = [other for other in range(len(self.active) + 1) if other != place]
        states = [self.optimizer.state.get(value, {}) for value in self.parameters.values()]
        self.parameters = {
            name: value.detach()[kept].clone().requires_grad_() for name, value in self.parameters.items()
        }
        self.optimizer = self._optimizer()
        for value, state in zip(self.parameters.values(), states, strict=True):
            if state:
                self.optimizer.state[value] = {key: _rows(entry, kept) for key, entry in state.items()}

    def _give_back(self, place: int) -> None:
        own = dict(self.models[self.active[place]].named_parameters())
        with torch.no_grad():
            for name, value in self.parameters.items():
                own[name].copy_(value[place])

    def finish(self) -> None:
        """Give all models that are left their parameters."""
        for place in range(len(self.active)):
            self._give_back(place)


def _rows(entry: Any, kept: list[int]) -> Any:
    return entry[kept].clone() if isinstance(entry, Tensor) and entry.dim() > 0 else entry


def _ahead(task: InContextClassification, batch_size: int) -> Iterator[Batch]:
    while True:
        several = task.batch(AHEAD * batch_size)
        for number in range(AHEAD):
            yield several[number * batch_size : (number + 1) * batch_size]


def _test_sets(task: InContextClassification, size: int) -> dict[str, Batch]:
    """Test sets from a stream of their own, so that evaluating changes nothing in training."""
    source = torch.Generator(task.device).manual_seed(EVALUATION_SEED + task.seed)
    return {split: task.batch(size, split, generator=source) for split in ("ic", "ic_swapped", "iw")}


def _check(models: Sequence[Any], tasks: Sequence[InContextClassification], optimizer: str, lr: float | int) -> None:
    if optimizer not in OPTIMIZERS:
        raise InvalidParameterError(f"optimizer is {optimizer!r}; it must be one of {', '.join(OPTIMIZERS)}")
    if not 0.0 < lr < math.inf:
        raise InvalidParameterError(f"lr is {lr!r}; the learning rate must be a positive finite number")
    if not models or len(models) != len(tasks):
        raise InvalidParameterError(f"there are {len(models)} models and {len(tasks)} tasks; give as many of both")
    for model in models:
        if not isinstance(model, nn.Module):
            raise InvalidTypeError(f"a model is of type {type(model).__name__}; give an nn.Module")
    shapes = [[(name, tuple(value.shape)) for name, value in model.named_parameters()] for model in models]
    sizes = [(task.n_pairs, task.n_labels, task.positions, task.dim) for task in tasks]
    for what, found in (("models' parameters", shapes), ("tasks' sizes (N, L, P, D)", sizes)):
        if any(each != found[0] for each in found[1:]):
            raise InvalidParameterError(f"the {what} differ; a stack needs equal ones: train them apart")
