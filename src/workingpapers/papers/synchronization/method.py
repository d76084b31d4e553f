"""Synchronized replicas (arXiv 1010.4517) of any PyTorch module: n copies in one, coupled along a graph.

No official code known. Nothing is taken from elsewhere.
Implements the coupling -κ Σ_j L_ij w_j of section 2 as a step between the steps of an optimizer.
Differences from the paper: discrete time; any optimizer in place of gradient flow.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_map

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.synchronization.checks import spectrum
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.parts.calling import plain_attention
from workingpapers.parts.checks import real_number, whole_number

INITS = ("same", "independent")
METHODS = ("auto", "vmap", "loop")
_BLOCK_BYTES = 2**20  # columns are coupled in blocks that stay in the processor's cache


class SynchronizedReplicas(nn.Module):
    r"""n replicas of a module as one module, which pull each other together along a graph.

    Each parameter is stacked to `(n, ...)`. Train the replicas like any module, and couple them between steps:

        w_i ← w_i - η κ Σ_j L_ij w_j        (`couple_(η)`, or `SynchronizedOptimizer` at each step)

    Replicas that start alike and see the same data stay alike. Give them noise of their own: `forward_each` with a
    batch for each, or dropout, which is drawn for each replica.

    Args:
        module: Any module, `timm`'s and `transformers`' included. It is copied, never changed.
        n: Number of replicas.
        graph: What `laplacian` takes: a name, an adjacency, a networkx graph or a list of edges.
        coupling: κ, at least 0.
        init: "same" copies the module's parameters; "independent" draws them anew for each replica.
        reset_parameters: For "independent": takes a copy of the module and draws its parameters in place, or returns
            a new module of the same shapes. None calls `reset_parameters()` of every submodule.
        method: "vmap" runs all replicas at once, "loop" one after the other; "auto" takes vmap and falls back to the
            loop for good once a module's forward turns out not to be vectorizable, and under autocast.

    Attributes:
        replicas: The module, each parameter and buffer stacked to `(n, ...)`; not to be called itself.
        laplacian: L, shape `(n, n)`, float64 on the CPU.
        lambda2: Second smallest eigenvalue of L (0 for n = 1).
        lambda_max: Largest eigenvalue of L.

    Raises:
        InvalidTypeError: no module, sizes of a wrong type, or a `reset_parameters` that cannot be called.
        InvalidParameterError: n < 1, negative coupling, a bad graph, lazy parameters, or, for "independent", a
            submodule whose parameters nobody draws.

    Differs from the paper: see the module's header. Batch normalisation keeps statistics for each replica.

    Source: section 2; the discrete form is an addition.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> replicas = SynchronizedReplicas(net, 5, "ring", coupling=1.0, init="independent")
        >>> replicas(torch.randn(16, 4)).shape
        torch.Size([5, 16, 3])
        >>> before = replicas.spread()
        >>> replicas.couple_(0.1)
        >>> replicas.spread() < before
        True
        >>> replicas.centroid()(torch.randn(16, 4)).shape  # an ordinary nn.Sequential
        torch.Size([16, 3])
    """

    def __init__(
        self,
        module: nn.Module,
        n: int,
        graph: Any = "complete",
        coupling: float | int = 1.0,
        *,
        init: str = "same",
        reset_parameters: Callable[[nn.Module], object] | None = None,
        method: str = "auto",
    ) -> None:
        super().__init__()
        if not isinstance(module, nn.Module):
            raise InvalidTypeError(f"module is {type(module).__name__}; give a torch.nn.Module")
        self.n = whole_number("n", n, least=1)
        self.coupling = real_number("coupling", coupling, least=0)
        for name, value, allowed in (("init", init, INITS), ("method", method, METHODS)):
            if value not in allowed:
                raise InvalidParameterError(f"{name} is {value!r}; choose one of {', '.join(map(repr, allowed))}")
        if reset_parameters is not None and not callable(reset_parameters):
            raise InvalidTypeError(f"reset_parameters is {type(reset_parameters).__name__}; give a function or None")
        _check_parameters(module)
        self.method = method
        self.laplacian = laplacian(graph, self.n)
        eigenvalues = spectrum(self.laplacian)
        self.lambda2 = float(eigenvalues[1]) if self.n > 1 else 0.0
        self.lambda_max = float(eigenvalues[-1])
        if init == "same":
            sources = [module] * self.n
        else:
            sources = [_drawn_anew(module, reset_parameters) for _ in range(self.n)]
        self.replicas = _stacked(module, sources)
        self._is_vectorized: bool | None = False if method == "loop" else None  # None: not known yet

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run every replica on the same inputs.

        Args:
            *args: Inputs as the module takes them, `(batch, ...)`.
            **kwargs: Likewise.

        Returns:
            What the module returns, each tensor with a leading axis of replicas `(n, batch, ...)`.
        """
        return self._run(args, kwargs, own=False)

    def forward_each(self, *args: Any, **kwargs: Any) -> Any:
        """Run every replica on inputs of its own.

        Args:
            *args: Inputs with a leading axis of replicas, `(n, batch, ...)`; what is no tensor goes to all.
            **kwargs: Likewise.

        Returns:
            What the module returns, each tensor with a leading axis of replicas `(n, batch, ...)`.

        Raises:
            InvalidParameterError: a tensor whose first axis is not n.

        Example:
            >>> replicas = SynchronizedReplicas(nn.Linear(4, 2), 3, "path")
            >>> replicas.forward_each(torch.randn(3, 16, 4)).shape
            torch.Size([3, 16, 2])
        """

        def check(value: Any) -> Any:
            if isinstance(value, Tensor) and (value.ndim == 0 or len(value) != self.n):
                raise InvalidParameterError(
                    f"an input has shape {tuple(value.shape)} for {self.n} replicas; its first axis must be "
                    f"{self.n} (call the replicas themselves for inputs that all share)"
                )
            return value

        tree_map(check, (args, kwargs))
        return self._run(args, kwargs, own=True)

    @torch.no_grad()
    def couple_(self, step_size: float | int) -> None:
        """Pull the replicas together, in place: w_i ← w_i - η κ Σ_j L_ij w_j for every floating parameter.

        The sum of the replicas does not change, and equal replicas stay what they are to the last bit.

        Args:
            step_size: η, at least 0, usually the learning rate; η κ l_max must be below 1.

        Raises:
            InvalidParameterError: η κ l_max >= 1: replicas would overshoot (the largest η is given).
            InvalidTypeError: η is no number.

        Example:
            >>> replicas = SynchronizedReplicas(nn.Linear(1, 1), 2, "complete", 1.0)
            >>> _ = replicas.replicas.weight.data.copy_(torch.tensor([[[0.0]], [[1.0]]]))
            >>> replicas.couple_(0.25)
            >>> replicas.replicas.weight.flatten().tolist()
            [0.25, 0.75]
        """
        eta = self.checked_step(step_size)
        self.couple_parameters_(dict.fromkeys(self.parameters(), eta))

    def checked_step(self, step_size: float | int) -> float:
        """η as a float, after the checks of `couple_`."""
        eta = real_number("step_size", step_size, least=0)
        if eta * self.coupling * self.lambda_max >= 1:
            raise InvalidParameterError(
                f"step_size {eta:g} times coupling {self.coupling:g} times the Laplacian's largest eigenvalue "
                f"{self.lambda_max:g} is not below 1: replicas would overshoot; choose a step_size below "
                f"{1 / (self.coupling * self.lambda_max):g} or a weaker coupling"
            )
        return eta

    @torch.no_grad()
    def couple_parameters_(self, steps: Mapping[nn.Parameter, float]) -> None:
        """Couple some of the parameters, each with a checked step size of its own; for `SynchronizedOptimizer`."""
        if self.n == 1 or self.coupling == 0:
            return
        made: dict[tuple[float, torch.dtype, torch.device], Tensor] = {}
        for parameter, eta in steps.items():
            if eta == 0 or not (parameter.is_floating_point() or parameter.is_complex()):
                continue
            values = torch.view_as_real(parameter.detach()) if parameter.is_complex() else parameter.detach()
            work = torch.promote_types(values.dtype, torch.float32)
            key = (eta, work, values.device)
            if key not in made:
                made[key] = (eta * self.coupling * self.laplacian[:, 1:]).to(values.device, work)
            _pull_together_(values, made[key])

    def centroid(self) -> nn.Module:
        """The average of the replicas, as an ordinary module of the original's class.

        Parameters and floating-point buffers (such as the statistics of batch normalisation) are averaged; other
        buffers are replica 0's. Averaged statistics are not those of the averaged weights: run a few batches in
        training mode where that matters (`torch.optim.swa_utils.update_bn`).

        Returns:
            A new module. That of identical replicas equals each of them to the last bit.

        Example:
            >>> net = nn.Linear(3, 2)
            >>> torch.equal(SynchronizedReplicas(net, 7).centroid().weight, net.weight)
            True
        """

        def average(values: Tensor) -> Tensor:
            if not (values.is_floating_point() or values.is_complex()):
                return values[0]
            wide = values.to(torch.promote_types(values.dtype, torch.float32))
            return (wide[0] + (wide - wide[0]).mean(0)).to(values.dtype)

        return self._unstacked(average)

    def replica(self, index: int) -> nn.Module:
        """One replica, as an ordinary module of the original's class; a copy.

        Args:
            index: Which, 0 to n - 1.

        Returns:
            A new module.

        Raises:
            InvalidParameterError: no such replica.
            InvalidTypeError: the index is no whole number.

        Example:
            >>> SynchronizedReplicas(nn.Linear(3, 2), 4).replica(2)
            Linear(in_features=3, out_features=2, bias=True)
        """
        at = whole_number("index", index, least=0)
        if at >= self.n:
            raise InvalidParameterError(f"index is {at} and there are {self.n} replicas; choose 0 to {self.n - 1}")
        return self._unstacked(lambda values: values[at])

    @torch.no_grad()
    def spread(self) -> float:
        """How far the replicas are apart: S = (1/n) Σ_i |w_i - w̄|², summed over all parameters.

        Returns:
            S, in squared units of the weights.

        Example:
            >>> SynchronizedReplicas(nn.Linear(3, 2), 4).spread()
            0.0
        """
        total = 0.0
        for parameter in self.parameters():
            values = torch.view_as_real(parameter) if parameter.is_complex() else parameter
            apart = (values - values[:1]).double()
            total += float((apart - apart.mean(0)).square().sum()) / self.n
        return total

    def extra_repr(self) -> str:
        """The settings, for `print(module)`."""
        return f"n={self.n}, coupling={self.coupling:g}, lambda2={self.lambda2:.4g}, lambda_max={self.lambda_max:.4g}"

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, own: bool) -> Any:
        stacked = dict(self.replicas.named_parameters()) | dict(self.replicas.named_buffers())
        if self._is_vectorized is False or self._is_in_autocast(stacked):
            return self._in_turn(stacked, args, kwargs, own)
        if self._is_vectorized or self.method == "vmap":
            return self._at_once(stacked, args, kwargs, own)
        before = {name: values.clone() for name, values in self.replicas.named_buffers()}
        try:
            result = self._at_once(stacked, args, kwargs, own)
        except (RuntimeError, NotImplementedError, TypeError, ValueError):
            for name, values in self.replicas.named_buffers():
                values.copy_(before[name])
            result = self._in_turn(stacked, args, kwargs, own)  # an error of the module's own comes again from here
            self._is_vectorized = False
        else:
            self._is_vectorized = True
        return result

    def _is_in_autocast(self, stacked: dict[str, Tensor]) -> bool:
        """Layers on replicas under vmap are not cast (torch 2.13), so that autocast takes them in turn."""
        if self.method == "vmap":
            return False
        return any(torch.is_autocast_enabled(kind) for kind in {values.device.type for values in stacked.values()})

    def _at_once(self, stacked: dict[str, Tensor], args: tuple[Any, ...], kwargs: dict[str, Any], own: bool) -> Any:
        def one(state: dict[str, Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return functional_call(self.replicas, state, args, kwargs)

        axes = tree_map(lambda value: 0 if own and isinstance(value, Tensor) else None, (args, kwargs))
        run = vmap(one, in_dims=(0, *axes), randomness="different")
        if any(values.device.type != "cpu" for values in stacked.values()):
            return run(stacked, args, kwargs)
        with plain_attention():  # fused attention on the CPU has no batching rule
            return run(stacked, args, kwargs)

    def _in_turn(self, stacked: dict[str, Tensor], args: tuple[Any, ...], kwargs: dict[str, Any], own: bool) -> Any:
        outputs = []
        for i in range(self.n):
            state = {name: values[i] for name, values in stacked.items()}
            mine = (args, kwargs)
            if own:
                mine = tree_map(lambda value, i=i: value[i] if isinstance(value, Tensor) else value, mine)
            outputs.append(functional_call(self.replicas, state, *mine))
        return tree_map(lambda *each: torch.stack(each) if isinstance(each[0], Tensor) else each[0], *outputs)

    def _unstacked(self, choose: Callable[[Tensor], Tensor]) -> nn.Module:
        def plain(values: Tensor) -> Tensor:
            return choose(values).clone(memory_format=torch.contiguous_format)

        with torch.no_grad():
            memo: dict[int, Any] = {}
            for parameter in self.replicas.parameters():
                memo[id(parameter)] = nn.Parameter(plain(parameter.detach()), parameter.requires_grad)
            for buffer in self.replicas.buffers():
                memo[id(buffer)] = plain(buffer)
            return copy.deepcopy(self.replicas, memo)


def _check_parameters(module: nn.Module) -> None:
    named = list(module.named_parameters()) + list(module.named_buffers())
    if not any(True for _ in module.parameters()):
        raise InvalidParameterError("the module has no parameters; there is nothing to replicate")
    for name, each in named:
        if isinstance(each, nn.UninitializedParameter | nn.UninitializedBuffer):
            raise InvalidParameterError(
                f"{name} is lazy and has no shape yet; run the module once before replicating it"
            )


def _drawn_anew(module: nn.Module, reset: Callable[[nn.Module], object] | None) -> nn.Module:
    fresh = copy.deepcopy(module)
    if reset is not None:
        made = reset(fresh)
        fresh = made if isinstance(made, nn.Module) else fresh
        shapes = {name: tuple(each.shape) for name, each in fresh.named_parameters()}
        if shapes != {name: tuple(each.shape) for name, each in module.named_parameters()}:
            raise InvalidParameterError(
                "reset_parameters returned a module whose parameters have other names or shapes"
            )
        return fresh
    for name, each in fresh.named_modules():
        own = getattr(each, "reset_parameters", None) or getattr(each, "_reset_parameters", None)
        if callable(own):
            own()
        elif any(True for _ in each.parameters(recurse=False)):
            raise InvalidParameterError(
                f"{name or 'the module'} ({type(each).__name__}) has parameters and no reset_parameters(), so they "
                "cannot be drawn anew; give reset_parameters=..., a function that draws a copy of the module's "
                "parameters in place or returns a new module"
            )
    return fresh


def _stacked(module: nn.Module, sources: list[nn.Module]) -> nn.Module:
    """A copy of the module in which every parameter and buffer is the stack of the sources', ties kept."""

    def stack(values: Iterator[Tensor]) -> Tensor:
        return torch.stack([value.detach() for value in values])

    memo: dict[int, Any] = {}
    parameters = [dict(source.named_parameters()) for source in sources]
    for name, parameter in module.named_parameters():
        values = stack(each[name] for each in parameters)
        if parameter.ndim == 2:
            # a linear layer's gradient comes out of the batched product transposed; in this layout it is not copied
            values = values.transpose(1, 2).contiguous().transpose(1, 2)
        memo[id(parameter)] = nn.Parameter(values, requires_grad=parameter.requires_grad)
    buffers = [dict(source.named_buffers()) for source in sources]
    for name, buffer in module.named_buffers():
        memo[id(buffer)] = stack(each[name] for each in buffers)
    return copy.deepcopy(module, memo)


def _pull_together_(values: Tensor, pull: Tensor) -> None:
    """w ← w - P (w[1:] - w[0]) with P = η κ L without its first column, whose rows then need not be summed.

    Differences from replica 0 are exactly zero for equal replicas, and rows of L sum to zero.
    """
    n = len(values)
    dense = values.permute(0, *sorted(range(1, values.ndim), key=values.stride, reverse=True))  # as it lies in memory
    flat = dense.view(n, -1) if dense.is_contiguous() else dense.reshape(n, -1)
    columns = max(1, _BLOCK_BYTES // (n * pull.element_size()))
    apart = pull.new_empty(n - 1, min(columns, flat.shape[1]))  # one for all blocks, so that it stays in the cache
    for begin in range(0, flat.shape[1], columns):
        part = flat[:, begin : begin + columns]
        wide = part.to(pull.dtype)
        change = torch.sub(wide[1:], wide[:1], out=apart[:, : part.shape[1]])
        wide.addmm_(pull, change, alpha=-1)  # in place: the parameters are read and written once
        if wide is not part:
            part.copy_(wide)
    if not dense.is_contiguous():
        dense.copy_(flat.view(dense.shape))
