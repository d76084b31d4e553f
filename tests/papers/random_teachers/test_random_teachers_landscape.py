"""Pruning, lines and planes against counts and closed forms."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from workingpapers.papers.random_teachers import (
    IterativePruner,
    linear_mode_connectivity,
    loss_plane,
    magnitude_mask,
)

X = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 2))


def _train(net: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 3) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(X), Y).backward()
        optimizer.step()


def test_masks_keep_the_largest_weights() -> None:
    net = _net()
    masks = magnitude_mask(net, 0.6)
    assert list(masks) == ["0.weight", "3.weight"]
    state = net.state_dict()
    kept = torch.cat([state[name][mask].abs() for name, mask in masks.items()])
    gone = torch.cat([state[name][~mask].abs() for name, mask in masks.items()])
    assert len(kept) == round(0.4 * 160)
    assert kept.min() >= gone.max()
    layers = magnitude_mask(net, 0.6, scope="layer")
    assert [int(each.sum()) for each in layers.values()] == [48, 16]
    assert "1.weight" in magnitude_mask(net, 0.1, exclude=("bias",))


def test_ties_are_cut_to_the_exact_number() -> None:
    layer = nn.Linear(10, 10)
    nn.init.ones_(layer.weight)
    assert int(magnitude_mask(layer, 0.37)["weight"].sum()) == 63


def test_rounds_remove_a_share_each_and_zeros_stay() -> None:
    net = _net()
    start = copy.deepcopy(net.state_dict())
    pruner = IterativePruner(net, start, rate=0.2)
    old = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    pruner.attach(old)
    for r in range(1, 9):
        _train(net, old)
        before = {name: mask.clone() for name, mask in pruner.masks.items()}
        sparsity = pruner.prune()
        assert abs((1 - sparsity) * 160 - 0.8**r * 160) <= 1
        for name, mask in pruner.masks.items():
            assert not bool((mask & ~before[name]).any())
            weight = net.state_dict()[name]
            assert torch.equal(weight, start[name] * mask)
        _train(net, old)
        _train(net, torch.optim.AdamW(net.parameters(), lr=0.1))
        for name, mask in pruner.masks.items():
            assert float(net.state_dict()[name][~mask].abs().max()) == 0
    pruner.remove()
    _train(net, torch.optim.SGD(net.parameters(), lr=0.1))
    assert any(float(net.state_dict()[name][~mask].abs().max()) > 0 for name, mask in pruner.masks.items())


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "NAdam", "Adadelta", "Adagrad"])
def test_pruned_weights_stay_zero_under_any_optimiser(name: str) -> None:
    net = _net()
    pruner = IterativePruner(net, net.state_dict(), rate=0.5)
    pruner.prune()
    start = copy.deepcopy(net.state_dict())
    _train(net, getattr(torch.optim, name)(net.parameters(), lr=0.1, weight_decay=1e-2))
    for key, mask in pruner.masks.items():
        assert not bool(net.state_dict()[key][~mask].any())
        assert not torch.equal(net.state_dict()[key], start[key])


def _error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output.argmax(1) != target).double().mean()


@pytest.mark.parametrize("recompute_bn", [True, False])
def test_the_barrier_to_itself_is_zero_and_it_is_symmetric(recompute_bn: bool) -> None:
    a, b = _net(), _net()
    states = copy.deepcopy(a.state_dict()), copy.deepcopy(b.state_dict())
    loss = nn.functional.cross_entropy
    assert linear_mode_connectivity(a, a, loss, (X, Y), recompute_bn=recompute_bn).height == 0
    for points in (6, 11):
        one = linear_mode_connectivity(a, b, loss, (X, Y), points=points, recompute_bn=recompute_bn)
        other = linear_mode_connectivity(b, a, loss, (X, Y), points=points, recompute_bn=recompute_bn)
        assert np.array_equal(one.values, other.values[::-1])
        assert one.height == other.height >= 0
    assert all(torch.equal(a.state_dict()[key], states[0][key]) for key in states[0])
    assert a.training


def test_a_line_of_a_linear_network_is_known() -> None:
    a, b = (nn.Linear(1, 1, bias=False).double() for _ in range(2))
    with torch.no_grad():
        a.weight.fill_(1.0)
        b.weight.fill_(3.0)
    x, y = torch.ones(4, 1, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)
    loader = iter([(x[:3], y[:3]), (x[3:], y[3:])])
    barrier = linear_mode_connectivity(a, b, lambda out, target: -(out - target).square().mean(), loader, points=5)
    np.testing.assert_allclose(barrier.values, -((1 + 2 * barrier.shares) ** 2))
    assert barrier.height == pytest.approx(-1 + 5)


def test_batch_norm_is_estimated_anew_on_the_line() -> None:
    net = _net()
    net[1].running_mean.fill_(100.0)
    seen = linear_mode_connectivity(net, net, nn.functional.cross_entropy, (X, Y), points=2).values
    fresh = copy.deepcopy(net)
    fresh[1].momentum = None
    fresh[1].reset_running_stats()
    fresh.train()(X)
    expected = nn.functional.cross_entropy(fresh.eval()(X), Y)
    assert seen[0] == pytest.approx(expected.item(), rel=1e-5)


def test_planes_pass_through_their_points() -> None:
    generator = torch.Generator().manual_seed(0)
    points = [torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(3)]

    def norm(v: torch.Tensor) -> float:
        return float(v.square().sum())

    plain = loss_plane(*points, norm, 5, margin=0.0)
    assert plain.values[0, 0] == pytest.approx(norm(points[0]))
    assert plain.values[0, -1] == pytest.approx(norm(points[1]))
    assert plain.values[-1, 0] == pytest.approx(norm(points[2]))
    square = loss_plane(*points, norm, 7, orthogonal=True)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        apart = np.linalg.norm(square.points[i] - square.points[j])
        assert apart == pytest.approx(float((points[i] - points[j]).norm()))
    # the squared norm is a paraboloid with unit curvature in orthonormal coordinates
    second = np.diff(square.values, 2, axis=1) / np.diff(square.x)[0] ** 2
    np.testing.assert_allclose(second, 2.0, rtol=1e-8)


def test_planes_of_modules_and_dicts_agree_and_change_nothing() -> None:
    nets = [nn.Linear(2, 2) for _ in range(3)]
    before = copy.deepcopy(nets[0].state_dict())
    made = loss_plane(*nets, lambda net: net(torch.ones(1, 2)).sum(), 3)
    given = loss_plane(*(net.state_dict() for net in nets), lambda s: s["weight"].sum() + s["bias"].sum(), 3)
    np.testing.assert_allclose(made.values, given.values, atol=1e-5)
    assert all(torch.equal(before[key], each) for key, each in nets[0].state_dict().items())
