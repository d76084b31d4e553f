"""The paper's network with one hidden layer, and many of them trained at once as one batched network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, softplus
from torch.nn.utils.rnn import pad_sequence

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.nonlinearities import Activation
from workingpapers.papers.representational_geometry.nonlinearities import activation as function_of
from workingpapers.papers.representational_geometry.tasks import BinaryFactorTask

OPTIMIZERS = ("adam", "sgd")
# Samples are drawn for this many steps at a time
CHUNK = 50


class OneHiddenLayerNet(nn.Module):
    """`z = f(W x + b)`, output `V z`; W ~ N(0, w0²) for each entry, b = 0, V ~ N(0, 1/hidden).

    Args:
        dim: Width of the inputs.
        hidden: Hidden units H.
        outputs: Number of outputs.
        activation: Name (see `ACTIVATIONS`) or a function of a tensor.
        w0: Standard deviation of the input weights.
        train_readout: False keeps V as it was drawn.
        generator: Source of the weights; None is torch's global one.
        device: As for any module.
        dtype: As for any module.

    Shapes: inputs `(..., dim)`, outputs `(..., outputs)`; `features(x)` gives `(..., hidden)`.

    Raises:
        InvalidParameterError: a size below 1, an unknown activation, a negative w0.

    Differs from the paper: its widths and w0 are not verified.

    Example:
        >>> net = OneHiddenLayerNet(50, 100, 3, "tanh")
        >>> net(torch.zeros(4, 50)).shape, net.features(torch.zeros(4, 50)).shape
        (torch.Size([4, 3]), torch.Size([4, 100]))
    """

    def __init__(
        self,
        dim: int,
        hidden: int = 100,
        outputs: int = 1,
        activation: str | Activation = "tanh",
        *,
        w0: float = 0.3,
        train_readout: bool = True,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("dim", dim), ("hidden", hidden), ("outputs", outputs)):
            if size < 1:
                raise InvalidParameterError(f"{name} is {size}; give at least 1")
        if not w0 >= 0:
            raise InvalidParameterError(f"w0 is {w0}; give 0 or more")
        self.activation = function_of(activation)
        self.w0 = w0
        self.W = nn.Parameter(torch.empty(hidden, dim, device=device, dtype=dtype))
        self.b = nn.Parameter(torch.empty(hidden, device=device, dtype=dtype))
        self.V = nn.Parameter(torch.empty(outputs, hidden, device=device, dtype=dtype), requires_grad=train_readout)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew."""
        nn.init.normal_(self.W, std=self.w0, generator=generator)
        nn.init.zeros_(self.b)
        nn.init.normal_(self.V, std=len(self.b) ** -0.5, generator=generator)

    def features(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch hidden"]:
        """The hidden layer z, shape `(..., hidden)`."""
        return self.activation(linear(x, self.W, self.b))

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch outputs"]:
        """The outputs, shape `(..., outputs)`."""
        return linear(self.features(x), self.V)


@dataclass(frozen=True)
class Member:
    """One network of a stack: where it was trained and from which seed."""

    task: int
    activation: str
    seed: int


@dataclass(frozen=True)
class Snapshot:
    """The weights of all networks after `step` steps: `(networks, ...)`, and the loss of each on the last batches."""

    step: int
    W: Tensor
    b: Tensor
    V: Tensor
    loss: Tensor


@dataclass(frozen=True)
class TrainedStack:
    """Networks trained side by side; `train_stack` makes it.

    Args:
        members: Task, activation and seed of each network, in order.
        tasks: The task of each network, with its own centres.
        snapshots: Weights before training, after each step asked for, and at the end.
        functions: Activation function of each network.

    Example:
        >>> stack = train_stack(BinaryFactorTask(), ["tanh", "relu"], seeds=range(2), steps=5)
        >>> len(stack.members), stack.network("relu", 1).W.shape
        (4, torch.Size([100, 50]))
    """

    members: tuple[Member, ...]
    tasks: tuple[BinaryFactorTask, ...]
    snapshots: tuple[Snapshot, ...]
    functions: tuple[Activation, ...]

    @property
    def final(self) -> Snapshot:
        """The weights at the end."""
        return self.snapshots[-1]

    def index(self, activation: str, seed: int, task: int = 0) -> int:
        """Place of a network in the stack.

        Raises:
            InvalidParameterError: the stack has no such network.
        """
        wanted = Member(task, activation, seed)
        if wanted not in self.members:
            raise InvalidParameterError(
                f"the stack has no network with activation {activation!r}, seed {seed} and task {task}; see `.members`"
            )
        return self.members.index(wanted)

    def network(self, activation: str, seed: int, task: int = 0, *, snapshot: int = -1) -> OneHiddenLayerNet:
        """One network as a module of its own; `snapshot` 0 is the one before training, -1 the trained one."""
        at = self.index(activation, seed, task)
        kept = self.snapshots[snapshot]
        hidden, dim = kept.W.shape[1:]
        net = OneHiddenLayerNet(
            dim, hidden, kept.V.shape[1], self.functions[at], device=kept.W.device, dtype=kept.W.dtype
        )
        with torch.no_grad():
            net.W.copy_(kept.W[at])
            net.b.copy_(kept.b[at])
            net.V.copy_(kept.V[at])
        return net

    def features(self, x: Float[Tensor, "networks n dim"], snapshot: int = -1) -> Float[Tensor, "networks n hidden"]:
        """Hidden layers of all networks, each on its own inputs."""
        kept = self.snapshots[snapshot]
        return _hidden(x, kept.W, kept.b, self.functions).transpose(1, 2)

    def outputs(self, x: Float[Tensor, "networks n dim"], snapshot: int = -1) -> Float[Tensor, "networks n outputs"]:
        """Outputs of all networks, each on its own inputs."""
        return self.features(x, snapshot) @ self.snapshots[snapshot].V.transpose(1, 2)


def train_stack(
    task: BinaryFactorTask | Sequence[BinaryFactorTask],
    activations: Sequence[str | Activation],
    seeds: Sequence[int],
    *,
    hidden: int = 100,
    w0: float = 0.3,
    steps: int = 1500,
    batch: int = 32,
    lr: float = 1e-3,
    optimizer: str = "adam",
    train_readout: bool = True,
    snapshots: Sequence[int] = (),
    device: torch.device | str = "cpu",
    watch: Callable[[int, int], None] | None = None,
) -> TrainedStack:
    """Train one network for each task, activation and seed, all as one batched network.

    The loss of a network is the mean of `softplus(-y o)` over samples and outputs; the sum over networks is minimised,
    so that each learns as it would alone. Networks of the same seed share centres, initial weights and samples: they
    differ in their activation (and task) only.

    Args:
        task: A task, or several of the same width and number of labels. Its centres are drawn anew for each seed.
        activations: Names (see `ACTIVATIONS`) or functions.
        seeds: One network for each seed.
        hidden: Hidden units H.
        w0: Standard deviation of the input weights.
        steps: Optimiser steps, each on fresh samples.
        batch: Samples of a step.
        lr: Learning rate.
        optimizer: `"adam"` or `"sgd"`.
        train_readout: False keeps V as it was drawn.
        snapshots: Steps after which the weights are kept too.
        device: Where to train; samples and initial weights are drawn on the CPU, so that they are the same anywhere.
        watch: Called with (step, steps) now and then.

    Returns:
        The trained networks, weights stacked as `(networks, ...)`, in the order activation, task, seed.

    Raises:
        InvalidParameterError: nothing to train, a repeated seed, an unknown activation or optimiser, tasks that do not
            fit each other, a number that is out of range, or a loss that is not finite.

    Differs from the paper: its optimiser, widths and number of steps are not verified; ours are the defaults.

    Example:
        >>> stack = train_stack(BinaryFactorTask(targets="first"), ["tanh", "relu"], seeds=range(3), steps=20)
        >>> x, y, condition = stack.tasks[0].sample(100, torch.Generator().manual_seed(0))
        >>> stack.network("tanh", seed=0).features(x).shape
        torch.Size([100, 100])
    """
    tasks = [task] if isinstance(task, BinaryFactorTask) else list(task)
    names = [_name(each) for each in activations]
    functions = [function_of(each) for each in activations]
    _check(tasks, names, seeds, hidden, w0, steps, batch, lr, optimizer)
    own = {(t, seed): each.with_seed(seed) for t, each in enumerate(tasks) for seed in seeds}
    members = tuple(Member(t, name, seed) for name in names for t in range(len(tasks)) for seed in seeds)
    stacked_functions = tuple(function for function in functions for _ in own)
    place = {seed: at for at, seed in enumerate(seeds)}
    seed_of = torch.tensor([place[member.seed] for member in members])

    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    dtype = tasks[0].dtype
    W, V = _initial(generators, hidden, tasks[0].dim, tasks[0].n_outputs, w0, dtype)
    W, V = W[seed_of].to(device).requires_grad_(), V[seed_of].to(device).requires_grad_(train_readout)
    b = torch.zeros(len(members), hidden, dtype=dtype, device=device, requires_grad=True)
    trained = [W, b, V] if train_readout else [W, b]
    # One kernel for all parameters: with many small tensors, Adam is otherwise half of the time
    maker = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    descent = maker(trained, lr=lr, fused=torch.device(device).type in ("cpu", "cuda"))
    # Tasks with fewer conditions get empty rows that are never drawn
    centres = pad_sequence([own[member.task, member.seed].centres for member in members], batch_first=True).to(device)
    labels = pad_sequence([own[member.task, member.seed].labels for member in members], batch_first=True).to(device)
    scale = torch.tensor([tasks[member.task].noise / tasks[member.task].dim ** 0.5 for member in members], dtype=dtype)
    scale = scale.to(device)[:, None, None]
    counts = torch.tensor([tasks[member.task].n_conditions for member in members])

    wanted = {0, steps, *snapshots}
    kept: list[Snapshot] = []
    loss = torch.full((len(members),), float("nan"))
    uniform = draws = torch.empty(0)
    rows = torch.arange(len(members), device=device)[:, None]
    for step in range(steps + 1):
        if step in wanted:
            kept.append(_snapshot(step, W, b, V, loss))
        if step == steps:
            break
        within = step % CHUNK
        if within == 0:
            uniform, draws = _draw(generators, batch, tasks[0].dim, dtype)
            if watch is not None:
                watch(step, steps)
        # The same uniform numbers choose the condition and the same draws are the noise, whatever the task
        condition = (uniform[seed_of, within] * counts[:, None]).long().to(device)
        x = torch.addcmul(centres[rows, condition], draws[:, within].to(device)[seed_of.to(device)], scale)
        y = labels[rows, condition].transpose(1, 2)
        outputs = V @ _hidden(x, W, b, stacked_functions)
        loss = softplus(-y * outputs).mean((1, 2))
        for each in trained:
            each.grad = None
        torch.autograd.backward(loss.sum())
        descent.step()
    if not bool(loss.isfinite().all()):
        raise InvalidParameterError(f"the loss is not finite after {steps} steps at lr {lr}; give a smaller lr")
    return TrainedStack(members, tuple(own[m.task, m.seed] for m in members), tuple(kept), stacked_functions)


def _snapshot(step: int, *tensors: Tensor) -> Snapshot:
    W, b, V, loss = (each.detach().clone() for each in tensors)
    return Snapshot(step, W, b, V, loss)


def _name(function: str | Activation) -> str:
    return function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)


def _check(
    tasks: Sequence[BinaryFactorTask],
    names: Sequence[str],
    seeds: Sequence[int],
    hidden: int,
    w0: float,
    steps: int,
    batch: int,
    lr: float,
    optimizer: str,
) -> None:
    if not tasks or not names or not len(seeds):
        raise InvalidParameterError("nothing to train; give at least one task, one activation and one seed")
    for what, each in (("seeds", list(seeds)), ("activations", list(names))):
        if len(set(each)) < len(each):
            raise InvalidParameterError(f"{what} holds a value twice: {each}; give each once")
    for what, number in (("hidden", hidden), ("steps", steps), ("batch", batch)):
        if number < 1:
            raise InvalidParameterError(f"{what} is {number}; give at least 1")
    if not w0 >= 0 or not lr > 0:
        raise InvalidParameterError(f"w0 is {w0} and lr {lr}; w0 must be 0 or more and lr above 0")
    if optimizer not in OPTIMIZERS:
        raise InvalidParameterError(f"optimizer is {optimizer!r}; {' and '.join(map(repr, OPTIMIZERS))} are known")
    shapes = {(task.dim, task.n_outputs, task.dtype) for task in tasks}
    if len(shapes) > 1:
        raise InvalidParameterError(
            f"the tasks differ in (dim, labels, dtype): {sorted(map(str, shapes))}; stack tasks that share them"
        )


def _initial(
    generators: Sequence[torch.Generator], hidden: int, dim: int, outputs: int, w0: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    W = torch.stack([w0 * torch.randn(hidden, dim, generator=each, dtype=dtype) for each in generators])
    V = torch.stack([torch.randn(outputs, hidden, generator=each, dtype=dtype) for each in generators])
    return W, V / hidden**0.5


def _draw(generators: Sequence[torch.Generator], batch: int, dim: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    uniform = torch.stack([torch.rand(CHUNK, batch, generator=each, dtype=torch.float64) for each in generators])
    draws = torch.stack([torch.randn(CHUNK, batch, dim, generator=each, dtype=dtype) for each in generators])
    return uniform, draws


def _hidden(x: Tensor, W: Tensor, b: Tensor, functions: Sequence[Activation]) -> Tensor:
    """Hidden layers `(networks, hidden, n)`: units before samples, so that gradients of W come out contiguous."""
    before = torch.baddbmm(b[:, :, None], W, x.transpose(1, 2))
    # Neighbours with the same activation are one call
    runs: list[tuple[Activation, int]] = []
    for function in functions:
        if runs and runs[-1][0] is function:
            runs[-1] = (function, runs[-1][1] + 1)
        else:
            runs.append((function, 1))
    if len(runs) == 1:
        return runs[0][0](before)
    pieces = torch.split(before, [length for _, length in runs])
    return torch.cat([function(piece) for (function, _), piece in zip(runs, pieces, strict=True)])
