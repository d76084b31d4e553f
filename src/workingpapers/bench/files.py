"""Files that survive a crash: written through to disk, replaced by one rename, locked by who is at work on them."""

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workingpapers.errors import StoreError

OTHER_STORE = "choose another folder with --store"


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file by one rename: a reader sees the old one or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        write_synced(Path(temporary), data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on disk."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold an advisory lock on a folder; the system drops it when the process dies."""
    if os.name != "posix":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def unlocked(folder: Path) -> bool:
    """Whether nobody holds the lock on a folder (without file locks: whether it is older than a day)."""
    if os.name != "posix":
        return time.time() - folder.stat().st_mtime > 24 * 3600
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(handle)


@contextmanager
def explained(doing: str, path: Path, remedy: str = OTHER_STORE) -> Iterator[None]:
    """Turn failures of the file system into a `StoreError` in one line."""
    try:
        yield
    except OSError as error:
        raise store_error(doing, path, error, remedy) from error


def store_error(doing: str, path: Path, error: OSError, remedy: str = OTHER_STORE) -> StoreError:
    """The one line that says what could not be done, why, and what to do."""
    if error.errno == errno.ENOSPC:
        return StoreError(f"cannot {doing} {path}: the disk is full; free some space and run the same command again")
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return StoreError(f"cannot {doing} {path}: no permission; {remedy}")
    return StoreError(f"cannot {doing} {path}: {error.strerror or error}; {remedy}")
