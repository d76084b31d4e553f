"""Three tasks of the neuroscience laboratory, whole batches at a time, and an adapter for neurogym's data sets."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import whole_number

Batch = tuple[Tensor, Tensor]


@runtime_checkable
class Task(Protocol):
    """What a task offers: sizes, and `batch(n, generator)` with inputs `(time, n, in)` and labels `(time, n)`."""

    input_size: int
    output_size: int

    def batch(self, n: int, generator: torch.Generator | None = None) -> Batch: ...


class TwoAlternative:
    r"""Two-alternative forced choice: which of two noisy streams is stronger?

    Inputs (fixation, s1, s2): the fixation input is zero, `s = 1/2 +- coherence / 200 + noise N(0, 1)` at each stimulus
    step, with plus on the correct side, and zeros at the last step, where the answer is due. Labels are 0 (fixate)
    before, then 1 or 2.

    Args:
        stimulus_steps: Steps of stimulus, of 100 ms.
        coherences: Drawn from with equal probability, in per cent.
        noise: Standard deviation of the noise of a step: neurogym's sigma / sqrt(dt).

    Raises:
        InvalidParameterError: fewer than 1 step or no coherence.

    Example:
        >>> x, y = TwoAlternative().batch(32)
        >>> x.shape, y.shape, sorted(y[-1].unique().tolist())
        (torch.Size([8, 32, 3]), torch.Size([8, 32]), [1, 2])
    """

    input_size = 3
    output_size = 3

    def __init__(
        self,
        stimulus_steps: int = 7,
        coherences: Sequence[float | int] = (0.0, 6.4, 12.8, 25.6, 51.2),
        noise: float | int = 0.1,
    ) -> None:
        self.stimulus_steps = whole_number("stimulus_steps", stimulus_steps, least=1)
        self.coherences = _coherences(coherences)
        self.noise = noise

    def batch(self, n: int, generator: torch.Generator | None = None) -> Batch:
        """Inputs `(time, n, 3)`, float32, and labels `(time, n)`, int64."""
        n = whole_number("n", n, least=1)
        steps = self.stimulus_steps
        side = torch.randint(2, (n,), generator=generator)
        strength = self.coherences[torch.randint(len(self.coherences), (n,), generator=generator)] / 200
        x = torch.zeros(steps + 1, n, 3)
        x[:steps, :, 1:] = 0.5 + self.noise * torch.randn(steps, n, 2, generator=generator)
        x[:steps, :, 1] += strength * (1 - 2 * side)
        x[:steps, :, 2] -= strength * (1 - 2 * side)
        return x, _labels(steps + 1, side + 1)


class DelayedMatch:
    """Delayed match to sample: is the test stimulus the sample of some steps ago?

    Inputs (fixation, s1, s2): fixation is one until the answer is due; sample and test are one-hot with noise, one step
    each; nothing during the delay. At the last step the label is 1 for a match and 2 for none, before it 0.

    Args:
        delay_steps: Steps between sample and test, of 100 ms.
        noise: Standard deviation of the noise of sample and test.

    Raises:
        InvalidParameterError: fewer than 0 delay steps.

    Example:
        >>> x, y = DelayedMatch().batch(32)
        >>> x.shape, int(x[1:6, :, 1:].abs().sum())
        (torch.Size([8, 32, 3]), 0)
    """

    input_size = 3
    output_size = 3

    def __init__(self, delay_steps: int = 5, noise: float | int = 0.1) -> None:
        self.delay_steps = whole_number("delay_steps", delay_steps, least=0)
        self.noise = noise

    def batch(self, n: int, generator: torch.Generator | None = None) -> Batch:
        """Inputs `(time, n, 3)`, float32, and labels `(time, n)`, int64."""
        n = whole_number("n", n, least=1)
        steps = self.delay_steps + 3
        sample = torch.randint(2, (n,), generator=generator)
        is_other = torch.randint(2, (n,), generator=generator)
        x = torch.zeros(steps, n, 3)
        x[:-1, :, 0] = 1.0
        noise = self.noise * torch.randn(2, n, 2, generator=generator)
        x[0, :, 1:] = torch.nn.functional.one_hot(sample, 2) + noise[0]
        x[-2, :, 1:] = torch.nn.functional.one_hot(sample ^ is_other, 2) + noise[1]
        return x, _labels(steps, is_other + 1)


class ContextDecision:
    """Context-dependent decision: two streams of evidence, and a cue says which of them counts.

    Inputs (fixation, two of modality 1, two of modality 2, two context cues), in neurogym's order. The stimuli are on
    for the first steps, `1/2 +- coherence / 200 + noise`, the one-hot cue in all steps; the answer, 1 or 2, is due in
    the last.

    Args:
        stimulus_steps: Steps of stimulus, of 100 ms.
        delay_steps: Steps without, before the answer.
        coherences: Drawn from for each modality, in per cent.
        noise: Standard deviation of the noise of a step.

    Raises:
        InvalidParameterError: step counts out of range or no coherence.

    Example:
        >>> x, y = ContextDecision().batch(32)
        >>> x.shape, bool((x[:, :, 5:].sum(-1) == 1).all())
        (torch.Size([8, 32, 7]), True)
    """

    input_size = 7
    output_size = 3

    def __init__(
        self,
        stimulus_steps: int = 2,
        delay_steps: int = 5,
        coherences: Sequence[float | int] = (5.0, 15.0, 50.0),
        noise: float | int = 0.1,
    ) -> None:
        self.stimulus_steps = whole_number("stimulus_steps", stimulus_steps, least=1)
        self.delay_steps = whole_number("delay_steps", delay_steps, least=0)
        self.coherences = _coherences(coherences)
        self.noise = noise

    def batch(self, n: int, generator: torch.Generator | None = None) -> Batch:
        """Inputs `(time, n, 7)`, float32, and labels `(time, n)`, int64."""
        n = whole_number("n", n, least=1)
        on, steps = self.stimulus_steps, self.stimulus_steps + self.delay_steps + 1
        side = torch.randint(2, (n, 2), generator=generator)  # of each modality
        context = torch.randint(2, (n,), generator=generator)
        drawn = torch.randint(len(self.coherences), (n, 2), generator=generator)
        strength = self.coherences[drawn] / 200 * (1 - 2 * side)
        x = torch.zeros(steps, n, 7)
        x[:on, :, 1:5] = 0.5 + self.noise * torch.randn(on, n, 4, generator=generator)
        x[:on, :, 1:5:2] += strength
        x[:on, :, 2:5:2] -= strength
        x[:, :, 5:] = torch.nn.functional.one_hot(context, 2).float()
        return x, _labels(steps, side.gather(1, context[:, None])[:, 0] + 1)


class NeurogymTask:
    """A neurogym data set as a task; made by `from_neurogym`."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.input_size = int(dataset.env.observation_space.shape[0])
        self.output_size = int(dataset.env.action_space.n)

    def batch(self, n: int, generator: torch.Generator | None = None) -> Batch:
        """Inputs `(time, n, in)` and labels `(time, n)`; the data set's own seed counts, not `generator`."""
        n = whole_number("n", n, least=1)
        pairs: list[Batch] = []
        while sum(y.shape[1] for _, y in pairs) < n:
            x, y = self.dataset()
            pairs.append((torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y, dtype=torch.int64)))
        x, y = (torch.cat(each, 1)[:, :n] for each in zip(*pairs, strict=True))
        return x, y


def from_neurogym(dataset: Any) -> NeurogymTask:
    """Use a `neurogym.Dataset` where a task is wanted.

    Args:
        dataset: A `neurogym.Dataset`, time first (its default): calling it gives inputs `(time, batch, in)` and labels
            `(time, batch)`. Its randomness is its own: seed it by `dataset.seed(...)`.

    Returns:
        A task with `batch(n, generator)`, `input_size` and `output_size`; inputs `(time, n, in)`.

    Raises:
        InvalidTypeError: it is no such data set, or it is batch first.

    Example:
        >>> import numpy as np
        >>> from types import SimpleNamespace
        >>> class Dataset:  # neurogym.Dataset("PerceptualDecisionMaking-v0", batch_size=4, seq_len=8)
        ...     env = SimpleNamespace(observation_space=np.zeros(3), action_space=SimpleNamespace(n=3))
        ...     def __call__(self):
        ...         return np.zeros((8, 4, 3)), np.zeros((8, 4))
        >>> from_neurogym(Dataset()).batch(6)[0].shape
        torch.Size([8, 6, 3])
    """
    if not callable(dataset) or not hasattr(dataset, "env"):
        raise InvalidTypeError(f"dataset is {type(dataset).__name__}; give a neurogym.Dataset")
    if getattr(dataset, "batch_first", False):
        raise InvalidTypeError("the data set is batch first; make it with batch_first=False")
    return NeurogymTask(dataset)


def _labels(steps: int, answer: Tensor) -> Tensor:
    labels = torch.zeros(steps, len(answer), dtype=torch.int64)
    labels[-1] = answer
    return labels


def _coherences(values: Sequence[float | int]) -> Tensor:
    if len(values) == 0:
        raise InvalidParameterError("coherences is empty; give at least one, in per cent")
    return torch.tensor([float(each) for each in values])
