"""What one command has to measure: its options, its trials, and which of them are in the store already."""

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workingpapers.bench import environment, registry
from workingpapers.bench.code_hash import code_hash
from workingpapers.bench.protocols import Paper, Scale
from workingpapers.bench.results import claims_hash
from workingpapers.bench.seeds import trial_seed
from workingpapers.bench.settings import check_scale, settings_for, to_plain
from workingpapers.bench.store import RunManifest, Store, trial_key
from workingpapers.bench.worker import TrialSpec
from workingpapers.errors import DamagedRecordError, InvalidParameterError


@dataclass(frozen=True)
class Options:
    """What one command asks for, for every paper in it.

    Args:
        scale: `smoke`, `laptop` or `paper`.
        seeds: Number of trials; None for the paper's own number at that scale.
        jobs: Worker processes; None for one per core and trial; 0 to run in this process.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        base_seed: The number from which all trial seeds derive.
        changes: Settings as `key=value`.
        fresh: Measure again what is stored already.
        cluster: Whether the trials go to a cluster, one core each, rather than to `jobs` processes here.
    """

    scale: Scale = "laptop"
    seeds: int | None = None
    jobs: int | None = None
    device: str = "auto"
    base_seed: int = 0
    changes: tuple[str, ...] = ()
    fresh: bool = False
    cluster: bool = False


@dataclass
class Plan:
    """One paper's trials in one command, and what became of them."""

    paper: Paper
    manifest: RunManifest
    specs: tuple[TrialSpec, ...]
    cached: frozenset[str]
    notes: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)


def resolve_device(device: str) -> str:
    """`auto` is the first GPU where there is one, else the CPU; a device that is not there raises an error."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise InvalidParameterError(f"device {device!r} is unknown; use auto, cpu, cuda, cuda:1 or mps") from error
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise InvalidParameterError(
            f"device {device!r} is not there: torch sees {torch.cuda.device_count()} CUDA devices; use auto or cpu"
        )
    there = {"cpu": True, "cuda": True, "mps": torch.backends.mps.is_available()}
    if not there.get(wanted.type, False):
        raise InvalidParameterError(f"device {device!r} is not there; use auto or cpu")
    return device


def count_jobs(options: Options, trials: int) -> int:
    """Worker processes for a number of trials; raises `InvalidParameterError` for a negative number."""
    if options.cluster:
        return 1
    if options.jobs is None:
        return max(1, min(environment.cores(), trials))
    if options.jobs < 0:
        raise InvalidParameterError(f"--jobs {options.jobs}: give a number of worker processes, 0 for none, 1 or more")
    return min(options.jobs, max(1, trials))


def plan(papers: Sequence[Paper], options: Options, store: Store) -> list[Plan]:
    """What has to be measured and what is there already.

    A stored trial that is damaged is set aside, noted, and measured again.

    Raises:
        InvalidParameterError: bad seeds, jobs, scale, device or settings.
    """
    check_scale(options.scale)
    if options.seeds is not None and options.seeds < 1:
        raise InvalidParameterError(f"--seeds {options.seeds}: give at least 1")
    counts = [options.seeds or paper.seeds[options.scale] for paper in papers]
    jobs = count_jobs(options, sum(counts))
    device = resolve_device(options.device)
    store.check_writable()
    return [_plan_one(paper, count, jobs, device, options, store) for paper, count in zip(papers, counts, strict=True)]


def _plan_one(paper: Paper, count: int, jobs: int, device: str, options: Options, store: Store) -> Plan:
    settings = to_plain(settings_for(registry.experiment(paper), options.scale, options.changes))
    code = code_hash(paper.module, paper.folder)
    threads = 1 if options.cluster else max(1, environment.cores() // max(1, jobs))
    specs = []
    for repetition in range(count):
        seed = trial_seed(options.base_seed, paper.slug, repetition)
        key = trial_key(paper.slug, options.scale, settings, seed, code, device, threads)
        specs.append(TrialSpec(paper, options.scale, settings, seed, repetition, device, code, key, threads, jobs))
    store.clear_partial(paper.slug)
    cached, notes = set(), []
    for spec in specs:
        if options.fresh:
            shutil.rmtree(store.folder(paper.slug, spec.key), ignore_errors=True)
            continue
        try:
            if store.read(paper.slug, spec.key) is not None:
                cached.add(spec.key)
        except DamagedRecordError as error:
            aside = store.set_aside(paper.slug, spec.key)
            notes.append(f"damaged record, measured again: {error} (kept as {aside.name})")
    manifest = RunManifest(
        id=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        slug=paper.slug,
        scale=options.scale,
        settings=settings,
        base_seed=options.base_seed,
        seeds=tuple(spec.seed for spec in specs),
        keys=tuple(spec.key for spec in specs),
        code=code,
        claims=claims_hash(paper.claims),
        device=device,
        started=datetime.now(UTC).isoformat(timespec="microseconds"),
        status="running",
        environment={
            **environment.describe(),
            "threads": threads,
            "jobs": "cluster" if options.cluster else jobs,
            "device": device,
            "code": code,
        },
    )
    left = {spec.key for spec in specs} - cached
    return Plan(paper, manifest, tuple(specs), frozenset(cached), notes, left=left)
