"""One thread for linear algebra while the page computes.

BLAS takes all cores for each product and has its threads wait for each other. Beside a run, or a second reader, that
made a query thirty times slower (median 150 instead of 30 ms, with ten busy processes on two cores) and an idle machine
less than twice as fast. Readers come at the same time anyway: each has a thread of the server.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_inside = 0
_before: list[tuple[Any, int]] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside, products take one thread; outside as many as before, once nobody is inside any more."""
    global _inside
    with _lock:
        if not _inside:
            for library in _libraries():
                _before.append((library, library.get_num_threads()))
                _set(library, 1)
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
