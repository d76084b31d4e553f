"""Effective rank, truncation and structured matrices against what must be so."""

from typing import Any

import networkx
import numpy as np
import pytest
import torch
from torch import nn

from workingpapers.papers.rich_lazy import effective_rank, structured_connectivity, truncate_rank_


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", ["participation", "entropy", "stable"])
def test_the_identity_uses_all_dimensions_and_rank_one_uses_one(kind: str) -> None:
    assert effective_rank(torch.eye(7), kind=kind) == pytest.approx(7)
    outer = np.outer([1.0, 2.0, 3.0], [4.0, 5.0])
    assert effective_rank(outer, kind=kind) == pytest.approx(1)
    assert effective_rank(1e-30 * np.eye(4), kind=kind) == pytest.approx(4)


def test_participation_is_the_ratio_of_moments() -> None:
    s = np.array([3.0, 2.0, 1.0])
    assert effective_rank(np.diag(s)) == pytest.approx((s**2).sum() ** 2 / (s**4).sum())
    p = s / s.sum()
    assert effective_rank(np.diag(s), kind="entropy") == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert effective_rank(np.diag(s), kind="stable") == pytest.approx((s**2).sum() / 9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(20, 20), (30, 12)])
@pytest.mark.parametrize("rank", [1, 5, 12])
def test_truncation_gives_exactly_that_rank_and_keeps_the_norm(
    dtype: torch.dtype, shape: tuple[int, int], rank: int
) -> None:
    for preserve, order in (("frobenius", "fro"), ("spectral", 2)):
        w = torch.randn(*shape, generator=_generator(), dtype=dtype)
        before = torch.linalg.matrix_norm(w, order)
        made = truncate_rank_(w, rank, preserve=preserve)
        assert made is w
        s = torch.linalg.svdvals(w)
        assert int((s > 1e-5 * s[0]).sum()) == rank
        assert float(torch.linalg.matrix_norm(w, order) / before) == pytest.approx(1, abs=1e-6)


def test_truncation_at_full_rank_is_the_identity() -> None:
    w = torch.randn(8, 6, generator=_generator())
    assert torch.equal(truncate_rank_(w.clone(), 6), w)


def test_truncation_without_a_norm_is_the_best_approximation() -> None:
    w = torch.randn(9, 9, generator=_generator(), dtype=torch.float64)
    s = torch.linalg.svdvals(w)
    cut = truncate_rank_(w.clone(), 4, preserve=None)
    assert float((w - cut).norm()) == pytest.approx(float(s[4:].norm()))


def test_a_parameter_is_written_in_place_and_keeps_its_type() -> None:
    layer = nn.Linear(10, 10, dtype=torch.bfloat16)
    weight = layer.weight
    truncate_rank_(layer.weight, 2)
    assert layer.weight is weight
    assert weight.dtype == torch.bfloat16
    assert weight.requires_grad


@pytest.mark.parametrize(
    "kind",
    [
        "gaussian",
        "low-rank",
        "low-rank-gaussian",
        "soft-rank",
        "dale",
        "dale-balanced",
        "block",
        "chain",
        "sparse",
        "heavy-tailed",
    ],
)
def test_every_kind_has_the_norm_and_repeats(kind: str) -> None:
    w = structured_connectivity(60, kind, gain=1.5, generator=_generator(1))
    assert w.dtype == torch.float32
    assert float(w.norm()) == pytest.approx(1.5 * 60**0.5, rel=1e-5)
    assert torch.equal(w, structured_connectivity(60, kind, gain=1.5, generator=_generator(1)))
    spectral = structured_connectivity(60, kind, gain=1.5, generator=_generator(1), preserve="spectral")
    assert float(torch.linalg.matrix_norm(spectral, 2)) == pytest.approx(3.0, rel=1e-5)


def test_kinds_are_what_their_names_say() -> None:
    n = 200
    dale = structured_connectivity(n, "dale", excitatory=0.8, generator=_generator())
    columns = dale.sign().sum(0).abs()
    assert (columns == n).all()
    assert float((dale.sign()[0] > 0).float().mean()) == pytest.approx(0.8, abs=0.1)
    balanced = structured_connectivity(n, "dale-balanced", generator=_generator())
    assert abs(float(balanced.sum(1).mean())) < 0.3 * abs(float(dale.sum(1).mean()))
    sparse = structured_connectivity(n, "sparse", density=0.1, generator=_generator())
    assert float((sparse != 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    for kind in ("low-rank", "low-rank-gaussian"):
        low = structured_connectivity(n, kind, rank=3, generator=_generator(), dtype=torch.float64)
        assert int(torch.linalg.matrix_rank(low, rtol=1e-8)) == 3
    soft = torch.linalg.svdvals(structured_connectivity(n, "soft-rank", decay=5.0, generator=_generator()))
    assert float(soft[5] / soft[0]) == pytest.approx(np.exp(-1), rel=1e-3)
    block = structured_connectivity(n, "block", blocks=4, within=1.0, between=0.0, generator=_generator())
    assert (block[:50, 50:] == 0).all()
    assert (block[:50, :50] != 0).all()
    mask = (structured_connectivity(n, "chain", density=0.05, generator=_generator()) != 0).double()
    chance = float(mask.mean()) ** 2 * n
    assert float((mask @ mask).mean()) > 1.5 * chance


def test_signs_of_sending_units() -> None:
    wiring = np.abs(np.random.default_rng(0).normal(size=(30, 30)))
    w = structured_connectivity(30, wiring, signs="dale", generator=_generator())
    assert (w.sign().sum(0).abs() == 30).all()
    assert not (w > 0).all()
    assert np.allclose(w.abs() / w.norm(), wiring / np.linalg.norm(wiring), atol=1e-6)


def test_an_edge_of_a_graph_goes_to_the_receiving_row() -> None:
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(3))
    graph.add_edge(0, 2, weight=5.0)
    w = structured_connectivity(3, graph)
    assert w[2, 0] > 0
    assert int((w != 0).sum()) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: structured_connectivity(5, "ring"), ValueError, "'ring'.*gaussian"),
        (lambda: structured_connectivity(5, "sparse", rank=2), ValueError, "no option 'rank'.*density"),
        (lambda: structured_connectivity(5, np.eye(4)), ValueError, r"\(4, 4\) and n is 5"),
        (lambda: structured_connectivity(5, np.zeros((5, 5))), ValueError, "zero"),
        (lambda: structured_connectivity(5, object()), TypeError, "networkx"),
        (lambda: structured_connectivity(5, "block", within=2.0), ValueError, "within is 2.0"),
        (lambda: truncate_rank_(torch.ones(3), 1), Exception, "shape|matrix|type"),
    ],
)
def test_bad_inputs(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
