"""A data set with its origin: named arrays, where they came from, and their hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Named arrays of one data set.

    Args:
        name: The name it is loaded by.
        source: Where it came from: package and version, or the user's path.
        licence: Licence of the data, in a few words.
        arrays: The arrays; a time axis is called `time` (datetime64).
        about: One line on what it is, units included.
    """

    name: str
    source: str
    licence: str
    arrays: Mapping[str, np.ndarray] = field(repr=False)
    about: str = ""

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    @cached_property
    def sha256(self) -> str:
        """Hash of every array's name, type, shape and bytes."""
        digest = hashlib.sha256()
        for key in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[key])
            digest.update(f"{key}|{array.dtype.str}|{array.shape}|".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()
