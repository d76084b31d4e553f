"""The sample room, a store, and a run in one call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workingpapers.bench import planning, registry, runner
from workingpapers.bench.local import LocalBackend
from workingpapers.bench.progress import SilentWatcher
from workingpapers.bench.protocols import Paper
from workingpapers.bench.store import Store

Runs = Callable[..., runner.Outcome]


@pytest.fixture
def sample() -> Paper:
    return registry.find("sample-room")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def run_sample(sample: Paper, store: Store) -> Runs:
    """Run the sample room; in this process unless `jobs` says otherwise."""

    def run(*changes: str, jobs: int = 0, into: Store | None = None, **options: Any) -> runner.Outcome:
        where = into or store
        asked = planning.Options(**{"scale": "laptop", "jobs": jobs, "changes": changes, **options})
        plans = planning.plan([sample], asked, where)
        return runner.run(plans, where, LocalBackend(where, jobs), SilentWatcher(), lambda outcome: None)[0]

    return run
