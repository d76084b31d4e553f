"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
The stream form: which task is met next, by the time since each was last met (Anderson and Schooler 1991).
Differences from the paper: the clock of encounters and the warm-up are our reading; it was not available in full.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import real_number, whole_number


class EncounterProcess:
    """An endless stream of tasks, in which the need for a task decays as a power of the time since it was last met.

    At step s = 1, 2, ... the next task is drawn with probability `p(i) ∝ (s - last_i)^-d` over the tasks introduced
    by then; `last_i` is the step of its last encounter. A task that is introduced is first met `warmup` times in a
    row; with `warmup=0` its introduction counts as an encounter just before that step.

    With d > 1 the weights of a task sum to a finite number as it ages, so that it is lost for ever with positive
    probability, and in the end one task is met over and over: `gaps` then tells of the time before. With d <= 1 every
    task comes back.

    Args:
        exponent: d, at least 0; 0 draws tasks with equal probability.
        introduce_at: For each task the step from which on it can be met; 0 and 1 both mean the first step, and at
            least one task is there from the first step on. Tasks introduced at one step are warmed up in turn.
        warmup: Encounters forced at the introduction of each task.
        generator: CPU generator of the draws; None takes a fresh seed from torch's global generator.

    Raises:
        InvalidParameterError: `exponent` is negative, NaN or infinite, no task is there at the first step, a step or
            `warmup` is negative, or the generator is not on the CPU.
        InvalidTypeError: a step or `warmup` is no whole number.

    Differs from the paper: see the head of this file.

    Example:
        >>> import torch
        >>> process = EncounterProcess(1.0, [1, 10], warmup=3, generator=torch.Generator().manual_seed(0))
        >>> tasks = [next(process) for _ in range(20)]
        >>> tasks[:12]
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]
        >>> process.gaps()[:4].tolist()
        [1, 1, 1, 1]
    """

    def __init__(
        self,
        exponent: float | int,
        introduce_at: Sequence[int],
        *,
        warmup: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        self.exponent = real_number("exponent", exponent, least=0)
        if not hasattr(introduce_at, "__iter__"):
            raise InvalidTypeError(f"introduce_at is {introduce_at!r}; give one step for each task")
        self.introduce_at = tuple(
            whole_number(f"introduce_at[{i}]", step, least=0) for i, step in enumerate(introduce_at)
        )
        if not self.introduce_at or min(self.introduce_at) > 1:
            raise InvalidParameterError(
                f"introduce_at is {list(self.introduce_at)}; at least one task must be introduced at step 0 or 1"
            )
        self.warmup = whole_number("warmup", warmup, least=0)
        self.generator = on_cpu(generator)
        self.step = 0
        order = sorted(range(len(self.introduce_at)), key=lambda task: self.introduce_at[task])
        self._waiting = deque(order)
        self._forced: deque[int] = deque()
        self._introduced: list[int] = []
        self._last = np.zeros(len(order), np.int64)  # of the tasks introduced, in the order of introduction
        self._met = np.zeros(len(order), bool)
        self._place = {task: place for place, task in enumerate(order)}
        self._gaps: list[int] = []
        self._gap_tasks: list[int] = []
        self._powers = np.ones(1)

    def __iter__(self) -> "EncounterProcess":
        return self

    def __next__(self) -> int:
        self.step += 1
        while self._waiting and self.introduce_at[self._waiting[0]] <= max(self.step, 1):
            task = self._waiting.popleft()
            self._introduced.append(task)
            self._last[self._place[task]] = self.step - 1
            self._forced.extend([task] * self.warmup)
        is_drawn = not self._forced
        if is_drawn:
            ages = self.step - self._last[: len(self._introduced)]
            cumulative = self._powers_up_to(self.step)[ages].cumsum()
            chance = float(torch.rand((), generator=self.generator, dtype=torch.float64))
            place = int(cumulative.searchsorted(chance * cumulative[-1], side="right"))
            task = self._introduced[min(place, len(self._introduced) - 1)]
        else:
            task = self._forced.popleft()
        place = self._place[task]
        if is_drawn and self._met[place]:
            self._gaps.append(int(self.step - self._last[place]))
            self._gap_tasks.append(task)
        self._last[place] = self.step
        self._met[place] = True
        return task

    def gaps(self, task: int | None = None) -> Int[np.ndarray, " encounters"]:
        """Steps between one encounter of a task and the next, where the next was drawn and not forced.

        Args:
            task: Only this task's; None for all.

        Returns:
            Gaps in the order in which they ended, shape `(encounters,)`, each at least 1.
        """
        gaps = np.array(self._gaps, dtype=np.int64)
        if task is None:
            return gaps
        number = whole_number("task", task, least=0)
        if number >= len(self.introduce_at):
            raise InvalidParameterError(f"task is {number}; there are {len(self.introduce_at)}, counted from 0")
        return gaps[np.array(self._gap_tasks, dtype=np.int64) == number]

    def _powers_up_to(self, longest: int) -> np.ndarray:
        """a^-d for ages a from 0, which does not occur, to `longest`."""
        if longest >= len(self._powers):
            ages = np.arange(2 * longest + 16, dtype=float)
            ages[0] = 1.0
            self._powers = ages**-self.exponent
        return self._powers


def on_cpu(generator: torch.Generator | None) -> torch.Generator:
    """The generator, where it draws on the CPU; a fresh one where there is none."""
    if generator is None:
        return torch.Generator().manual_seed(int(torch.empty((), dtype=torch.int64).random_()))
    if not isinstance(generator, torch.Generator):
        raise InvalidTypeError(f"generator is {generator!r}; give a torch.Generator or None")
    if generator.device.type != "cpu":
        raise InvalidParameterError(f"generator is on {generator.device}; indices are drawn on the CPU, give a CPU one")
    return generator
