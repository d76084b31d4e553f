"""The same trials on a real Ray cluster of two nodes, one of which is killed on the way."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workingpapers.bench import planning, registry, runner
from workingpapers.bench.backends import Event
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import SilentWatcher
from workingpapers.bench.store import Store
from workingpapers.errors import InvalidParameterError

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # a cluster on the loopback address
pytest.importorskip("ray", reason="the extra [ray] is not installed")

from workingpapers.bench.ray_backend import RayBackend

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

TRIALS = 6
CHANGES = ("sleep_s=1.5", "draws=20")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


class _Notes(SilentWatcher):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)


def _run(store: Store, backend: Any, watcher: SilentWatcher | None = None, *changes: str) -> runner.Outcome:
    options = planning.Options("laptop", seeds=TRIALS, jobs=1, changes=(*CHANGES, *changes))
    plans = planning.plan([registry.find("sample-room")], options, store)
    return runner.run(plans, store, backend, watcher or SilentWatcher(), lambda outcome: None)[0]


def _records(store: Store, outcome: runner.Outcome) -> list[list[str]]:
    kept = []
    for key in outcome.run.manifest.keys:
        text = (store.folder("sample-room", key) / "trial.jsonl").read_text()
        kept.append([line for line in text.splitlines()[1:-1] if '"timing"' not in line])
    return kept


def test_a_node_killed_on_the_way_changes_no_record(cluster: Any, tmp_path: Path) -> None:
    note = tmp_path / "note"
    doomed = next(iter(cluster.worker_nodes))

    def kill() -> None:
        deadline = time.monotonic() + 90
        while not note.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)  # the next trials are in flight
        cluster.remove_node(doomed, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    store, local, notes = Store(tmp_path / "ray"), Store(tmp_path / "local"), _Notes()
    outcome = _run(store, RayBackend(store, cluster.address), notes, f"note={note}")
    killer.join()
    assert outcome.errors == {}
    assert outcome.run.manifest.status == "complete"
    assert len(note.read_text().splitlines()) >= TRIALS
    assert {event.kind for event in notes.events} == {"started", "done"}
    assert _records(store, outcome) == _records(
        local, _run(local, LocalBackend(local, 0), None, f"note={note}", "sleep_s=0")
    )


def test_an_error_in_a_trial_comes_back_with_its_traceback(cluster: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    outcome = _run(store, RayBackend(store, cluster.address), None, "fail_on=1", "sleep_s=0")
    (text,) = outcome.errors.values()
    assert "RuntimeError: this trial was told to fail" in text
    assert sum(trial is not None for trial in outcome.run.trials) == TRIALS - 1


def test_no_cluster_at_the_address_is_a_clear_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    with pytest.raises(InvalidParameterError, match=r"no Ray cluster answers at '127\.0\.0\.1:1'"):
        _run(store, RayBackend(store, "127.0.0.1:1"))
