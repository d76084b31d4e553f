"""Timing that survives a noisy machine: one thread, CPU time, contenders interleaved, ratios within a round."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits


@contextmanager
def single_thread() -> Iterator[None]:
    """Inside, torch and the BLAS libraries use one thread; on leaving, the former numbers are back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


def seconds(function: Callable[[], object], device: torch.device | None = None) -> float:
    """Seconds of one call: CPU time of this thread, or elapsed time between synchronisations on a CUDA device."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        function()
        torch.cuda.synchronize(device)
        return time.perf_counter() - start
    start = time.thread_time()
    function()
    return time.thread_time() - start


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 5,
    warmup: int = 1,
    device: torch.device | None = None,
) -> dict[str, np.ndarray]:
    """Time each contender once a round, in turn, so that a slow moment of the machine meets all of them.

    Args:
        contenders: Name and call without arguments. Let them run under `single_thread` on a CPU.
        rounds: Measured rounds.
        warmup: Rounds before that are thrown away.

    Returns:
        For each name the seconds of each round, shape `(rounds,)`.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(warmup + rounds):
        for name, function in contenders.items():
            elapsed = seconds(function, device)
            if turn >= warmup:
                taken[name].append(elapsed)
    return {name: np.array(values) for name, values in taken.items()}


def log_log_slope(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float:
    """Least-squares slope of log y against log x: the empirical order of growth."""
    return float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)), 1)[0])
