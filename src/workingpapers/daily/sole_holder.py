"""A file that at most one process holds; the system takes it back when that process dies."""

import os
from pathlib import Path

from workingpapers.bench.files import explained


class SoleHolder:
    """The right to do what only one process may do at a time.

    Args:
        path: The file; made where it is missing, as is its folder, both for their owner only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Try to take it; whether we hold it now.

        Raises:
            StoreError: the file cannot be made.
        """
        if self._handle is not None or os.name != "posix":
            return True
        import fcntl

        with explained("make", self.path, "give another --database"):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def give_back(self) -> None:
        """Let another take it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
