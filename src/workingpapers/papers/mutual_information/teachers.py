"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: data of known information.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements correlated latents behind frozen random teachers, linear Gaussian pairs, and two noisy views of digits.
Differences: sizes are ours; the teachers are the specification's softplus layers.
"""

import numpy as np
from jaxtyping import Float, Int, Integer

Pair = tuple[Float[np.ndarray, "samples columns"], Float[np.ndarray, "samples columns"]]
Pictures = tuple[
    Float[np.ndarray, "samples height width"],
    Float[np.ndarray, "samples height width"],
]
WIDTH = 1024


def correlation_for(bits: float, latents: int) -> float:
    """ρ of each of `latents` Gaussian pairs that together share `bits`."""
    return float(np.sqrt(1 - 2 ** (-2 * bits / latents)))


def teacher(samples: int, latents: int, columns: int, bits: float, seed: int) -> Pair:
    """`latents` correlated Gaussian pairs, each side through a fixed random network into `columns` columns.

    The networks are injective for `columns >= latents`, so the information is that of the latents.
    """
    rng = np.random.default_rng(seed)
    rho = correlation_for(bits, latents)
    first = rng.normal(size=(samples, latents))
    second = rho * first + np.sqrt(1 - rho**2) * rng.normal(size=(samples, latents))
    pair = []
    for latent in (first, second):
        inner = rng.normal(size=(latents, WIDTH)) / np.sqrt(latents)
        outer = rng.normal(size=(WIDTH, columns)) / np.sqrt(WIDTH)
        pair.append(np.logaddexp(0, latent @ inner) @ outer)
    return pair[0], pair[1]


def linear(samples: int, latents: int, columns: int, bits: float, seed: int) -> Pair:
    """The same latents, each side rotated into `columns` columns without noise: the case that CCA is made for."""
    rng = np.random.default_rng(seed)
    rho = correlation_for(bits, latents)
    first = rng.normal(size=(samples, latents))
    second = rho * first + np.sqrt(1 - rho**2) * rng.normal(size=(samples, latents))
    mixers = [rng.normal(size=(latents, columns)) for _ in range(2)]
    return first @ mixers[0], second @ mixers[1]


def two_views(
    images: Integer[np.ndarray, "images height width"],
    labels: Int[np.ndarray, " images"],
    samples: int,
    noise: float,
    seed: int,
) -> Pictures:
    """Two different pictures of the same class, each with noise: they share the class, at most log2(classes) bits."""
    rng = np.random.default_rng(seed)
    pixels = images / max(1.0, float(images.max()))
    first, second = [], []
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))[: 2 * (samples // len(np.unique(labels)))]
        first.append(own[0 : 2 * (len(own) // 2) : 2])
        second.append(own[1 : 2 * (len(own) // 2) : 2])
    order = rng.permutation(sum(len(each) for each in first))
    views = [pixels[np.concatenate(each)[order]] for each in (first, second)]
    return views[0] + noise * rng.normal(size=views[0].shape), views[1] + noise * rng.normal(size=views[1].shape)
