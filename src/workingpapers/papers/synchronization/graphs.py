"""Coupling graphs of synchronized replicas (arXiv 1010.4517): from a name, a matrix or edges to a Laplacian.

No official code known. Nothing is taken from elsewhere.
Implements the Laplacian L = diag(A 1) - A of the coupling (section 2 of the paper).
Differences from the paper: only symmetric coupling; a balanced directed graph enters by its symmetric part.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.synchronization.checks import as_float64
from workingpapers.parts.checks import check_generator, whole_number

GRAPHS = ("complete", "ring", "star", "path", "hypercube", "random-regular")
NORMALIZATIONS = (None, "edges")


def laplacian(
    graph: Any,
    n: int | None = None,
    *,
    weights: Any = None,
    normalize: str | None = None,
    degree: int = 3,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Float[Tensor, "n n"]:
    """Laplacian L = diag(A 1) - A of a coupling graph with symmetric, non-negative adjacency A.

    Its eigenvalues 0 = l_1 <= l_2 <= ... decide how well replicas hold together: the disagreement contracts at rate
    λ + κ l_2. Beside 0 they are n (complete), 2 - 2 cos(2πj/n) (ring), 1 and n (star), 2 - 2 cos(πj/n) (path) and
    2j (hypercube).

    Args:
        graph: "complete", "ring", "star" (node 0 in the middle), "path", "hypercube" (n a power of 2),
            "random-regular"; or an adjacency `(n, n)`; or a networkx graph (edge attribute `weight`, else 1); or a
            list of edges: tuples `(i, j)` or `(i, j, weight)`, nodes from 0. A square list of lists is an adjacency.
            Loops (i, i) of a matrix or networkx graph cancel in L.
        n: Number of replicas. Needed with a name; otherwise read from the graph and checked where given.
        weights: Edge weights: one number that multiplies all, or one for each edge, in the order of the list, else
            of pairs i < j row by row.
        normalize: None, or "edges" to divide by the sum of all edge weights, which makes graphs of equal cost.
        degree: Neighbours of each node of "random-regular"; n · degree must be even.
        generator: Draws the random graph; None for torch's default generator.
        dtype: Type of the result.
        device: Device of the result.

    Returns:
        L, shape `(n, n)`.

    Raises:
        InvalidParameterError: asymmetric or negative adjacency, an unknown name, sizes that do not fit.
        InvalidTypeError: none of these kinds of graph, no generator, or a dtype of whole numbers.

    Warns:
        UserWarning: the graph is disconnected; its components are named. They synchronise separately (l_2 = 0).

    Differs from the paper: `normalize="edges"` is an addition.

    Source: section 2.

    Example:
        >>> L = laplacian("ring", 6)
        >>> torch.linalg.eigvalsh(L).round().abs().int().tolist()
        [0, 1, 1, 3, 3, 4]
        >>> laplacian([(0, 1), (1, 2, 0.5)]).tolist()
        [[1.0, -1.0, 0.0], [-1.0, 1.5, -0.5], [0.0, -0.5, 0.5]]
    """
    if normalize not in NORMALIZATIONS:
        raise InvalidParameterError(f"normalize is {normalize!r}; choose None or 'edges'")
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InvalidTypeError(f"dtype is {dtype}; choose one of floating point, such as torch.float64")
    check_generator(generator)
    size = None if n is None else whole_number("n", n, least=1)
    ends, values, size = _edges(graph, size, degree, generator)
    values = _weighted(values, weights)
    adjacency = np.zeros((size, size))
    adjacency[ends[:, 0], ends[:, 1]] = values
    adjacency += adjacency.T
    if normalize == "edges":
        total = float(values.sum())
        if total == 0:
            raise InvalidParameterError("the graph has no edge, so its weights have no sum to divide by")
        adjacency /= total
    _warn_if_disconnected(adjacency)
    return torch.from_numpy(np.diag(adjacency.sum(1)) - adjacency).to(device=device, dtype=dtype)


def _edges(
    graph: Any, n: int | None, degree: int, generator: torch.Generator | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Pairs i < j `(edges, 2)`, their weights `(edges,)`, and the number of nodes."""
    if isinstance(graph, str):
        if graph not in GRAPHS:
            raise InvalidParameterError(f"graph is {graph!r}; choose one of {', '.join(GRAPHS)}, a matrix or edges")
        if n is None:
            raise InvalidParameterError(f"graph {graph!r} needs a number of replicas; give n")
        pairs = _named(graph, n, degree, generator)
        ends = np.array(sorted({(min(pair), max(pair)) for pair in pairs}), dtype=np.int64).reshape(-1, 2)
        return ends, np.ones(len(ends)), n
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):
        import networkx  # type: ignore[import-untyped]  # ships no types; torch brings it

        return _of_matrix(networkx.to_numpy_array(graph, weight="weight"), n)
    if isinstance(graph, Sequence | set | frozenset) and _are_edges(list(graph)):
        return _of_list(list(graph), n)
    return _of_matrix(as_float64("graph", graph).cpu().numpy(), n)


def _named(graph: str, n: int, degree: int, generator: torch.Generator | None) -> list[tuple[int, int]]:
    match graph:
        case "complete":
            return [(i, j) for i in range(n) for j in range(i + 1, n)]
        case "ring":
            return [(i, (i + 1) % n) for i in range(n) if n > 1]
        case "star":
            return [(0, i) for i in range(1, n)]
        case "path":
            return [(i, i + 1) for i in range(n - 1)]
        case "hypercube":
            if n & (n - 1):
                raise InvalidParameterError(f"a hypercube has a power of 2 nodes; n is {n}; choose 1, 2, 4, 8, 16, ...")
            return [(i, i ^ bit) for i in range(n) for bit in (1 << b for b in range(n.bit_length() - 1))]
    import networkx

    neighbours = whole_number("degree", degree, least=1)
    if neighbours >= n or neighbours * n % 2:
        raise InvalidParameterError(
            f"no graph of {n} nodes has {neighbours} neighbours at each; degree must be below n and n · degree even"
        )
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device if generator else None))
    return [(int(i), int(j)) for i, j in networkx.random_regular_graph(neighbours, n, seed=seed).edges]


def _are_edges(items: list[Any]) -> bool:
    """Tuples are edges; lists are rows of a matrix where they make it square."""
    if not items:
        raise InvalidParameterError("graph is empty; for replicas without any edge give an adjacency of zeros (n, n)")
    if all(isinstance(item, tuple) for item in items):
        return True
    lengths = {len(item) for item in items if isinstance(item, Sequence) and not isinstance(item, str)}
    return len(lengths) == 1 and lengths <= {2, 3} and lengths != {len(items)}


def _of_list(items: list[Any], n: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    ends, values = [], []
    for item in items:
        if len(item) not in (2, 3):
            raise InvalidParameterError(f"edge {item!r} has {len(item)} entries; give (i, j) or (i, j, weight)")
        i, j = (whole_number("a node", node, least=0) for node in item[:2])
        if i == j:
            raise InvalidParameterError(f"edge {item!r} joins a node with itself, which couples nothing; leave it out")
        ends.append((min(i, j), max(i, j)))
        values.append(float(as_float64(f"the weight of edge {item!r}", item[2])) if len(item) == 3 else 1.0)
    doubled = {pair for pair in ends if ends.count(pair) > 1} if len(set(ends)) < len(ends) else set()
    if doubled:
        raise InvalidParameterError(f"edge {min(doubled)} is listed twice; list each pair once, in one direction")
    nodes = max(max(pair) for pair in ends) + 1
    if n is not None and n < nodes:
        raise InvalidParameterError(f"the edges name node {nodes - 1} and n is {n}; choose n of {nodes} or more")
    _check_sign(np.array(values))
    return np.array(ends, dtype=np.int64), np.array(values), n or nodes


def _of_matrix(adjacency: np.ndarray, n: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1] or not adjacency.size:
        raise InvalidParameterError(f"the adjacency has shape {adjacency.shape}; give a square matrix (n, n) or edges")
    if not np.isfinite(adjacency).all():
        raise InvalidParameterError("the adjacency holds NaN or infinite weights; give finite ones")
    if n is not None and n != len(adjacency):
        raise InvalidParameterError(f"n is {n} and the adjacency is of {len(adjacency)} nodes; give one that fits")
    slack = 1e-6 * np.abs(adjacency).max(initial=0)
    if np.abs(adjacency - adjacency.T).max(initial=0) > slack:
        raise InvalidParameterError(
            "the adjacency is not symmetric; coupling must go both ways with one weight (of a balanced directed graph, "
            "give the symmetric part (A + A.T) / 2)"
        )
    ends = np.stack(np.triu_indices(len(adjacency), 1), 1)
    values = adjacency[ends[:, 0], ends[:, 1]]
    _check_sign(values)
    return ends[values > 0], values[values > 0], len(adjacency)


def _weighted(values: np.ndarray, weights: Any) -> np.ndarray:
    if weights is None:
        return values
    given = as_float64("weights", weights).cpu().numpy()
    if given.ndim and given.shape != values.shape:
        raise InvalidParameterError(
            f"weights has shape {given.shape} and the graph {len(values)} edges; give one number, or one for each edge"
        )
    _check_sign(given)
    return values * given if given.ndim == 0 else given


def _check_sign(values: np.ndarray) -> None:
    if values.size and values.min() < 0:
        raise InvalidParameterError(
            f"an edge has the negative weight {values.min():g}; weights must be 0 or more (for a Laplacian L in hand, "
            "the adjacency is diag(L) - L)"
        )


def _warn_if_disconnected(adjacency: np.ndarray) -> None:
    count, member = connected_components(adjacency > 0, directed=False)
    if count > 1:
        shown = [str(np.flatnonzero(member == k).tolist()) for k in range(min(count, 8))]
        more = "" if count <= 8 else f" and {count - 8} more"
        warnings.warn(
            f"the graph is disconnected: {count} components {', '.join(shown)}{more} synchronise separately (l_2 = 0)",
            UserWarning,
            stacklevel=3,
        )
