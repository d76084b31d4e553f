"""Simulation of synchronized replicas (arXiv 1010.4517): coupled stochastic gradient flow by Euler-Maruyama.

No official code known. Nothing is taken from elsewhere.
Implements dw_i = -∇Φ(w_i) dt + κ Σ_j A_ij (w_j - w_i) dt + σ dB_i (section 2) for any gradient and any graph.
Differences from the paper: the step dt is explicit; many paths are run at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.synchronization.checks import Array, as_float64, as_laplacian
from workingpapers.parts.checks import check_generator, real_number, whole_number

_BLOCK_NUMBERS = 2**18  # noise is drawn for several steps at once, about this many numbers


@dataclass(frozen=True)
class MeasuredMoments:
    """Moments measured on a trajectory: averages over its records and paths, with standard errors over paths.

    Args:
        spread: (1/n) Σ_i |w_i - w̄|².
        centroid: |w̄ - w*|².
        individual: (1/n) Σ_i |w_i - w*|², which is the sum of both.
        spread_error: Standard error of the spread over paths; NaN with one path.
        centroid_error: The same for the centroid.
        individual_error: The same for the individual error.

    Example:
        >>> MeasuredMoments(0.5, 0.2, 0.7, 0.01, 0.02, 0.02).individual
        0.7
    """

    spread: float
    centroid: float
    individual: float
    spread_error: float
    centroid_error: float
    individual_error: float


@dataclass(frozen=True)
class SyncTrajectory:
    """What `simulate` recorded. Spread and centroid carry all second moments, so the states need not be kept.

    Args:
        times: Time since the start of each record, shape `(records,)`.
        spread: (1/n) Σ_i |w_i - w̄|² of each path, shape `(records, paths)`.
        centroid: w̄ of each path, shape `(records, paths, d)`.
        final: The last state, shape `(paths, n, d)`; start another simulation from it.
        states: Every recorded state, shape `(records, paths, n, d)`, or None.

    Example:
        >>> from workingpapers.papers.synchronization import laplacian
        >>> run = simulate(lambda w: w, torch.zeros(3, 2), laplacian("ring", 3), 1.0, 0.5, dt=0.1, steps=20, paths=4)
        >>> run.spread.shape, run.centroid.shape, run.final.shape
        (torch.Size([20, 4]), torch.Size([20, 4, 2]), torch.Size([4, 3, 2]))
    """

    times: Float[Tensor, " records"]
    spread: Float[Tensor, "records paths"]
    centroid: Float[Tensor, "records paths d"]
    final: Float[Tensor, "paths n d"]
    states: Float[Tensor, "records paths n d"] | None = None

    def moments(self, optimum: Array = 0.0) -> MeasuredMoments:
        """Average over records and paths.

        Args:
            optimum: w*, shape `(d,)` or one number; 0 gives the raw second moments of the weights.

        Returns:
            The averages and their standard errors over paths.

        Raises:
            InvalidParameterError: the optimum does not fit, or nothing was recorded.
            InvalidTypeError: it is no array of real numbers.

        Example:
            >>> from workingpapers.papers.synchronization import laplacian
            >>> ring = laplacian("ring", 3)
            >>> run = simulate(lambda w: w, torch.ones(3, 2), ring, 1.0, 0.0, dt=0.5, steps=1, paths=2)
            >>> run.moments().centroid, run.moments(0.5).spread
            (0.5, 0.0)
        """
        target = as_float64("optimum", optimum).to(self.centroid.device)
        if target.ndim > 1 or (target.ndim == 1 and len(target) != self.centroid.shape[-1]):
            raise InvalidParameterError(
                f"optimum has shape {tuple(target.shape)} and the weights {self.centroid.shape[-1]} entries; "
                "give one number or one for each"
            )
        spread = self.spread.double().mean(0)
        centroid = (self.centroid.double() - target).square().sum(-1).mean(0)
        values = (spread, centroid, spread + centroid)
        paths = len(spread)
        errors = [float(each.std()) / math.sqrt(paths) if paths > 1 else math.nan for each in values]
        return MeasuredMoments(*(float(each.mean()) for each in values), *errors)


def simulate(
    grad: Callable[[Any], Any],
    w0: Array,
    laplacian: Array,
    coupling: float | int,
    noise: float | int,
    *,
    dt: float | int,
    steps: int,
    burn_in: int = 0,
    paths: int = 64,
    generator: torch.Generator | None = None,
    record_every: int = 1,
    keep_states: bool = False,
    watch: Callable[[float], object] | None = None,
) -> SyncTrajectory:
    """Run n coupled replicas of a gradient learner under independent noise, many paths at once.

        w_i <- w_i - dt ∇Φ(w_i) - dt κ Σ_j L_ij w_j + σ √dt ξ_i,    ξ ~ N(0, 1)

    Replicas that are exactly equal feel no coupling, to the last bit.

    Args:
        grad: ∇Φ, batched: takes the state `(paths, n, d)` and returns as much. Any callable on tensors;
            `module_gradient` makes one of a module and a loss.
        w0: Start, shape `(d,)`, `(n, d)` or `(paths, n, d)`; with three axes it says how many paths there are, and
            `paths` is not looked at. It is not changed. Its dtype (float32 or float64) and device are used; lists and
            numpy arrays run in float64.
        laplacian: L, shape `(n, n)`, from `laplacian`.
        coupling: κ, at least 0.
        noise: σ, at least 0.
        dt: Step. Stationary moments have an error of order dt, which `stationary_moments(..., dt=dt)` predicts.
        steps: Steps in all, the burn-in included.
        burn_in: Steps at the beginning of which nothing is recorded.
        paths: Independent repetitions.
        generator: Source of the noise, on the device of `w0`; None for torch's default generator.
        record_every: One record each so many steps after the burn-in.
        keep_states: Whether every recorded state is kept as well: memory records · paths · n · d.
        watch: Called now and then with the share of steps that are done, up to 1; for a progress bar.

    Returns:
        The records; `(steps - burn_in) // record_every` of them.

    Raises:
        InvalidParameterError: shapes that do not fit, noise or coupling below 0, no step to record, or
            dt κ l_max >= 2, where the coupling alone is unstable (the largest allowed dt is given).
        InvalidTypeError: the state is no real floating-point array, or `grad` is not callable or returns no tensor.
        FloatingPointError: the state is no longer finite; the step is named. A gradient too steep for dt does that.

    Differs from the paper: Euler-Maruyama at a step of your choice, where the paper is in continuous time.

    Source: equation of the coupled system, section 2.

    Example:
        >>> from workingpapers.papers.synchronization import laplacian, stationary_moments
        >>> L, source = laplacian("complete", 10), torch.Generator().manual_seed(0)
        >>> run = simulate(
        ...     lambda w: w, torch.zeros(1), L, 0.3, 1.0, dt=0.05, steps=2000, burn_in=200, generator=source
        ... )
        >>> theory = stationary_moments(1.0, L, 0.3, 1.0, dt=0.05)
        >>> abs(run.moments().spread / theory.spread - 1) < 0.02
        True
    """
    for name, value in (("grad", grad), ("watch", watch)):
        if not callable(value) and not (name == "watch" and value is None):
            raise InvalidTypeError(f"{name} is {type(value).__name__}; give a callable")
    graph = as_laplacian(laplacian)
    count = whole_number("steps", steps, least=1)
    skipped, every = whole_number("burn_in", burn_in, least=0), whole_number("record_every", record_every, least=1)
    if skipped + every > count:
        raise InvalidParameterError(
            f"steps is {count}, burn_in {skipped} and record_every {every}: nothing is recorded; steps counts the "
            "burn-in too and must be at least burn_in + record_every"
        )
    state = _start(w0, len(graph), paths)
    check_generator(generator, state.device)
    kappa = real_number("coupling", coupling, least=0)
    sigma = real_number("noise", noise, least=0)
    step = real_number("dt", dt, above=0)
    l_max = float(torch.linalg.eigvalsh(graph)[-1])
    if step * kappa * l_max >= 2:
        raise InvalidParameterError(
            f"dt is {step:g} and coupling times the Laplacian's largest eigenvalue {kappa * l_max:g}: the recursion is "
            f"unstable; choose dt below {2 / (kappa * l_max):g} (less the steeper the gradient is)"
        )
    # rows of L sum to 0: on differences from replica 0 the coupling of equal replicas vanishes exactly
    pull = (-step * kappa * graph[:, 1:]).to(state) if kappa and len(graph) > 1 else None
    records = (count - skipped) // every
    n_paths, _, d = state.shape
    spread = state.new_empty(records, n_paths)
    centroid = state.new_empty(records, n_paths, d)
    states = state.new_empty(records, *state.shape) if keep_states else None
    block = max(1, min(_BLOCK_NUMBERS // max(state.numel(), 1), count))
    sums = state.new_empty(block)
    for begin in range(0, count, block):
        length = min(block, count - begin)
        kicks = _noise(state, length, sigma * math.sqrt(step), generator)
        for k in range(length):
            state = _step(state, grad, pull, step, None if kicks is None else kicks[k])
            sums[k] = state.sum()
            done = begin + k + 1 - skipped
            if done > 0 and done % every == 0:
                at = done // every - 1
                apart = state - state[:, :1]  # exactly 0 for equal replicas
                inner = apart.mean(1)
                centroid[at] = state[:, 0] + inner
                spread[at] = apart.sub_(inner[:, None]).square_().sum((1, 2)).div_(len(graph))
                if states is not None:
                    states[at] = state
        _check_finite(sums[:length], begin, step)
        if watch is not None:
            watch((begin + length) / count)
    times = step * (skipped + every * torch.arange(1, records + 1, device=state.device, dtype=state.dtype))
    return SyncTrajectory(times, spread, centroid, state, states)


def _step(state: Tensor, grad: Callable[[Any], Any], pull: Tensor | None, dt: float, kick: Tensor | None) -> Tensor:
    slope = grad(state)
    if not isinstance(slope, Tensor):
        raise InvalidTypeError(f"grad returns {type(slope).__name__}; it must return a tensor like the state")
    if slope.shape != state.shape:
        raise InvalidParameterError(
            f"grad returns shape {tuple(slope.shape)} for a state of shape {tuple(state.shape)}; it must keep the shape"
        )
    moved = torch.sub(state, slope.detach().to(state.dtype), alpha=dt)
    if pull is not None:
        moved += torch.matmul(pull, state[:, 1:] - state[:, :1])
    if kick is not None:
        moved += kick
    return moved


def _start(w0: Array, n: int, paths: int) -> Float[Tensor, "paths n d"]:
    state = w0.detach() if isinstance(w0, Tensor) and w0.is_floating_point() else as_float64("w0", w0)
    if state.dtype not in (torch.float32, torch.float64):
        raise InvalidTypeError(f"w0 holds {state.dtype}, too coarse for small steps; give float32 or float64")
    if not state.isfinite().all():
        raise InvalidParameterError("w0 holds NaN or infinite values; give finite ones")
    if not 1 <= state.ndim <= 3 or state.shape[-1] < 1 or (state.ndim >= 2 and state.shape[-2] != n) or not len(state):
        raise InvalidParameterError(
            f"w0 has shape {tuple(state.shape)} for {n} replicas; give (d,), ({n}, d) or (paths, {n}, d)"
        )
    if state.ndim == 3:
        return state.clone(memory_format=torch.contiguous_format)
    return state.expand(whole_number("paths", paths, least=1), n, state.shape[-1]).contiguous()


def _noise(state: Tensor, steps: int, scale: float, generator: torch.Generator | None) -> Tensor | None:
    if scale == 0:
        return None
    kicks = torch.randn(steps, *state.shape, generator=generator, device=state.device, dtype=state.dtype)
    return kicks.mul_(scale)


def _check_finite(sums: Tensor, begin: int, dt: float) -> None:
    """One number for each step of a block, so that the device is asked once a block."""
    bad = ~sums.isfinite()
    if bad.any():
        step = begin + int(bad.nonzero()[0]) + 1
        raise FloatingPointError(
            f"the state is no longer finite at step {step}: dt = {dt:g} is too large for this gradient; "
            "choose a smaller dt (dt times the largest curvature must stay below 2)"
        )
