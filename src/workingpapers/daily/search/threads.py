"""How many threads linear algebra takes while the page computes: as many as there are idle cores, and one otherwise.

BLAS takes all cores for each product and has its threads wait for each other. Where nothing else runs that halves the
time of a query. Beside one busy process on two cores it made nine queries of ten slower than 30 ms, and one of ten
slower than half a second, where one thread took 12 ms.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_inside = 0
_before: list[tuple[Any, int]] = []


@contextmanager
def few_threads(*, use_idle_cores: bool = False) -> Iterator[None]:
    """Inside, products take few threads; outside as many as before, once nobody is inside any more.

    Args:
        use_idle_cores: Whether more than one may be taken, for what is short and awaited.
    """
    global _inside
    with _lock:
        wanted = _idle_cores() if use_idle_cores and not _inside else 1
        for library in _libraries():
            if not _inside:
                _before.append((library, library.get_num_threads()))
            if library.get_num_threads() != wanted:
                _set(library, wanted)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                for library, threads in _before:
                    _set(library, threads)
                _before.clear()


def _idle_cores() -> int:
    """Cores that nothing runs on, this thread's own among them; 1 where the system does not say."""
    try:
        with open("/proc/loadavg", "rb") as file:
            running = int(file.read().split()[3].split(b"/")[0])  # at this moment, this thread included
        cores = len(os.sched_getaffinity(0))
    except (OSError, ValueError, IndexError, AttributeError):
        return 1
    return max(1, cores - max(0, running - 1))


def _set(library: Any, threads: int) -> None:
    """Set the number from any thread: newer threadpoolctl lets only the first one that did."""
    free = getattr(library, "clear_controlling_thread", lambda force: None)
    free(force=True)
    library.set_num_threads(threads)
    free(force=True)


@cache
def _libraries() -> tuple[Any, ...]:
    import numpy  # noqa: F401 - its BLAS must be there to be found
    from threadpoolctl import ThreadpoolController

    return tuple(one for one in ThreadpoolController().lib_controllers if one.user_api == "blas")
