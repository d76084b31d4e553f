"""The process of a run: starting it in a group of its own, knowing it again after a restart, ending it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from workingpapers.bench.files import explained

_NOT_PASSED_ON = ("WORKINGPAPERS_SECRET", "WORKINGPAPERS_SMTP_URL")
_CLOCK_S = 5.0  # a corrected clock moves the start that the system tells by a second or so
_POLITE_S = 5.0


@dataclass
class RunProcess:
    """A process that this server started, or one that an earlier server did.

    Args:
        id: Its process id, also that of its group.
        began: When it started, in seconds since the epoch; tells it from a later process of the same id.
    """

    id: int
    began: float
    _own: "subprocess.Popen[bytes] | None" = None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        if self._own is not None:
            return self._own.poll() is None
        return self._found() is not None

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs, or where another server started it."""
        return None if self._own is None else self._own.poll()

    def end(self, patience_s: float = _POLITE_S) -> None:
        """End it and all that it started: first as Ctrl-C does, so that the run notes it, then for good.

        Args:
            patience_s: How long it may take to end by itself.
        """
        group = self._members()
        if self.alive:
            self._signal(signal.SIGINT)
            self._wait(patience_s)
            group |= self._members()
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        for process in group:
            with contextlib.suppress(psutil.Error):
                process.kill()  # psutil makes sure that it is still the same process
        psutil.wait_procs(list(group), timeout=_POLITE_S)
        self._wait(_POLITE_S)

    def _found(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.id)
            if abs(process.create_time() - self.began) < _CLOCK_S and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def _members(self) -> set[psutil.Process]:
        process = self._found()
        if process is None:
            return set()
        with contextlib.suppress(psutil.Error):
            return {process, *process.children(recursive=True)}
        return {process}

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self.id, number)
            else:
                os.kill(self.id, signal.SIGTERM)

    def _wait(self, timeout_s: float) -> None:
        if self._own is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._own.wait(timeout_s)
        elif (process := self._found()) is not None:
            psutil.wait_procs([process], timeout=timeout_s)


def launch(arguments: Sequence[str], output: Path, noted: Callable[[RunProcess], None]) -> RunProcess:
    """Start `workingpapers` in a process group of its own.

    Args:
        arguments: The verb and its options.
        output: The file that takes what it prints.
        noted: Is given the process before it does anything; if that raises, or we are killed there, it ends at once.

    Raises:
        StoreError: the output file cannot be written, or the process cannot be started.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    environment |= {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with explained("start a run that prints to", output, "give another --database"), output.open("wb") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", "workingpapers.daily.launch", *arguments],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    assert started.stdin is not None
    process = RunProcess(started.pid, psutil.Process(started.pid).create_time(), started)
    try:
        noted(process)
    except BaseException:
        started.stdin.close()
        started.wait()
        raise
    with contextlib.suppress(OSError):  # it died at once, and its exit code says so
        started.stdin.write(b"go\n")
        started.stdin.close()
    return process
