"""Where trials run. A backend takes trials and tells what becomes of them; it knows nothing of claims."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from workingpapers.bench.worker import TrialSpec


@dataclass(frozen=True)
class Event:
    """What happened to one trial: it started, moved on, was stored, or failed with a traceback."""

    kind: Literal["started", "progress", "done", "failed"]
    key: str
    done: int = 0
    total: int = 0
    text: str = ""


class Backend(Protocol):
    """Runs trials and yields events until each trial was reported `done` (it is in the store) or `failed`."""

    def run(self, specs: Sequence[TrialSpec]) -> Iterator[Event]: ...
