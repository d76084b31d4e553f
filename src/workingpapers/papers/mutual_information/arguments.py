"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: arguments of the estimators.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements the checks of what `estimate_mi`, `fit_critic` and `MutualInformation` are given, in one place.
Differences: none known.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.mutual_information.inputs import (
    LEAST_SAMPLES,
    Scaler,
    as_samples,
    check_lengths,
    one_hot,
)
from workingpapers.papers.mutual_information.training import LEAST_BATCH, Options
from workingpapers.parts.checks import one_of, real_number, torch_module, true_or_false, usable_device, whole_number

BOUNDS = ("infonce", "smile", "nwj", "js", "dv")
CRITICS = ("separable", "hybrid", "concat")
SPLITS = ("random", "blocked")
UNITS = {"bits": 1 / np.log(2), "nats": 1.0}
LEAST_CHUNK = 32


def training_options(
    *,
    bound: Any,
    critic: Any,
    encoder: Any,
    variational: Any,
    beta: Any,
    embed_dim: Any,
    hidden: Any,
    split: Any,
    epochs: Any,
    batch_size: Any,
    lr: Any,
) -> Options:
    """How to train, with everything checked.

    Raises:
        InvalidParameterError: outside of what is allowed, or choices that exclude each other.
        InvalidTypeError: of another type.
    """
    if isinstance(critic, nn.Module) or (isinstance(critic, type) and issubclass(critic, nn.Module)):
        critic = torch_module("critic", critic)
    else:
        critic = one_of("critic", critic, CRITICS)
    encoders = _encoders(encoder)
    is_variational = true_or_false("variational", variational)
    if critic not in ("separable", "hybrid") and (encoders != (None, None) or is_variational):
        name = "variational=True" if is_variational else "an encoder"
        shown = repr(critic) if isinstance(critic, str) else type(critic).__name__
        raise InvalidParameterError(
            f"critic {shown} has no encoders and cannot take {name}; choose critic='separable' or 'hybrid'"
        )
    size = whole_number("batch_size", batch_size, least=1)
    if size < LEAST_BATCH:
        raise InvalidParameterError(
            f"batch_size is {size} with bound={bound!r}; give at least {LEAST_BATCH}: a batch of n cannot show "
            "more than log(n) and smaller ones are dropped"
        )
    return Options(
        bound=one_of("bound", bound, BOUNDS),
        critic=critic,
        encoders=encoders,
        variational=is_variational,
        beta=real_number("beta", beta, above=0),
        embed_dim=whole_number("embed_dim", embed_dim, least=1),
        hidden=whole_number("hidden", hidden, least=1),
        split=one_of("split", split, SPLITS),
        epochs=whole_number("epochs", epochs, least=1),
        batch_size=size,
        lr=real_number("lr", lr, above=0),
    )


def _encoders(encoder: Any) -> tuple[nn.Module | None, nn.Module | None]:
    if encoder is None:
        return None, None
    if not isinstance(encoder, tuple | list):
        module = torch_module("encoder", encoder)
        return module, module
    if len(encoder) != 2:
        raise InvalidParameterError(f"encoder holds {len(encoder)} modules; give two, for x and y, or one for both")
    first, second = (None if e is None else torch_module("encoder", e) for e in encoder)
    return first, second


def grid(gammas: Any, repeats: Any, samples: int) -> tuple[list[int], dict[int, int]]:
    """γ in increasing order and how often each chunk is run.

    Raises:
        InvalidParameterError: fewer than two γ, twice the same, or chunks below 32 samples.
        InvalidTypeError: no whole numbers.
    """
    if isinstance(gammas, str | bytes) or not isinstance(gammas, Iterable):
        raise InvalidTypeError(f"gammas is {gammas!r}; give whole numbers such as range(1, 7)")
    chosen = sorted(whole_number("a value of gammas", g, least=1) for g in gammas)
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise InvalidParameterError(f"gammas is {chosen}; give at least two different values, such as range(1, 7)")
    if samples // chosen[-1] < LEAST_CHUNK:
        raise InvalidParameterError(
            f"gammas goes to {chosen[-1]} with {samples} samples, so that a chunk holds {samples // chosen[-1]}; give "
            f"gammas up to {samples // LEAST_CHUNK} (a chunk needs {LEAST_CHUNK}), or more samples"
        )
    if not isinstance(repeats, Mapping):
        raise InvalidTypeError(f"repeats is {repeats!r}; give a mapping of gamma to a number of runs, such as {{1: 3}}")
    counts = {whole_number("a key of repeats", g): whole_number("repeats", n, least=1) for g, n in repeats.items()}
    return chosen, counts


def scaled_pair(
    x: Any, y: Any, options: Options, *, discrete_y: Any, device: Any, dtype: Any, least: int = LEAST_SAMPLES
) -> tuple[Tensor, Tensor, tuple[Scaler, Scaler]]:
    """Both samples z-scored on the device, and what scales new ones.

    Raises:
        InvalidParameterError: lengths differ, too few samples, NaN, one class, all columns constant, no usable device.
        InvalidTypeError: no numbers, or another dtype than float32 or float64.
    """
    if dtype not in (torch.float32, torch.float64):
        raise InvalidTypeError(f"dtype is {dtype!r}; give torch.float32 or torch.float64: scores need their precision")
    where = usable_device(device)
    first = as_samples("x", x)
    second = one_hot(y) if true_or_false("discrete_y", discrete_y) else as_samples("y", y)
    check_lengths(first, second, 1)
    if len(first) < least:
        raise InvalidParameterError(
            f"x and y have {len(first)} samples, too few samples for any gamma_max; give at least {least}"
        )
    is_own = isinstance(options.critic, nn.Module)
    scalers, tensors = [], []
    for name, sample, encoder in zip(("x", "y"), (first, second), options.encoders, strict=True):
        if sample.ndim > 2 and encoder is None and not is_own:
            raise InvalidParameterError(
                f"{name} has shape {sample.shape}; give a table (samples, features), or a module for it by encoder"
            )
        scalers.append(Scaler(name, sample, keep_width=encoder is not None or is_own))
        tensors.append(scalers[-1](sample, where, dtype))
    return tensors[0], tensors[1], (scalers[0], scalers[1])


def derived_seed(*numbers: int) -> int:
    """A seed of torch's generators for one purpose, from a seed and the numbers of the purpose."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def threads(n_jobs: Any) -> Iterator[None]:
    """Inside, torch uses `n_jobs` threads; -1 leaves the number as it is. On leaving the former number is back.

    Raises:
        InvalidParameterError: 0 or below -1.
        InvalidTypeError: no whole number.
    """
    number = whole_number("n_jobs", n_jobs, least=-1)
    if number == 0:
        raise InvalidParameterError("n_jobs is 0; give a number of threads of at least 1, or -1 for torch's own number")
    before = torch.get_num_threads()
    if number > 0:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
