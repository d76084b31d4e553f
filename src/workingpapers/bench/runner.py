"""Running papers: take the cached trials, run the rest, keep the manifest, draw the figures."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workingpapers.bench import environment
from workingpapers.bench.backends import Backend, Event
from workingpapers.bench.figures import draw
from workingpapers.bench.planning import Plan
from workingpapers.bench.results import LoadedRun, load_run
from workingpapers.bench.store import RunManifest, Store


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
    unfinished = {each.manifest.id: each for each in plans}

    def finish(each: Plan) -> None:
        outcome = _finish(each, store, time.perf_counter() - began)
        outcomes.append(outcome)
        del unfinished[each.manifest.id]  # not the outcome's id: that may be of an earlier run of the same trials
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
        for each in unfinished.values():
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
        manifest = replace(earlier, started=manifest.started)  # it is the newest again
    store.put_run(manifest)
    loaded = load_run(each.paper, store, manifest)
    errors = dict(each.errors)
    if not each.errors:
        errors |= draw(loaded)
    return Outcome(loaded, tuple(each.notes), errors, reused=len(each.cached))


def _same_run(manifest: RunManifest, store: Store) -> RunManifest | None:
    """An earlier complete run of the very same trials and claims: no second one is kept."""
    for earlier in store.runs(manifest.slug):
        if earlier.status == "complete" and earlier.keys == manifest.keys and earlier.claims == manifest.claims:
            return earlier
    return None
