"""Laplacians: spectra known in closed form, every way to give a graph, warnings."""

import math

import networkx
import numpy as np
import pytest
import torch

from workingpapers.papers.synchronization import laplacian


def _spectrum(graph: object, n: int | None = None, **options: object) -> np.ndarray:
    return torch.linalg.eigvalsh(laplacian(graph, n, **options)).numpy()


def test_ring_of_six() -> None:
    assert _spectrum("ring", 6) == pytest.approx([0, 1, 1, 3, 3, 4], abs=1e-12)


@pytest.mark.parametrize("n", [3, 7, 10])
def test_spectra_in_closed_form(n: int) -> None:
    ring = sorted(2 - 2 * math.cos(2 * math.pi * j / n) for j in range(n))
    path = sorted(2 - 2 * math.cos(math.pi * j / n) for j in range(n))
    assert _spectrum("complete", n) == pytest.approx([0] + [n] * (n - 1), abs=1e-12)
    assert _spectrum("ring", n) == pytest.approx(ring, abs=1e-12)
    assert _spectrum("star", n) == pytest.approx([0] + [1] * (n - 2) + [n], abs=1e-12)
    assert _spectrum("path", n) == pytest.approx(path, abs=1e-12)


def test_hypercube_spectrum() -> None:
    expected = sorted(2 * j for j in range(5) for _ in range(math.comb(4, j)))
    assert _spectrum("hypercube", 16) == pytest.approx(expected, abs=1e-12)


def test_random_regular_is_regular_and_repeats_with_its_generator() -> None:
    first, second, other = (
        laplacian("random-regular", 12, degree=4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first.diagonal(), torch.full((12,), 4.0, dtype=torch.float64))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("graph", ["complete", "ring", "star", "path", "hypercube", "random-regular"])
def test_rows_sum_to_zero(graph: str) -> None:
    assert laplacian(graph, 8).sum(1).abs().max() < 1e-12


def test_every_way_to_give_a_graph_agrees() -> None:
    edges = [(0, 1, 2.0), (1, 2, 0.5), (0, 3, 1.0)]
    graph = networkx.Graph()
    graph.add_nodes_from(range(4))
    graph.add_weighted_edges_from(edges)
    adjacency = networkx.to_numpy_array(graph)
    wanted = laplacian(edges)
    plain = [(i, j) for i, j, _ in edges]
    for given in (graph, adjacency, adjacency.tolist(), torch.from_numpy(adjacency).float(), np.array(adjacency)):
        assert torch.equal(laplacian(given), wanted)
    assert torch.equal(laplacian(plain, weights=[2.0, 0.5, 1.0]), wanted)
    assert torch.equal(laplacian([list(edge) for edge in plain], weights=torch.tensor([2.0, 0.5, 1.0])), wanted)
    assert torch.equal(laplacian(edges, weights=3), 3 * wanted)
    assert wanted[0].tolist() == [3, -2, 0, -1]


def test_whole_number_matrices_and_loops() -> None:
    ones = np.ones((3, 3), dtype=np.int64)
    assert torch.equal(laplacian(ones), laplacian("complete", 3))


def test_equal_cost() -> None:
    for graph in ("complete", "ring", "star"):
        assert float(laplacian(graph, 9, normalize="edges").diagonal().sum()) == pytest.approx(2)


def test_a_single_node_and_two() -> None:
    for graph in ("complete", "ring", "star", "path", "hypercube"):
        assert laplacian(graph, 1).tolist() == [[0.0]]
        assert laplacian(graph, 2).tolist() == [[1.0, -1.0], [-1.0, 1.0]]


def test_a_disconnected_graph_warns_and_names_its_components() -> None:
    with pytest.warns(UserWarning, match=r"2 components \[0, 1\], \[2, 3\]"):
        result = laplacian([(0, 1), (2, 3)])
    assert torch.linalg.eigvalsh(result)[1].abs() < 1e-12


def test_dtype_and_device_pass_through() -> None:
    assert laplacian("ring", 4, dtype=torch.float32, device="cpu").dtype == torch.float32


def test_no_dtype_for_a_laplacian() -> None:
    with pytest.raises(TypeError, match="int64"):
        laplacian("ring", 4, normalize="edges", dtype=torch.int64)
