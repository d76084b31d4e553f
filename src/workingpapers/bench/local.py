"""The process pool on this machine: one trial a worker, torch's threads divided among them."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from workingpapers.bench import worker
from workingpapers.bench.backends import Event
from workingpapers.bench.store import Store
from workingpapers.bench.worker import TrialSpec
from workingpapers.errors import StoreError

_POLL_S = 0.2

_events: Any = None  # in a worker: the queue to the driver


class LocalBackend:
    """Runs trials in `jobs` spawned processes; `jobs=0` runs them in this process, one after the other."""

    def __init__(self, store: Store, jobs: int) -> None:
        self.store = store
        self.jobs = jobs

    def run(self, specs: Sequence[TrialSpec]) -> Iterator[Event]:
        """Run the trials; see `Backend`. A full disk or a read-only folder raises `StoreError`."""
        if self.jobs == 0:
            for spec in specs:
                yield from self._here(spec)
            return
        waiting = list(specs)
        suspects: list[TrialSpec] = []
        while waiting:
            started, finished = set[str](), set[str]()
            yield from self._pool(waiting, self.jobs, started, finished)
            left = [spec for spec in waiting if spec.key not in finished]
            flying = [spec for spec in left if spec.key in started] or left
            suspects += flying
            waiting = [spec for spec in left if spec not in flying]
        for spec in suspects:  # alone in a pool, a trial that ends its worker is known as the one
            started, finished = set[str](), set[str]()
            yield from self._pool([spec], 1, started, finished)
            if spec.key not in finished:
                yield Event("failed", spec.key, text=_DIED)

    def _here(self, spec: TrialSpec) -> Iterator[Event]:
        yield Event("started", spec.key)
        try:
            worker.execute_into(self.store, spec)
        except StoreError:
            raise
        except Exception:
            yield Event("failed", spec.key, text=traceback.format_exc())
        else:
            yield Event("done", spec.key)

    def _pool(self, specs: Sequence[TrialSpec], jobs: int, started: set[str], finished: set[str]) -> Iterator[Event]:
        """Events of one pool, also noted in the two sets; ends early where a worker died."""
        for event in self._events(specs, jobs):
            if event.kind == "started":
                started.add(event.key)
            elif event.kind in ("done", "failed"):
                finished.add(event.key)
            yield event

    def _events(self, specs: Sequence[TrialSpec], jobs: int) -> Iterator[Event]:
        context = multiprocessing.get_context("spawn")
        events = context.Queue()
        pool = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_start_worker, initargs=(events, specs[0].threads)
        )
        running: dict[Future[str | None], TrialSpec] = {}
        try:
            running = {pool.submit(_run_in_worker, self.store, spec): spec for spec in specs}
            broken = False
            while running and not broken:
                ended, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                yield from _drain(events)
                for future in ended:
                    spec = running.pop(future)
                    try:
                        problem = future.result()
                    except BrokenProcessPool:
                        broken = True
                    else:
                        yield Event("failed", spec.key, text=problem) if problem else Event("done", spec.key)
            yield from _drain(events)
        finally:
            if running:  # interrupted or broken: do not wait for trials in flight
                _end_workers(pool)
            pool.shutdown(wait=True, cancel_futures=True)
            events.close()
            events.cancel_join_thread()


_DIED = "The worker process died twice without an error; most often the system ended it for want of memory."


def _drain(events: Any) -> Iterator[Event]:
    with contextlib.suppress(queue.Empty, OSError, EOFError):
        while True:
            yield events.get_nowait()


def _end_workers(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()


def _start_worker(events: Any, threads: int) -> None:
    global _events
    _events = events
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle; it ends its workers
    worker.set_threads(threads)


def _end_with(sentinel: int) -> None:
    """End this worker when the driver is gone, however it went: a killed driver leaves no orphans."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _run_in_worker(store: Store, spec: TrialSpec) -> str | None:
    """Run one trial; returns its traceback where it raised."""
    _events.put(Event("started", spec.key))
    try:
        worker.execute_into(
            store, spec, lambda done, total, what: _events.put(Event("progress", spec.key, done, total, what))
        )
    except StoreError:
        raise
    except Exception:
        return traceback.format_exc()
    return None
