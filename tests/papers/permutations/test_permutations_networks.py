"""One network, many trained at once, and the kernel of a finite network, against plain loops."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workingpapers.papers.permutations import PermutationNetwork, empirical_kernel, permutation_kernels
from workingpapers.papers.permutations.networks import train_networks, unit_rows

K, WIDTH = 5, 60
PLACES = torch.tensor([2, 0, 1, 4, 3])


def loop_of_modules(layers: str, used: Tensor, seed: int, steps: int, lr: float) -> Tensor:
    """Outputs of one network, trained by autograd and SGD in float64."""
    net = PermutationNetwork(K, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    net.first.requires_grad_(layers == "both")
    optimizer = torch.optim.SGD([each for each in net.parameters() if each.requires_grad], lr=lr)
    x, y = torch.eye(K, dtype=torch.float64)[used], torch.eye(K, dtype=torch.float64)[PLACES][used]
    for _ in range(steps):
        optimizer.zero_grad()
        (0.5 * (net(x) - y).square().sum()).backward()
        optimizer.step()
    return net(torch.ones(1, K, dtype=torch.float64)).detach()


@pytest.mark.parametrize("layers", ["both", "last"])
@pytest.mark.parametrize("used", [torch.arange(K), torch.tensor([0, 2, 3])], ids=["all", "some"])
def test_batched_training_is_gradient_descent(layers: str, used: Tensor) -> None:
    trained = train_networks(
        torch.eye(K)[PLACES],
        1,
        width=WIDTH,
        steps=25,
        lr=1.5,
        seed=3,
        layers=layers,
        inputs=None if len(used) == K else used,
        dtype=torch.float64,
    )
    found = trained.outputs(unit_rows(torch.ones(1, K)))[0]
    assert torch.allclose(found, loop_of_modules(layers, used, 3, 25, 1.5), atol=1e-12)


def test_float32_follows_float64() -> None:
    rows = unit_rows(torch.tensor([[1, 1, 0, 0, 0], [1, 0, 1, 1, 1]]))
    made = {
        dtype: train_networks(torch.eye(K), 2, width=WIDTH, steps=0, lr=1.0, seed=0, dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    }
    assert made[torch.float32].outputs(rows).dtype == torch.float32
    single = PermutationNetwork(K, WIDTH, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(made[torch.float32].outputs(rows)[0], single(rows.float()).detach(), atol=1e-6)


def test_the_mean_is_that_of_the_outputs() -> None:
    networks = train_networks(torch.eye(K), 7, width=WIDTH, steps=5, lr=1.0, seed=0)
    rows = unit_rows(torch.randint(0, 2, (2500, K), generator=torch.Generator().manual_seed(0)) | torch.eye(K)[0].int())
    assert torch.allclose(networks.mean_output(rows), networks.outputs(rows).double().mean(0), atol=1e-6)


def test_more_networks_do_not_change_the_first_ones() -> None:
    few, many = (train_networks(torch.eye(K), n, width=700, steps=9, lr=1.0, seed=4) for n in (3, 90))
    assert torch.equal(few.first, many.first[:3])
    assert torch.allclose(few.second, many.second[:3], atol=1e-6)


def test_network_module() -> None:
    net = PermutationNetwork(K, WIDTH, generator=torch.Generator().manual_seed(0))
    x = torch.tensor([[1.0, 1, 0, 0, 0]])
    hidden = torch.relu(net.first @ x[0] / math.sqrt(2) / math.sqrt(K))
    assert torch.allclose(net(x)[0], net.second @ hidden / math.sqrt(WIDTH), atol=1e-6)
    assert torch.allclose(net(3 * x), net(x), atol=1e-6), "inputs are normalised"
    assert torch.equal(net(0 * x), 0 * x)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x), net(x))
    assert PermutationNetwork(K, WIDTH, dtype=torch.bfloat16)(x.bfloat16()).dtype == torch.bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = net(x)
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), net(x), atol=0.05)
    assert PermutationNetwork(K, WIDTH, device="meta").first.is_meta


def test_empirical_kernel_is_the_sum_over_gradients() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 3)).double()
    x1, x2 = torch.randn(3, 4, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)

    def gradients(x: Tensor) -> Tensor:
        rows = [torch.autograd.grad(net(each)[i], list(net.parameters())) for each in x for i in range(3)]
        return torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).reshape(len(x), 3, -1)

    full = torch.einsum("aip,bjp->abij", gradients(x1), gradients(x2))
    assert torch.allclose(empirical_kernel(net, x1, x2, outputs="full"), full, atol=1e-12)
    assert torch.allclose(empirical_kernel(net, x1, x2), full.diagonal(dim1=2, dim2=3).mean(-1), atol=1e-12)
    assert torch.allclose(empirical_kernel(net, x1), empirical_kernel(net, x1, x1), atol=1e-12)
    assert all(p.requires_grad and p.grad is None for p in net.parameters())


def test_empirical_kernel_nears_the_limit() -> None:
    rows = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    x = unit_rows(torch.from_numpy(rows)).float()
    distances = []
    for width in (50, 5000):
        net = PermutationNetwork(4, width, generator=torch.Generator().manual_seed(1))
        distances.append(
            float((empirical_kernel(net, x) - torch.from_numpy(permutation_kernels(rows).ntk)).abs().max())
        )
    # standard errors fall with the root of the width; each is at most about 2/k/sqrt(width k) here
    assert distances[1] < 4 * 0.5 / math.sqrt(5000 * 4)
    assert distances[1] < distances[0]


def test_kernel_keeps_the_modules_mode() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.0)).train()
    empirical_kernel(net, torch.eye(4))
    assert net.training
    assert net[1].training


def test_divergence_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"diverged with lr = 1e\+30 at width 60.*smaller lr"):
        train_networks(torch.eye(K), 2, width=WIDTH, steps=9, lr=1e30, seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_cuda_device() -> None:
    found = train_networks(torch.eye(K), 3, width=WIDTH, steps=9, lr=1.0, seed=0, device="cuda")
    here = train_networks(torch.eye(K), 3, width=WIDTH, steps=9, lr=1.0, seed=0)
    rows = unit_rows(torch.ones(1, K))
    assert torch.allclose(found.mean_output(rows), here.mean_output(rows), atol=1e-4)
