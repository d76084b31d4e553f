"""Seeds from names: the same names give the same seed on every machine, and different names unrelated ones."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

_BELOW = 2**31


def derive(*names: object) -> int:
    """A seed in [0, 2**31) from any number of names: the head of the SHA-256 of their texts."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % _BELOW


def trial_seed(base: int, slug: str, repetition: int) -> int:
    """The seed of one trial of a paper."""
    return derive("trial", base, slug, repetition)


@contextmanager
def seeded_torch(seed: int) -> Iterator[None]:
    """Inside, torch's global generators (CPU and, if in use, CUDA) start from `seed`; afterwards they are as before."""
    import torch

    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def isolated_randomness(seed: int) -> Iterator[None]:
    """Inside, the global generators of random, numpy and torch start from `seed`; afterwards they are as before.

    A safety net around a trial: an experiment uses the trial's own generators, but a library that it calls may
    draw from a global one, and the trial must stay a function of its seed.
    """
    import random

    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - kept to be put back
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        with seeded_torch(seed):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
