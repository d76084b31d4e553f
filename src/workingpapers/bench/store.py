"""The run store: folders on disk that survive a kill at any moment and many runners at once.

    <root>/<slug>/<key>/trial.jsonl, run.json           one finished trial; key = hash(slug, settings, seed, code, …)
    <root>/<slug>/run-<id>/run.json, figures/, report.* one command's run: which trials, when, where, how it ended
    <root>/<slug>/errors/<key>.json                     the traceback of a trial that raised, until it succeeds
    <root>/<slug>/.partial-*                            a trial in flight; renamed to <key> when it is sealed

A trial's folder appears by one rename, so it is either whole or not there. A folder in flight is locked by its
writer; one that nobody locks was left by a killed runner and is cleared away.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from workingpapers.bench import trial_file
from workingpapers.bench.files import explained, locked, replace_file, store_error, sync_folder, unlocked, write_synced
from workingpapers.bench.trial_file import StoredTrial
from workingpapers.errors import DamagedRecordError

RunStatus = Literal["running", "complete", "failed", "interrupted"]
_GRACE_S = 10.0  # a partial folder younger than this may be about to be locked


def trial_key(
    slug: str, scale: str, settings: Mapping[str, Any], seed: int, code: str, device: str, threads: int = 1
) -> str:
    """The content key of a trial: all that its numbers depend on.

    Of the device, the kind counts. Several threads add up in another order than one, so their number counts too.
    """
    parts: list[Any] = [slug, scale, settings, seed, code, device.partition(":")[0]]
    text = json.dumps(parts if threads == 1 else [*parts, threads], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class RunManifest:
    """One command's run of one paper."""

    id: str
    slug: str
    scale: str
    settings: Mapping[str, Any]
    base_seed: int
    seeds: tuple[int, ...]
    keys: tuple[str, ...]
    code: str
    claims: str
    device: str
    started: str
    status: RunStatus
    finished: str | None = None
    failed: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """Reads and writes one root folder. Every failure of the file system is a `StoreError` in one line."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def folder(self, slug: str, key: str) -> Path:
        """Where a finished trial lies."""
        return self.root / slug / key

    def run_folder(self, slug: str, run_id: str) -> Path:
        """Where a run's manifest, figures and report lie."""
        return self.root / slug / f"run-{run_id}"

    def read(self, slug: str, key: str) -> StoredTrial | None:
        """The finished trial, or None where there is none.

        Raises:
            DamagedRecordError: it is there and does not match its checksum or its key.
        """
        path = self.folder(slug, key) / trial_file.NAME
        try:
            trial = trial_file.read_trial(path)
        except FileNotFoundError as error:
            if self.folder(slug, key).exists() and not path.exists():  # else it was published just now
                raise DamagedRecordError(f"{path}: missing from its folder") from error
            return None
        except OSError as error:
            raise store_error("read", path, error) from error
        own = trial_key(trial.slug, trial.scale, trial.settings, trial.seed, trial.code, trial.device, trial.threads)
        if own != key:
            raise DamagedRecordError(f"{path}: its contents belong to another folder")
        return trial

    def environment(self, slug: str, key: str) -> dict[str, Any]:
        """What a finished trial noted about the machine; empty where it is unreadable."""
        try:
            found = json.loads((self.folder(slug, key) / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def writing(self, slug: str, key: str) -> Iterator[Path]:
        """A private folder for a trial in flight. On leaving without an error it becomes the trial's folder; where
        another runner was first, that one's stays. On an error it is removed."""
        parent = self.root / slug
        with explained("write to", parent):
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f".partial-{key}-", dir=parent))
            folder.chmod(0o755)
        with locked(folder):
            try:
                yield folder
                with explained("write to", folder):
                    _publish(folder, self.folder(slug, key))
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def adopt(self, slug: str, key: str, files: Mapping[str, bytes]) -> None:
        """Store a trial that was measured elsewhere, from the bytes of its files."""
        with self.writing(slug, key) as folder, explained("write to", folder):
            for name, data in files.items():
                write_synced(folder / name, data)

    def set_aside(self, slug: str, key: str) -> Path:
        """Move a damaged trial out of the way, for inspection, and say where it went."""
        source = self.folder(slug, key)
        target = source.with_name(f".damaged-{key}-{time.time_ns()}")
        with explained("write to", source), contextlib.suppress(FileNotFoundError):
            source.rename(target)
        return target

    def error_file(self, slug: str, key: str) -> Path:
        """Where the traceback of a trial that raised lies."""
        return self.root / slug / "errors" / f"{key}.json"

    def put_error(self, slug: str, key: str, error: Mapping[str, Any]) -> None:
        """Keep the traceback of a trial that raised."""
        path = self.error_file(slug, key)
        with explained("write to", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(error, indent=1).encode())

    def error(self, slug: str, key: str) -> dict[str, Any] | None:
        """The error that a trial last ended with, if it did."""
        try:
            return json.loads(self.error_file(slug, key).read_text())
        except (OSError, ValueError):
            return None

    def clear_error(self, slug: str, key: str) -> None:
        """Forget a trial's error, once it succeeded."""
        with contextlib.suppress(OSError):
            self.error_file(slug, key).unlink(missing_ok=True)

    def put_run(self, manifest: RunManifest) -> None:
        """Write a run's manifest in one step."""
        folder = self.run_folder(manifest.slug, manifest.id)
        with explained("write to", folder):
            folder.mkdir(parents=True, exist_ok=True)
            content = asdict(manifest)
            replace_file(folder / "run.json", json.dumps({**content, "sha256": _checksum(content)}, indent=1).encode())

    def runs(self, slug: str) -> list[RunManifest]:
        """All readable runs of a paper, newest first. Damaged manifests are left out; see `damaged_runs`."""
        found = filter(None, map(_read_manifest, (self.root / slug).glob("run-*/run.json")))
        return sorted(found, key=lambda run: (run.started, run.id), reverse=True)

    def damaged_runs(self, slug: str) -> list[Path]:
        """The manifests that do not match their checksum."""
        return [path for path in sorted((self.root / slug).glob("run-*/run.json")) if _read_manifest(path) is None]

    def clear_partial(self, slug: str) -> int:
        """Remove folders that killed runners left in flight; returns how many."""
        cleared = 0
        for folder in (self.root / slug).glob(".partial-*"):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > _GRACE_S and unlocked(folder):
                    shutil.rmtree(folder, ignore_errors=True)
                    cleared += 1
        return cleared

    def check_writable(self) -> None:
        """Raise `StoreError` now rather than after hours of work where the root cannot be written."""
        with explained("write to", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"0" * 4096)
                probe.flush()
                os.fsync(probe.fileno())


def _publish(folder: Path, target: Path) -> None:
    sync_folder(folder)
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return  # another runner was first, with the same contents
    sync_folder(target.parent)


def _read_manifest(path: Path) -> RunManifest | None:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        content = json.loads(path.read_text())
        if content.pop("sha256") == _checksum(content):
            for name in ("seeds", "keys", "failed"):
                content[name] = tuple(content[name])
            return RunManifest(**content)
    return None


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
