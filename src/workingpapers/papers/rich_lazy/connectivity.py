"""Recurrent matrices with a structure: low rank, excitation and inhibition, blocks, chains, sparse, or a connectome."""

import importlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.rich_lazy.checks import as_matrix
from workingpapers.papers.rich_lazy.ranks import truncate_rank_
from workingpapers.parts.checks import one_of, real_number, whole_number

KINDS = ("gaussian", "low-rank", "low-rank-gaussian", "soft-rank", "dale", "dale-balanced", "block", "chain", "sparse")
SIGNS = ("dale", "random")
OPTIONS: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "low-rank": {"rank": 1},
    "low-rank-gaussian": {"rank": 1},
    "soft-rank": {"decay": 10.0},
    "dale": {"excitatory": 0.8},
    "dale-balanced": {"excitatory": 0.8},
    "block": {"blocks": 4, "within": 0.5, "between": 0.05},
    "chain": {"density": 0.1, "strength": 4.0},
    "sparse": {"density": 0.1},
    "heavy-tailed": {"density": 0.03, "spread": 1.0},
    "given": {},
}


def structured_connectivity(
    n: int,
    kind: Any = "gaussian",
    *,
    gain: float | int = 1.25,
    generator: torch.Generator | None = None,
    signs: str | None = None,
    preserve: str = "frobenius",
    dtype: torch.dtype | None = None,
    **opts: Any,
) -> Float[Tensor, "n n"]:
    r"""A recurrent matrix of a given structure at the norm of a Gaussian one.

    All kinds are scaled to the Frobenius norm `gain sqrt(n)`, the expected one of `gain N(0, 1) / sqrt(n)`; or, with
    `preserve="spectral"`, to spectral norm `2 gain`, that of a large Gaussian matrix. Rows are receiving units.

    - `gaussian`: independent entries.
    - `low-rank` (`rank`): a Gaussian matrix cut to its leading singular triplets, as in the paper.
    - `low-rank-gaussian` (`rank`): `M N^T` with Gaussian `M`, `N` `(n, rank)`.
    - `soft-rank` (`decay`): Gaussian singular vectors, singular values `exp(-i / decay)`.
    - `dale` (`excitatory`): each sending unit excites or inhibits; magnitudes equally distributed.
    - `dale-balanced` (`excitatory`): the same with inhibition stronger, so that each row sums to zero on average.
    - `block` (`blocks`, `within`, `between`): excitatory, with these densities within and between groups.
    - `chain` (`density`, `strength`): sparse, with two-step chains made likelier by in- and out-degrees that go
      together.
    - `sparse` (`density`): a Gaussian matrix with that share of entries.
    - `heavy-tailed` (`density`, `spread`): log-normal degrees and magnitudes like those of measured connectomes: a
      stand-in where none is at hand.
    - a matrix (tensor, array) or a networkx graph: a connectome, `(n, n)`, rows receiving; a graph's edge u -> v goes
      to row v, with its `weight`.

    Args:
        n: Number of units; for a connectome its size.
        kind: One of the above.
        gain: Scale.
        generator: Torch generator of the draw; None for torch's global one.
        signs: None keeps those of the kind; `dale` gives each sending unit one sign, `random` each entry.
        preserve: Norm that is fixed: `frobenius` or `spectral`.
        dtype: Of the result; torch's default by default.
        opts: Options of the kind, in brackets above.

    Returns:
        `(n, n)`.

    Raises:
        InvalidParameterError: unknown kind or option, an option out of range, a connectome of another size or zero.
        InvalidTypeError: kind is neither a name nor a matrix nor a graph.

    Differs from the paper:
        The generators follow the structures that the paper names; their parameters are ours.

    Example:
        >>> import torch
        >>> w = structured_connectivity(50, "low-rank", rank=3, generator=torch.Generator().manual_seed(0))
        >>> int(torch.linalg.matrix_rank(w, rtol=1e-4)), abs(float(w.norm()) - 1.25 * 50**0.5) < 1e-3
        (3, True)
    """
    n = whole_number("n", n, least=1)
    real_number("gain", gain, above=0)
    if signs is not None:
        one_of("signs", signs, SIGNS)
    one_of("preserve", preserve, ("frobenius", "spectral"))
    name = kind if isinstance(kind, str) else "given"
    if name not in (*KINDS, "heavy-tailed") and isinstance(kind, str):
        known = ", ".join((*KINDS, "heavy-tailed"))
        raise InvalidParameterError(f"kind is {kind!r}; choose one of {known}, or give a matrix or a networkx graph")
    unknown = set(opts) - set(OPTIONS[name])
    if unknown:
        allowed = ", ".join(OPTIONS[name]) or "no option"
        raise InvalidParameterError(f"{name!r} has no option {sorted(unknown)[0]!r}; it takes {allowed}")
    w = _given(n, kind) if name == "given" else _draw(n, name, OPTIONS[name] | opts, generator)
    if signs is not None:
        columns = 1 if signs == "dale" else n
        drawn = _uniform((columns, n), generator)
        # half of the sending units inhibit: none of the readers says which
        w = w.abs() * torch.where(drawn < 0.5, -1.0, 1.0)
    size = torch.linalg.matrix_norm(w, 2) if preserve == "spectral" else torch.linalg.vector_norm(w)
    if float(size) == 0.0:
        raise InvalidParameterError(f"the matrix of kind {name!r} is zero; choose a higher density or another matrix")
    target = 2 * gain if preserve == "spectral" else gain * n**0.5
    return (w * (target / size)).to(dtype or torch.get_default_dtype())


def _given(n: int, kind: Any) -> Tensor:
    if hasattr(kind, "nodes") and hasattr(kind, "adjacency"):
        kind = importlib.import_module("networkx").to_numpy_array(kind).T
    if not isinstance(kind, Tensor | np.ndarray | list | tuple):
        raise InvalidTypeError(f"kind is {type(kind).__name__}; give a name, a matrix or a networkx graph")
    w = as_matrix("kind", kind).double()
    if w.shape != (n, n):
        raise InvalidParameterError(f"the connectome has shape {tuple(w.shape)} and n is {n}; give n = {w.shape[0]}")
    return w


def _draw(n: int, kind: str, opts: dict[str, Any], generator: torch.Generator | None) -> Tensor:
    gaussian = _normal((n, n), generator)
    if kind == "gaussian":
        return gaussian
    if kind == "low-rank":
        return truncate_rank_(gaussian, opts["rank"])
    if kind == "low-rank-gaussian":
        rank = whole_number("rank", opts["rank"], least=1, most=n)
        return _normal((n, rank), generator) @ _normal((n, rank), generator).T
    if kind == "soft-rank":
        u, _, vh = torch.linalg.svd(gaussian)
        return (u * torch.exp(-torch.arange(n, dtype=u.dtype) / real_number("decay", opts["decay"], above=0))) @ vh
    if kind in ("dale", "dale-balanced"):
        share = _share("excitatory", opts["excitatory"], most=1.0 if kind == "dale" else 1 - 1e-9)
        is_excitatory = _uniform((1, n), generator) < share
        inhibition = share / (1 - share) if kind == "dale-balanced" else 1.0
        return gaussian.abs() * torch.where(is_excitatory, 1.0, -inhibition)
    if kind == "block":
        blocks = whole_number("blocks", opts["blocks"], least=1, most=n)
        group = torch.arange(n) * blocks // n
        same = group[:, None] == group[None]
        density = torch.where(same, _share("within", opts["within"]), _share("between", opts["between"]))
        return gaussian.abs() * (_uniform((n, n), generator) < density)
    share_of_all = _share("density", opts["density"])
    if kind == "sparse":
        return gaussian * (_uniform((n, n), generator) < share_of_all)
    if kind == "chain":
        # chains i -> j -> k are likelier where units that receive much also send much
        degree = torch.exp(0.5 * real_number("strength", opts["strength"], above=0) ** 0.5 * _normal((n,), generator))
        likely = degree[:, None] * degree[None, :]
        return gaussian * (_uniform((n, n), generator) < (likely * share_of_all / likely.mean()).clamp(max=1.0))
    spread = real_number("spread", opts["spread"], above=0)
    likely = torch.exp(spread * _normal((n, 1), generator)) * torch.exp(spread * _normal((1, n), generator))
    mask = _uniform((n, n), generator) < (likely * share_of_all / likely.mean()).clamp(max=1.0)
    return torch.exp(spread * gaussian) * mask * (1 - torch.eye(n, dtype=gaussian.dtype))


def _share(name: str, value: float | int, most: float = 1.0) -> float:
    if not 0.0 <= value <= most:
        raise InvalidParameterError(f"{name} is {value!r}; choose a share from 0 to {most:g}")
    return float(value)


def _normal(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def _uniform(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=generator)
