"""Running papers: plan the trials, take the cached ones, run the rest, keep the manifest, draw the figures."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from workingpapers.bench import environment, registry
from workingpapers.bench.backends import Backend, Event
from workingpapers.bench.code_hash import code_hash
from workingpapers.bench.files import explained
from workingpapers.bench.protocols import Paper, Scale
from workingpapers.bench.results import LoadedRun, claims_hash, load_run
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
    """

    scale: Scale = "laptop"
    seeds: int | None = None
    jobs: int | None = None
    device: str = "auto"
    base_seed: int = 0
    changes: tuple[str, ...] = ()
    fresh: bool = False


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


@dataclass(frozen=True)
class Outcome:
    """One paper's finished run: the run, notes for the reader, and errors (trial key or `figures` -> traceback)."""

    run: LoadedRun
    notes: tuple[str, ...]
    errors: Mapping[str, str]
    reused: int


class Watcher(Protocol):
    """Sees what happens, for progress bars."""

    def start(self, plans: Sequence[Plan]) -> None: ...
    def event(self, event: Event) -> None: ...
    def stop(self) -> None: ...


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
    return device


def count_jobs(options: Options, trials: int) -> int:
    """Worker processes for a number of trials; raises `InvalidParameterError` for a negative number."""
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
    threads = max(1, environment.cores() // max(1, jobs))
    specs = []
    for repetition in range(count):
        seed = trial_seed(options.base_seed, paper.slug, repetition)
        key = trial_key(paper.slug, options.scale, settings, seed, code, device)
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
        environment={**environment.describe(), "threads": threads, "jobs": jobs, "device": device, "code": code},
    )
    left = {spec.key for spec in specs} - cached
    return Plan(paper, manifest, tuple(specs), frozenset(cached), notes, left=left)


def run(
    plans: Sequence[Plan], store: Store, backend: Backend, watcher: Watcher, finished: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run what is left of the plans; each paper is finished (verdicts, figures) as soon as its last trial is in.

    Args:
        plans: From `plan`.
        store: Where trials and manifests go.
        backend: Where trials run.
        watcher: Sees every event.
        finished: Takes each outcome as it comes.

    Raises:
        StoreError: the store cannot be written any more. What is finished stays.
        KeyboardInterrupt: after the manifests were marked as interrupted.
    """
    owner = {spec.key: each for each in plans for spec in each.specs}
    began = time.perf_counter()
    outcomes: list[Outcome] = []

    def finish(each: Plan) -> None:
        outcome = _finish(each, store, time.perf_counter() - began)
        outcomes.append(outcome)
        finished(outcome)

    watcher.start(plans)
    try:
        for each in plans:
            store.put_run(each.manifest)
            if not each.left:
                finish(each)
        for event in backend.run([spec for each in plans for spec in each.specs if spec.key in each.left]):
            watcher.event(event)
            if event.kind not in ("done", "failed"):
                continue
            each = owner[event.key]
            each.left.discard(event.key)
            if event.kind == "failed":
                each.errors[event.key] = event.text
                _keep_error(each, event, store)
            else:
                store.clear_error(each.paper.slug, event.key)
            if not each.left:
                finish(each)
    except BaseException:
        done = {outcome.run.manifest.id for outcome in outcomes}
        for each in plans:
            if each.manifest.id not in done:
                store.put_run(replace(each.manifest, status="interrupted", finished=environment.now()))
        raise
    finally:
        watcher.stop()
    return outcomes


def _keep_error(each: Plan, event: Event, store: Store) -> None:
    spec = next(spec for spec in each.specs if spec.key == event.key)
    store.put_error(
        each.paper.slug,
        event.key,
        {
            "slug": each.paper.slug,
            "scale": spec.scale,
            "seed": spec.seed,
            "repetition": spec.repetition,
            "settings": dict(spec.settings),
            "code": spec.code,
            "date": environment.now(),
            "traceback": event.text,
        },
    )


def _finish(each: Plan, store: Store, seconds: float) -> Outcome:
    slug = each.paper.slug
    notes = [store.environment(slug, key) for key in each.manifest.keys if key not in each.errors]
    peaks = [note["peak_memory_mb"] for note in notes if "peak_memory_mb" in note]
    manifest = replace(
        each.manifest,
        status="failed" if each.errors else "complete",
        finished=environment.now(),
        failed=tuple(each.errors),
        environment={
            **each.manifest.environment,
            "date": environment.now(),
            "seconds": round(seconds, 1),
            "trial_seconds": round(sum(note.get("seconds", 0.0) for note in notes), 1),
            "peak_memory_mb": max(peaks, default=None),
        },
    )
    if len(each.cached) == len(each.specs) and (earlier := _same_run(manifest, store)):
        shutil.rmtree(store.run_folder(slug, manifest.id), ignore_errors=True)
        manifest = earlier
    else:
        store.put_run(manifest)
    loaded = load_run(each.paper, store, manifest)
    errors = dict(each.errors)
    if not each.errors:
        errors |= _draw(loaded, store)
    return Outcome(loaded, tuple(each.notes), errors, reused=len(each.cached))


def _same_run(manifest: RunManifest, store: Store) -> RunManifest | None:
    """An earlier complete run of the very same trials and claims: no second one is kept."""
    for earlier in store.runs(manifest.slug):
        if earlier.status == "complete" and earlier.keys == manifest.keys and earlier.claims == manifest.claims:
            return earlier
    return None


def _draw(loaded: LoadedRun, store: Store) -> dict[str, str]:
    """Draw the experiment's figures into the run's folder; returns the traceback where that failed."""
    import traceback

    folder = loaded.folder / "figures"
    captions: dict[str, str] = {}
    try:
        pictures: Iterable[Any] = registry.experiment(loaded.paper).figures(loaded)
        with explained("write to", folder):
            folder.mkdir(parents=True, exist_ok=True)
            for picture in pictures:
                picture.figure.savefig(folder / f"{picture.name}.png", metadata={"Software": None})
                captions[picture.name] = picture.caption
            (folder / "captions.json").write_text(json.dumps(captions, indent=1, ensure_ascii=False))
    except Exception:
        return {"figures": traceback.format_exc()}
    return {}
