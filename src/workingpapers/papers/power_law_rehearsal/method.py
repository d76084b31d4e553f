"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
The phase form as a batch sampler: a share of every batch comes from earlier tasks, drawn by their age.
Differences from the paper: share, exponent and place of the rehearsal could not be read there; all are arguments here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Sampler

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.power_law_rehearsal.checks import lengths_of, zero_to_infinity
from workingpapers.papers.power_law_rehearsal.encounters import on_cpu
from workingpapers.papers.power_law_rehearsal.environments import KINDS, Kind, check_kind, rehearsal_probabilities
from workingpapers.parts.checks import real_number, whole_number

MODES = ("inside", "extra", "after")


class PowerLawSampler(Sampler[list[int]]):
    """A batch sampler over a `ConcatDataset` of tasks that meets earlier tasks again, the older the rarer.

    In phase t every batch of b samples holds `round(r b)` rehearsal samples and new ones of task t else. A rehearsal
    sample comes from task j < t with probability `p_t(j) ∝ (t - j)^-d`, uniformly among that task's samples. New
    samples are drawn without replacement, pass after pass. Use it as `DataLoader(ConcatDataset(tasks),
    batch_sampler=sampler)`, iterate once an epoch, and call `next_task()` between phases. In the first phase there is
    nothing to rehearse, the budget is ignored, and an epoch is a plain shuffle.

    Where rounding would leave a batch no rehearsal or no new samples, the number is drawn binomially with mean r b.

    Args:
        datasets_or_lengths: The tasks in order, as datasets that have a length, or their lengths.
        exponent: d of the power law.
        budget: r, share of a batch that is rehearsed, in [0, 1).
        batch_size: b, samples of a batch (on each rank).
        generator: CPU generator of all draws; None takes a fresh seed from torch's global generator. Every rank
            needs one with the same seed.
        kind: `power`, `exponential`, `uniform`, `last`, a function of the number of earlier tasks that gives their
            weights, or `none`: the baseline, which fills the rehearsal's places with new samples.
        memory_per_task: Keep only so many samples of a finished task, a uniform choice of those handed out (what
            reservoir sampling leaves); None keeps every sample of it.
        rate: λ of the exponential law.
        mode: `inside`: an epoch has as many batches as plain training, so rehearsal takes the place of new samples.
            `extra`: an epoch shows each new sample once and has more batches for it. `after`: batches hold new
            samples only, and `rehearsal_block` gives batches of rehearsal.
        fill_last_batch: Fill up the last batch of an epoch with further samples, so that all are of one size.
        rank: Place among `world_size` processes; each gets its own batches of one and the same plan.
        world_size: Number of processes. The plan is filled up so that all have equally many batches.

    Attributes:
        current_task: Index t of the task being learned.

    Raises:
        InvalidParameterError: a task is empty (named by its index), `batch_size` or `memory_per_task` is below 1,
            `budget` outside [0, 1), `exponent` or `rate` negative or NaN, `kind` or `mode` unknown, `rank` outside
            `world_size`, or the generator is not on the CPU.
        InvalidTypeError: an argument is of another type.

    Differs from the paper: see the head of this file; `extra`, `after`, the memory and the other kinds are ours.

    Example:
        >>> import torch
        >>> sampler = PowerLawSampler([100, 100], budget=0.2, batch_size=10, generator=torch.Generator().manual_seed(0))
        >>> sorted(index for batch in sampler for index in batch) == list(range(100))  # the first task: a shuffle
        True
        >>> sampler.next_task()
        >>> [sum(index < 100 for index in batch) for batch in sampler]
        [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    """

    def __init__(
        self,
        datasets_or_lengths: Sequence[Any],
        *,
        exponent: float | int = 1.0,
        budget: float | int = 0.2,
        batch_size: int,
        generator: torch.Generator | None = None,
        kind: Kind = "power",
        memory_per_task: int | None = None,
        rate: float | int = 1.0,
        mode: str = "inside",
        fill_last_batch: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.lengths = tuple(lengths_of(datasets_or_lengths))
        self.exponent = zero_to_infinity("exponent", exponent)
        self.rate = zero_to_infinity("rate", rate)
        self.budget = real_number("budget", budget, least=0, below=1)
        self.batch_size = whole_number("batch_size", batch_size, least=1)
        self.kind = _kind(kind)
        self.memory_per_task = (
            None if memory_per_task is None else whole_number("memory_per_task", memory_per_task, least=1)
        )
        if mode not in MODES:
            raise InvalidParameterError(f"mode is {mode!r}; give one of {', '.join(MODES)}")
        self.mode = mode
        self.fill_last_batch = bool(fill_last_batch)
        self.world_size = whole_number("world_size", world_size, least=1)
        self.rank = whole_number("rank", rank, least=0)
        if self.rank >= self.world_size:
            raise InvalidParameterError(
                f"rank is {rank} and world_size {world_size}; ranks are counted from 0 and lie below world_size"
            )
        self.generator = on_cpu(generator)
        self.offsets = torch.tensor([0, *self.lengths]).cumsum(0)
        self.current_task = 0
        self._memory: list[Tensor] = []
        self._snapshot: dict[str, Any] | None = None  # as it was before the epoch in progress
        self._position = 0
        self._skip: int | None = None
        self._begin_task()

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.lengths)

    @property
    def has_begun(self) -> bool:
        """Whether an epoch of the current task has been begun, or a state with one been loaded."""
        return self._snapshot is not None

    def first_pass(self, count: int) -> Int[Tensor, " samples"]:
        """The first `count` indices of the current task's first shuffle, shape `(samples,)`; costs no draw."""
        return self._first_pass[: whole_number("count", count, least=1)] + self.offsets[self.current_task]

    def __len__(self) -> int:
        """Batches of an epoch of the current task, on this rank."""
        return -(-self._plain_batches() // self.world_size)

    def __iter__(self) -> Iterator[list[int]]:
        skip, plan = self._start_epoch()
        for position in range(skip, len(plan)):
            self._position = position + 1
            self._given += self._new_at[position]
            yield plan[position]

    def probabilities(self) -> Float[Tensor, " previous"]:
        """Probability of each earlier task in the current phase, oldest first, shape `(current_task,)`."""
        if self.current_task == 0:
            return torch.zeros(0, dtype=torch.float64)
        if self.kind == "none":
            return torch.zeros(self.current_task, dtype=torch.float64)
        return rehearsal_probabilities(self.current_task, kind=self.kind, exponent=self.exponent, rate=self.rate)

    def task_of(self, indices: Sequence[int] | Int[Tensor, " samples"]) -> Int[Tensor, " samples"]:
        """The task of each index of the `ConcatDataset`, shape `(samples,)`."""
        return torch.searchsorted(self.offsets[1:], torch.as_tensor(indices, dtype=torch.int64), right=True)

    def next_task(self) -> None:
        """Go on to the next task; the one just learned can be rehearsed from now on.

        Raises:
            IndexError: the current task is the last one.
        """
        if self.current_task + 1 >= self.n_tasks:
            raise IndexError(f"there is no task {self.current_task + 1}; there are {self.n_tasks}, counted from 0")
        self._finish_loading()
        if self.memory_per_task is not None:
            # the order of the first pass is random, so its first samples are a uniform choice of those handed out
            seen = min(self._given, self.lengths[self.current_task]) or self.lengths[self.current_task]
            self._memory.append(self._first_pass[: min(self.memory_per_task, seen)].clone())
        self.current_task += 1
        self._begin_task()

    def rehearsal_block(self, batches: int) -> Iterator[list[int]]:
        """Batches of rehearsal only, for `mode="after"`: draw them when the phase's own training is done.

        With `kind="none"` they hold new samples, so that both have as many steps. In the first phase likewise.

        Args:
            batches: Number of batches of `batch_size`, on this rank; every rank draws its own.
        """
        count = whole_number("batches", batches, least=0)
        self._finish_loading()
        self._snapshot = None
        draw = self._new if self.current_task == 0 or self.kind == "none" else self._rehearsal
        for _ in range(count):
            yield torch.split(draw(self.batch_size * self.world_size), self.batch_size)[self.rank].tolist()

    def state_dict(self, position: int | None = None) -> dict[str, Any]:
        """Everything that the order from here on depends on; tensors and numbers only.

        Args:
            position: Batches of this epoch that were used up; None for those handed out. They differ where a
                `DataLoader` with workers has fetched some ahead.
        """
        used = self._position if position is None else whole_number("position", position, least=0)
        if used > len(self):
            raise InvalidParameterError(f"position is {used}; an epoch of this task has {len(self)} batches")
        if self._skip is not None and position is None:  # loaded and not yet gone on
            used = self._skip
        inside = self._snapshot is not None
        return {
            **(self._snapshot if self._snapshot is not None else self._state()),
            "position": used if inside else None,
            "lengths": list(self.lengths),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another sampler over the same tasks stood, in the midst of an epoch where it was there.

        Raises:
            InvalidParameterError: the state is of other tasks, lacks a part, or holds no memory where `memory_per_task`
                is set; nothing is changed then.
        """
        missing = {"task", "generator", "carry", "first_pass", "given", "memory", "position", "lengths"} - set(
            state_dict
        )
        if missing:
            raise InvalidParameterError(f"the state lacks {', '.join(sorted(missing))}; give one made by state_dict()")
        if tuple(state_dict["lengths"]) != self.lengths:
            raise InvalidParameterError(
                f"the state is of lengths {list(state_dict['lengths'])}; this sampler's are {list(self.lengths)}"
            )
        if self.memory_per_task is not None and len(state_dict["memory"]) != state_dict["task"]:
            raise InvalidParameterError(
                f"the state holds the memory of {len(state_dict['memory'])} tasks, {state_dict['task']} were learned; "
                "give one of a sampler with memory_per_task"
            )
        self._load(state_dict)
        position = state_dict["position"]
        self._skip = position
        self._position = position or 0
        self._snapshot = None if position is None else self._state()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "generator": self.generator.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.generator = torch.Generator()
        self.generator.set_state(state["generator"])
        if self._snapshot is not None and self._skip is None:  # an iterator is not copied: go on from its place
            position = self._position
            self._load(self._snapshot)
            self._skip = position

    def _begin_task(self) -> None:
        self._first_pass = torch.randperm(self.lengths[self.current_task], generator=self.generator)
        self._carry = self._first_pass
        self._given = 0
        self._snapshot, self._position, self._skip = None, 0, None

    def _state(self) -> dict[str, Any]:
        return {
            "task": self.current_task,
            "generator": self.generator.get_state(),
            "carry": self._carry.clone(),
            "first_pass": self._first_pass.clone(),
            "given": self._given,
            "memory": [kept.clone() for kept in self._memory],
        }

    def _load(self, state: dict[str, Any]) -> None:
        generator = torch.Generator()
        drawn = state["generator"].cpu()  # a checkpoint may have been loaded onto another device
        generator.set_state(drawn)  # fails before anything is changed
        self.generator.set_state(drawn)
        self.current_task = int(state["task"])
        self._carry, self._first_pass = state["carry"].cpu().clone(), state["first_pass"].cpu().clone()
        self._given = int(state["given"])
        self._memory = [kept.cpu().clone() for kept in state["memory"]]

    def _start_epoch(self) -> tuple[int, list[list[int]]]:
        """Draw the plan of an epoch; how much of it was used up before a state was loaded."""
        skip, self._skip = self._skip, None
        self._snapshot, self._position = self._state(), 0
        plan = self._plan()
        if skip is not None:
            self._given += sum(self._new_at[:skip])
            self._position = skip
            if skip >= len(plan):
                return self._start_epoch()
        return skip or 0, plan

    def _finish_loading(self) -> None:
        """Draw what the epoch had drawn of which a state was loaded, though nobody wants the rest of it."""
        if self._skip is not None:
            skip, self._skip = self._skip, None
            self._plan()
            self._given += sum(self._new_at[:skip])

    def _plain_batches(self) -> int:
        length = self.lengths[self.current_task]
        if not self._extends():
            return -(-length // self.batch_size)
        rehearsed = round(self.budget * self.batch_size)
        if 0 < rehearsed < self.batch_size:
            return -(-length // (self.batch_size - rehearsed))
        return -(-round(length / (1 - self.budget)) // self.batch_size)

    def _extends(self) -> bool:
        return self.mode == "extra" and self.current_task > 0 and self.budget > 0

    def _sizes(self) -> list[tuple[int, int]]:
        """Size of each batch of the plan, and how many of its samples are rehearsed."""
        length, size, count = self.lengths[self.current_task], self.batch_size, self._plain_batches()
        if self._extends():
            sizes = self._extended_sizes(length, count)
        else:
            whole_sizes = [size] * (count - 1) + [length - (count - 1) * size]
            sizes = [(each, self._rehearsed_of(each)) for each in whole_sizes]
        if self.fill_last_batch and sizes[-1][0] < size:
            sizes[-1] = (size, self._rehearsed_of(size))
        filled = -(-count // self.world_size) * self.world_size
        sizes += [(size, self._rehearsed_of(size)) for _ in range(filled - count)]
        if self.kind == "none":
            return [(each, 0) for each, _ in sizes]
        return sizes

    def _extended_sizes(self, length: int, count: int) -> list[tuple[int, int]]:
        size, rehearsed = self.batch_size, round(self.budget * self.batch_size)
        if 0 < rehearsed < size:
            rest = length - (count - 1) * (size - rehearsed)
            last = min(round(rest * self.budget / (1 - self.budget)), size - rest)
            return [(size, rehearsed)] * (count - 1) + [(rest + last, last)]
        total = round(length / (1 - self.budget))
        places = torch.randperm(total, generator=self.generator) < total - length
        return [(len(part), int(part.sum())) for part in torch.split(places, size)]

    def _rehearsed_of(self, size: int) -> int:
        if self.current_task == 0 or self.budget == 0 or self.mode == "after":
            return 0
        rounded = round(self.budget * size)
        if 0 < rounded < size:
            return rounded
        return int((torch.rand(size, generator=self.generator, dtype=torch.float64) < self.budget).sum())

    def _plan(self) -> list[list[int]]:
        sizes = self._sizes()
        new = torch.split(self._new(sum(s - r for s, r in sizes)), [s - r for s, r in sizes])
        old = torch.split(self._rehearsal(sum(r for _, r in sizes)), [r for _, r in sizes])
        mine = slice(self.rank, None, self.world_size)
        # on all ranks together, so that each keeps the same memory
        counts, world = [size - rehearsed for size, rehearsed in sizes], self.world_size
        self._new_at = [sum(counts[start : start + world]) for start in range(0, len(counts), world)]
        return [a.tolist() + b.tolist() for a, b in zip(new[mine], old[mine], strict=True)]

    def _new(self, count: int) -> Tensor:
        parts, wanted = [], count
        while wanted > 0:
            if len(self._carry) == 0:
                self._carry = torch.randperm(self.lengths[self.current_task], generator=self.generator)
            parts.append(self._carry[:wanted])
            self._carry = self._carry[wanted:]
            wanted -= len(parts[-1])
        drawn = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64)
        return drawn + self.offsets[self.current_task]

    def _rehearsal(self, count: int) -> Tensor:
        if count == 0:
            return torch.zeros(0, dtype=torch.int64)
        tasks = torch.multinomial(self.probabilities(), count, replacement=True, generator=self.generator)
        kept = [len(part) for part in self._memory] if self.memory_per_task is not None else self.lengths
        sizes = torch.tensor(kept)[tasks]
        places = (torch.rand(count, generator=self.generator, dtype=torch.float64) * sizes).long()
        if self.memory_per_task is not None:
            starts = torch.tensor([0, *kept]).cumsum(0)
            places = torch.cat(self._memory)[starts[tasks] + places]
        return places + self.offsets[tasks]


def _kind(kind: Any) -> Any:
    if isinstance(kind, str) and kind == "none":
        return kind
    try:
        return check_kind(kind)
    except InvalidParameterError as error:
        raise InvalidParameterError(
            f"kind {kind!r} is unknown; give one of {', '.join((*KINDS, 'none'))}, or a function"
        ) from error
