"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: a single critic.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements one run of the protocol: train, and take the epoch where the smoothed held-out bound is largest.
Differences: none known.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.mutual_information.arguments import (
    LEAST_CHUNK,
    UNITS,
    scaled_pair,
    threads,
    training_options,
)
from workingpapers.papers.mutual_information.inputs import ArrayLike, as_samples
from workingpapers.papers.mutual_information.method import progress
from workingpapers.papers.mutual_information.result import CriticFit
from workingpapers.papers.mutual_information.training import Curve, Run, train_runs
from workingpapers.parts.checks import one_of, seed_number, true_or_false


def fit_critic(
    x: ArrayLike,
    y: ArrayLike,
    *,
    bound: str = "infonce",
    critic: str | nn.Module = "separable",
    encoder: nn.Module | tuple[nn.Module | None, nn.Module | None] | None = None,
    variational: bool = False,
    beta: float = 1024.0,
    embed_dim: int = 16,
    split: str = "random",
    units: str = "bits",
    epochs: int = 50,
    batch_size: int = 128,
    lr: float = 5e-4,
    device: torch.device | str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    hidden: int = 64,
    discrete_y: bool = False,
    dtype: torch.dtype = torch.float32,
    standardise: bool = True,
) -> CriticFit:
    """Train one critic and stop it by the max-test rule: no extrapolation, no interval, no checks.

    A tenth of the samples is held out. After each epoch the bound is evaluated on it and on a fixed part of the
    training samples. The held-out curve is smoothed (median of 5, Gaussian of 1); its largest epoch is taken.

    Args:
        x: Shape `(samples, features)`, `(samples,)`, or any with `encoder`. NumPy, torch or a DataFrame.
        y: Likewise, of the same length.
        bound: infonce, smile, nwj, js or dv; as for `estimate_mi`, and so the following.
        critic: separable, hybrid, concat, or a module `(x, y) -> (batch, batch)`.
        encoder: Module for both, or a pair of modules; None for the MLP.
        variational: VSIB.
        beta: Weight of the information against the KL divergences.
        embed_dim: Numbers of an embedding.
        split: random or blocked.
        units: bits or nats.
        epochs: Of training.
        batch_size: Pairs of a step; at least 8.
        lr: Learning rate of Adam.
        device: Where to train; None is the CPU.
        seed: Of the split, the start, the order of samples and the noise.
        n_jobs: Threads of torch; -1 for as many as torch uses now.
        hidden: Units of the hidden layers.
        discrete_y: y holds class labels.
        dtype: float32 or float64.
        standardise: z-score the columns; False takes x and y as they are, numbers that you scaled yourself.

    Returns:
        `CriticFit` with history, best_epoch, train_mi, test_mi and critic.

    Raises:
        InvalidParameterError: as for `estimate_mi`; here 32 samples are enough.
        InvalidTypeError: likewise.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(500, 3))
        >>> fit = fit_critic(x, x + rng.normal(size=(500, 3)), epochs=20)
        >>> scores, _ = fit.critic(torch.zeros(4, 3), torch.zeros(4, 3))
        >>> scores.shape, fit.history["smoothed"].idxmax() == fit.best_epoch
        (torch.Size([4, 4]), True)
    """
    options = training_options(
        bound=bound,
        critic=critic,
        encoder=encoder,
        variational=variational,
        beta=beta,
        embed_dim=embed_dim,
        hidden=hidden,
        split=split,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
    )
    factor = float(UNITS[one_of("units", units, UNITS)])
    number = seed_number(seed)
    is_scaled = true_or_false("standardise", standardise)
    with threads(n_jobs):
        first, second, _ = scaled_pair(
            x, y, options, discrete_y=discrete_y, device=device, dtype=dtype, least=LEAST_CHUNK
        )
        if not is_scaled:
            first, second = (_as_given(name, v, t) for name, v, t in (("x", x, first), ("y", y, second)))
        rows = np.arange(len(first))
        run = Run(1, 0, 0, number, rows, rows)
        with progress(1) as tick:
            (curve,) = train_runs([run], first, second, options, keep=run, tick=tick)
    return _fit_of(curve, factor, units)


def _as_given(name: str, value: ArrayLike, like: Tensor) -> Tensor:
    array = torch.from_numpy(as_samples(name, value))
    if array.shape != like.shape:
        raise InvalidParameterError(
            f"{name} has shape {tuple(array.shape)} and constant columns or class labels; with standardise=False give "
            "columns that vary"
        )
    return array.to(like.device, like.dtype)


def _fit_of(curve: Curve, factor: float, units: str) -> CriticFit:
    history = pd.DataFrame(
        {
            "epoch": np.arange(len(curve.train)),
            "train": factor * curve.train,
            "test": factor * curve.test,
            "smoothed": factor * curve.smoothed,
        }
    )
    if curve.critic is None:  # train_runs was told to keep it
        raise RuntimeError("the critic was not kept")
    best = curve.epoch
    return CriticFit(
        history, best, factor * float(curve.train[best]), factor * float(curve.test[best]), curve.critic, units
    )
