"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
The phase form in the training loops of transformers and Lightning.
Differences from the paper: the adapters are ours.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, get_worker_info

from workingpapers.errors import InvalidParameterError, InvalidTypeError, MissingExtraError
from workingpapers.papers.power_law_rehearsal.checks import lengths_of
from workingpapers.papers.power_law_rehearsal.method import PowerLawSampler
from workingpapers.parts.checks import whole_number


class SequenceStream(IterableDataset[Any]):
    """The samples of a sequence of tasks in the order of their batches; always the same from the start.

    With several workers each gives whole batches in turn, so that a `DataLoader` puts them together as planned.
    """

    def __init__(
        self, datasets: Sequence[Any], make_sampler: Callable[[], PowerLawSampler], steps_per_task: int
    ) -> None:
        self.joined: ConcatDataset[Any] = ConcatDataset(list(datasets))
        self.make_sampler = make_sampler
        self.steps_per_task = steps_per_task

    def batches(self) -> Iterator[list[int]]:
        """Indices of each batch, all of one size."""
        sampler = self.make_sampler()
        for task in range(sampler.n_tasks):
            if task > 0:
                sampler.next_task()
            left = self.steps_per_task
            while left > 0:
                for indices in sampler:
                    yield indices
                    left -= 1
                    if left == 0:
                        break

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        mine, among = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        for number, indices in enumerate(self.batches()):
            if number % among == mine:
                yield from (self.joined[index] for index in indices)


class PowerLawCallback:
    """Power-law replay for `transformers.Trainer`: a stream of batches through a sequence of datasets.

    The callback makes the training data and says where one task ends; `Trainer(model, args, **rehearse(callback))`
    puts both in place. Give the trainer `max_steps=callback.max_steps` and `per_device_train_batch_size=batch_size`.
    The stream is the same from the start, so a trainer that resumes skips what it has seen.

    Args:
        datasets: The tasks in order, of samples that the trainer's collator takes.
        steps_per_task: Batches of each task.
        batch_size: Samples of a batch, over all devices.
        on_task_end: Called with (model, index of the task) when a task ends, for example to evaluate.
        seed: Seed of the order.
        sampler_options: Options of `PowerLawSampler`, such as `exponent`, `budget`, `kind` and `memory_per_task`.

    Attributes:
        train_dataset: The stream.
        max_steps: Batches in all.
        history: Pairs of task and global step at which it ended.

    Raises:
        InvalidParameterError: as `PowerLawSampler`, or `steps_per_task` is below 1; when training begins, the
            trainer's batch is of another size.
        InvalidTypeError: as `PowerLawSampler`.

    Differs from the paper: see the head of this file.

    Example:
        >>> datasets = [[{"x": float(i)} for i in range(8)], [{"x": -float(i)} for i in range(1, 9)]]
        >>> callback = PowerLawCallback(datasets, steps_per_task=4, batch_size=4, budget=0.25)
        >>> callback.max_steps, [len(batch) for batch in callback.train_dataset.batches()]
        (8, [4, 4, 4, 4, 4, 4, 4, 4])
    """

    def __init__(
        self,
        datasets: Sequence[Any],
        *,
        steps_per_task: int,
        batch_size: int,
        on_task_end: Callable[[Any, int], object] | None = None,
        seed: int = 0,
        **sampler_options: Any,
    ) -> None:
        self.steps_per_task = whole_number("steps_per_task", steps_per_task, least=1)
        self.batch_size = whole_number("batch_size", batch_size, least=1)
        self.on_task_end = on_task_end
        start = whole_number("seed", seed, least=0)
        taken = {"generator", "mode", "fill_last_batch", "rank", "world_size"} & set(sampler_options)
        if taken:
            raise InvalidParameterError(f"{', '.join(sorted(taken))} cannot be chosen here; the stream sets it")
        options = {"batch_size": self.batch_size, "fill_last_batch": True, **sampler_options}
        self.train_dataset = SequenceStream(datasets, _MakeSampler(datasets, start, options), self.steps_per_task)
        self.n_tasks = self.train_dataset.make_sampler().n_tasks
        self.history: list[tuple[int, int]] = []
        self._batches_per_step = 1

    @property
    def max_steps(self) -> int:
        """Batches of the whole sequence: the trainer's `max_steps` without gradient accumulation."""
        return self.n_tasks * self.steps_per_task

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Check that the trainer's batches are those of the plan."""
        size = getattr(args, "train_batch_size", self.batch_size) * getattr(args, "world_size", 1)
        if size != self.batch_size:
            raise InvalidParameterError(
                f"the trainer's batches hold {size} samples over all devices and the plan's {self.batch_size}; "
                "set per_device_train_batch_size accordingly"
            )
        self._batches_per_step = getattr(args, "gradient_accumulation_steps", 1)
        # a trainer that resumes is past the ends of some tasks
        done = getattr(state, "global_step", 0) * self._batches_per_step // self.steps_per_task
        self.history[:] = [
            (task, -(-(task + 1) * self.steps_per_task // self._batches_per_step))
            for task in range(min(done, self.n_tasks))
        ]

    def on_step_end(self, args: Any, state: Any, control: Any, *, model: Any = None, **kwargs: Any) -> None:
        """Where a task has ended, note it and call `on_task_end`."""
        done = state.global_step * self._batches_per_step // self.steps_per_task
        for task in range(len(self.history), min(done, self.n_tasks)):
            self.history.append((task, int(state.global_step)))
            if self.on_task_end is not None:
                self.on_task_end(model, task)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def rehearse(trainer_callback: PowerLawCallback) -> dict[str, Any]:
    """What `transformers.Trainer` needs to train along a callback's plan.

    Use it as `Trainer(model, args, **rehearse(callback))`.

    Args:
        trainer_callback: A `PowerLawCallback`.

    Returns:
        `train_dataset` and `callbacks`.

    Raises:
        InvalidTypeError: it is no `PowerLawCallback`.

    Differs from the paper: see the head of this file.

    Example:
        >>> callback = PowerLawCallback([[{"x": 1.0}] * 4] * 2, steps_per_task=2, batch_size=2)
        >>> sorted(rehearse(callback))
        ['callbacks', 'train_dataset']
    """
    if not isinstance(trainer_callback, PowerLawCallback):
        raise InvalidTypeError(f"trainer_callback is {type(trainer_callback).__name__}; give a PowerLawCallback")
    return {"train_dataset": trainer_callback.train_dataset, "callbacks": [trainer_callback]}


def PowerLawDataModule(  # noqa: N802  # makes an instance of a class that needs Lightning to exist
    datasets: Sequence[Any],
    *,
    epochs_per_task: int = 1,
    batch_size: int = 64,
    seed: int = 0,
    num_workers: int = 0,
    **sampler_options: Any,
) -> Any:
    """A `LightningDataModule` through a sequence of datasets with power-law rehearsal.

    Train with `Trainer(max_epochs=len(datasets) * epochs_per_task, reload_dataloaders_every_n_epochs=1,
    use_distributed_sampler=False)`: each epoch asks for a new loader, and the task goes on every `epochs_per_task`.
    The state of the sampler is kept in Lightning's checkpoints, at the last batch that was handed out.

    Args:
        datasets: The tasks in order.
        epochs_per_task: Passes for each task.
        batch_size: Samples of a batch on each device.
        seed: Seed of the order.
        num_workers: Processes that fetch samples.
        sampler_options: Options of `PowerLawSampler`, such as `exponent`, `budget` and `world_size`.

    Returns:
        The data module; its `sampler` is the `PowerLawSampler`.

    Raises:
        MissingExtraError: Lightning is not installed.
        InvalidParameterError: as `PowerLawSampler`, or `epochs_per_task` is below 1.

    Differs from the paper: see the head of this file.

    Example:
        >>> module = PowerLawDataModule([[1.0] * 8, [2.0] * 8], batch_size=4)  # doctest: +SKIP
        >>> len(module.train_dataloader())  # doctest: +SKIP
        2
    """
    return _data_module_class()(
        datasets,
        whole_number("epochs_per_task", epochs_per_task, least=1),
        whole_number("num_workers", num_workers, least=0),
        _MakeSampler(datasets, whole_number("seed", seed, least=0), {"batch_size": batch_size, **sampler_options})(),
    )  # fmt: skip


class _MakeSampler:
    """Makes the same sampler again; an object, so that the stream can be sent to workers."""

    def __init__(self, datasets: Sequence[Any], seed: int, options: dict[str, Any]) -> None:
        self.lengths = lengths_of(datasets)
        self.seed = seed
        self.options = options

    def __call__(self) -> PowerLawSampler:
        return PowerLawSampler(self.lengths, generator=torch.Generator().manual_seed(self.seed), **self.options)


@lru_cache
def _data_module_class() -> type:
    for package in ("lightning.pytorch", "pytorch_lightning"):
        try:
            base = importlib.import_module(package).LightningDataModule
            break
        except ImportError:
            continue
    else:
        raise MissingExtraError("Lightning is not installed; `pip install lightning` brings it")

    class DataModule(base):  # type: ignore[misc,valid-type]  # the base is known only now
        """The tasks in order, each with rehearsal of those before."""

        def __init__(
            self, datasets: Sequence[Any], epochs_per_task: int, num_workers: int, sampler: PowerLawSampler
        ) -> None:
            super().__init__()
            self.joined: ConcatDataset[Any] = ConcatDataset(list(datasets))
            self.epochs_per_task = epochs_per_task
            self.num_workers = num_workers
            self.sampler = sampler

        def train_dataloader(self) -> DataLoader[Any]:
            """The loader of the epoch that the trainer is in."""
            epoch = self.trainer.current_epoch if self.trainer is not None else 0
            while self.sampler.current_task < min(epoch // self.epochs_per_task, self.sampler.n_tasks - 1):
                self.sampler.next_task()
            return DataLoader(self.joined, batch_sampler=self.sampler, num_workers=self.num_workers)

        def state_dict(self) -> dict[str, Any]:
            """The sampler's state."""
            return self.sampler.state_dict()

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            """Go on there."""
            self.sampler.load_state_dict(state_dict)

    return DataModule


def _nothing(*args: Any, **kwargs: Any) -> None:
    """A hook that is not needed."""
