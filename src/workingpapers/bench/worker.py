"""Measuring one trial, wherever that happens: in this process, in a worker of the pool, on a node of a cluster.

Nothing heavy is imported before `execute`, so that a worker can set its thread count first.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workingpapers.bench import environment
from workingpapers.bench.files import write_synced
from workingpapers.bench.protocols import Paper, Scale
from workingpapers.bench.store import Store
from workingpapers.errors import InvalidPaperError

Watch = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrialSpec:
    """All that a trial depends on, as plain data that travels between processes and machines."""

    paper: Paper
    scale: Scale
    settings: Mapping[str, Any]
    seed: int
    repetition: int
    device: str
    code: str
    key: str
    threads: int
    jobs: int = 1


def set_threads(threads: int) -> None:
    """Fix the number of threads of this process; before torch or BLAS are imported where possible."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    import torch

    torch.set_num_threads(threads)


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Inside, torch and the BLAS libraries use that many threads; on leaving, the former numbers are back."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        torch.set_num_threads(before)


def execute(spec: TrialSpec, folder: Path, watch: Watch | None = None) -> None:
    """Measure a trial and leave `trial.jsonl` and `run.json` in a folder.

    Raises whatever the experiment raises; `InvalidPaperError` where it leaves a claim without a number or a reason.
    """
    import torch

    from workingpapers.bench import registry, seeds
    from workingpapers.bench.settings import from_plain
    from workingpapers.bench.trial import RecordingTrial
    from workingpapers.bench.trial_file import TrialFile

    experiment = registry.experiment(spec.paper)
    settings = from_plain(experiment, spec.scale, spec.settings)
    head = {
        "slug": spec.paper.slug,
        "scale": spec.scale,
        "seed": spec.seed,
        "repetition": spec.repetition,
        "settings": dict(spec.settings),
        "code": spec.code,
        "device": spec.device,
        "threads": spec.threads,
    }
    environment.reset_peak_memory()
    started, began = environment.now(), time.perf_counter()
    deterministic, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    with TrialFile(folder, head) as file:
        trial = RecordingTrial(
            spec.paper.claims,
            seed=spec.seed,
            repetition=spec.repetition,
            scale=spec.scale,
            device=spec.device,
            write=file.write,
            watch=watch,
        )
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            with using_threads(spec.threads), seeds.isolated_randomness(spec.seed):
                experiment.measure(settings, trial)
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        if missing := trial.missing_claims():
            raise InvalidPaperError(
                f"the trial reported nothing for {', '.join(missing)}; every claim gets trial.claim or trial.not_tested"
            )
        file.seal()
    about = {
        **environment.describe(),
        "threads": spec.threads,
        "jobs": spec.jobs,
        "device": spec.device,
        "code": spec.code,
        "date": started,
        "seconds": round(time.perf_counter() - began, 2),
        "peak_memory_mb": environment.peak_memory_mb(),
    }
    write_synced(folder / "run.json", json.dumps(about, indent=1).encode())


def execute_into(store: Store, spec: TrialSpec, watch: Watch | None = None) -> None:
    """Measure a trial and publish it in a store."""
    with store.writing(spec.paper.slug, spec.key) as folder:
        execute(spec, folder, watch)
