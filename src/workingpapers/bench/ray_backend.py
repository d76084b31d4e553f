"""The same trials on a Ray cluster: code and settings travel with the tasks, results come back to the driver.

A task holds a batch of trials. A node that dies takes its tasks along; Ray runs them again elsewhere, and since a
trial is a function of its settings and seed, the records are the same. What is finished is stored by the driver, so
the cluster needs no shared file system.
"""

import contextlib
import importlib
import logging
import os
import socket
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import workingpapers
from workingpapers.bench import worker
from workingpapers.bench.backends import Event
from workingpapers.bench.code_hash import code_hash
from workingpapers.bench.store import Store
from workingpapers.bench.worker import TrialSpec
from workingpapers.errors import InvalidPaperError, InvalidParameterError, MissingExtraError

_RETRIES = 5  # lost nodes, not exceptions: an exception in a trial is a result
_BATCHES_PER_CORE = 4  # small enough to balance and to lose little with a node, large enough to pay for a task
_THREADS = 1
_CONNECT_S = 5.0
_LOOPBACK = ("127.0.0.1", "localhost")

# (key, files of the finished trial or None, traceback or empty)
_Result = tuple[str, dict[str, bytes] | None, str]


class RayBackend:
    """Runs trials on a Ray cluster.

    Args:
        store: Where the driver keeps what comes back.
        address: `local` starts a cluster on this machine, on the loopback address and without a dashboard; else the
            address of a running one, such as `127.0.0.1:6379`, `ray://host:10001` or `auto`.

    Raises:
        MissingExtraError: ray is not installed.
    """

    def __init__(self, store: Store, address: str = "local") -> None:
        if _host(address) in _LOOPBACK:
            # else Ray replaces a loopback address by the machine's outer one, where a loopback cluster does not listen
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        try:
            self._ray: Any = importlib.import_module("ray")
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "--ray needs the package ray, which is not installed; `pip install 'workingpapers[ray]'` brings it"
            ) from error
        self.store = store
        self.address = address

    def run(self, specs: Sequence[TrialSpec]) -> Iterator[Event]:
        """Run the trials; see `Backend`."""
        if not specs:
            return
        self._connect(specs)
        try:
            yield from self._run(specs)
        finally:
            self._ray.shutdown()

    def _connect(self, specs: Sequence[TrialSpec]) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        _check_listening(self.address)
        modules = [Path(workingpapers.__file__).parent]
        modules += [Path(importlib.import_module(name).__file__ or "").parent for name in _foreign_packages(specs)]
        options: dict[str, Any] = {
            "runtime_env": {
                "py_modules": [str(path) for path in modules],
                "excludes": ["**/shipped/**", "__pycache__"],
            },
            "logging_level": logging.ERROR,
            "log_to_driver": False,
        }
        if self.address == "local":
            options |= {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        else:
            options["address"] = self.address
        try:
            self._ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            raise _no_cluster(self.address, error) from error

    def _run(self, specs: Sequence[TrialSpec]) -> Iterator[Event]:
        ray = self._ray
        task = ray.remote(num_cpus=_THREADS, num_gpus=_gpus(specs), max_retries=_RETRIES)(_measure_batch)
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        size = max(1, len(specs) // (cores * _BATCHES_PER_CORE))
        batches = [list(specs[start : start + size]) for start in range(0, len(specs), size)]
        pending = {task.remote(batch): batch for batch in batches}
        for spec in specs:
            yield Event("started", spec.key)
        try:
            while pending:
                ended, _ = ray.wait(list(pending), num_returns=1)
                for reference in ended:
                    batch = pending.pop(reference)
                    yield from self._take(reference, batch)
        finally:
            for reference in pending:
                with contextlib.suppress(Exception):  # the cluster may be gone
                    ray.cancel(reference, force=True)

    def _take(self, reference: Any, batch: Sequence[TrialSpec]) -> Iterator[Event]:
        try:
            results: list[_Result] = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            for spec in batch:
                yield Event("failed", spec.key, text=f"the cluster gave this trial up: {error}")
            return
        owner = {spec.key: spec for spec in batch}
        for key, files, problem in results:
            if files is None:
                yield Event("failed", key, text=problem)
            else:
                self.store.adopt(owner[key].paper.slug, key, files)
                yield Event("done", key)


def _host(address: str) -> str:
    return "127.0.0.1" if address == "local" else address.removeprefix("ray://").rpartition(":")[0]


def _check_listening(address: str) -> None:
    """Fail at once where nothing listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InvalidParameterError:
    return InvalidParameterError(
        f"no Ray cluster answers at {address!r} ({(str(error) or type(error).__name__).splitlines()[0]}); "
        "give the address of a running one, or `local`"
    )


def _measure_batch(specs: list[TrialSpec]) -> list[_Result]:
    """On a node: measure each trial in a temporary folder and send its files back."""
    worker.set_threads(_THREADS)
    results: list[_Result] = []
    for spec in specs:
        with tempfile.TemporaryDirectory() as folder:
            try:
                _check_code(spec)
                worker.execute(spec, Path(folder))
                results.append((spec.key, {path.name: path.read_bytes() for path in Path(folder).iterdir()}, ""))
            except Exception:
                results.append((spec.key, None, traceback.format_exc()))
    return results


def _check_code(spec: TrialSpec) -> None:
    """Refuse to measure with other code than the driver's: the record would carry the wrong hash."""
    module = importlib.import_module(spec.paper.module)
    here = code_hash(spec.paper.module, Path(module.__file__ or "").parent)
    if here != spec.code:
        raise InvalidPaperError(f"this node has version {here} of {spec.paper.slug}'s code, the driver has {spec.code}")


def _foreign_packages(specs: Sequence[TrialSpec]) -> list[str]:
    """Top-level packages of rooms that other packages add: they are sent along."""
    return sorted({spec.paper.module.partition(".")[0] for spec in specs if not spec.paper.shipped})


def _gpus(specs: Sequence[TrialSpec]) -> int:
    return int(any(spec.device.startswith("cuda") for spec in specs))
