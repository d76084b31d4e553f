"""Replicas of modules: against a loop over ordinary modules; coupling, centroid, optimizers, state."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from workingpapers.papers.synchronization import SynchronizedOptimizer, SynchronizedReplicas, laplacian


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.second(self.first(x))}


class Branching(nn.Module):
    """Asks for the value of a tensor, which vmap cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y if y.sum().item() > 0 else -y


@pytest.mark.parametrize("method", ["vmap", "loop"])
def test_outputs_and_gradients_are_those_of_ordinary_modules(method: str) -> None:
    replicas = SynchronizedReplicas(_net(), 3, "path", init="independent", method=method)
    alone, x = [replicas.replica(i) for i in range(3)], torch.randn(5, 4)
    out = replicas(x)
    torch.testing.assert_close(out, torch.stack([net(x) for net in alone]))
    out.square().sum().backward()
    for i, net in enumerate(alone):
        net(x).square().sum().backward()
        for ours, theirs in zip(replicas.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(ours.grad[i], theirs.grad)
    assert replicas.spread() > 0


def test_inputs_for_each_replica() -> None:
    replicas, x = SynchronizedReplicas(_net(), 3, init="independent"), torch.randn(3, 5, 4)
    each = torch.stack([replicas.replica(i)(x[i]) for i in range(3)])
    torch.testing.assert_close(replicas.forward_each(x), each)
    with pytest.raises(ValueError, match=r"\(5, 4\) for 3"):
        replicas.forward_each(x[0])


@pytest.mark.parametrize("graph", ["complete", "ring", "star"])
def test_coupling_is_the_laplacian_and_keeps_the_sum(graph: str) -> None:
    replicas = SynchronizedReplicas(_net().double(), 5, graph, 0.7, init="independent")
    before = {name: p.detach().clone() for name, p in replicas.named_parameters()}
    replicas.couple_(0.2)
    for name, after in replicas.named_parameters():
        pulled = 0.2 * 0.7 * torch.einsum("ij,j...->i...", laplacian(graph, 5), before[name])
        torch.testing.assert_close(after.detach(), before[name] - pulled, rtol=0, atol=1e-14)
        torch.testing.assert_close(after.sum(0), before[name].sum(0), rtol=0, atol=1e-12)


def test_coupling_equal_replicas_changes_no_bit() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        replicas = SynchronizedReplicas(nn.Linear(300, 700).to(dtype), 7, "star", 0.3)
        before = [p.detach().clone() for p in replicas.parameters()]
        replicas.couple_(0.1)
        assert all(torch.equal(a, b) for a, b in zip(before, replicas.parameters(), strict=True))


def test_blocks_do_not_show() -> None:
    """More columns than one block holds, the last block shorter; a conv's layout as well."""
    net = nn.ModuleDict({"wide": nn.Linear(301, 299), "conv": nn.Conv2d(40, 45, 5)})
    replicas = SynchronizedReplicas(net, 5, "star", 0.6, init="independent")
    before = [p.detach().double() for p in replicas.parameters()]
    replicas.couple_(0.2)
    for old, new in zip(before, replicas.parameters(), strict=True):
        wanted = old - 0.12 * torch.einsum("ij,j...->i...", laplacian("star", 5), old)
        torch.testing.assert_close(new.detach().double(), wanted, rtol=0, atol=1e-6)
    with pytest.raises(TypeError, match="reset_parameters"):
        SynchronizedReplicas(nn.Linear(2, 2), 2, init="independent", reset_parameters=3)


def test_layouts_complex_and_half_parameters_are_coupled() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.complex = nn.Parameter(torch.randn(3, dtype=torch.complex64))
            self.scalar = nn.Parameter(torch.randn(()))
            self.coarse = nn.Parameter(torch.randn(4).bfloat16())
            self.strided = nn.Parameter(torch.randn(4, 5))

    replicas = SynchronizedReplicas(Odd(), 4, reset_parameters=lambda m: Odd(), init="independent")
    replicas.replicas.strided.data = replicas.replicas.strided.data.transpose(1, 2).contiguous().transpose(1, 2)
    for _ in range(60):
        replicas.couple_(0.2)
    for name, p in replicas.named_parameters():
        apart = (p - p[:1]).detach().abs().max()
        assert float(apart) < (0.02 if p.dtype == torch.bfloat16 else 1e-5), name


def test_the_centroid_of_identical_replicas_is_the_module() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(108, 2)).eval()
    net(torch.randn(2, 1, 8, 8))
    middle = SynchronizedReplicas(net, 7).centroid()
    assert type(middle) is nn.Sequential
    assert not middle.training
    for (name, ours), theirs in zip(middle.state_dict().items(), net.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert all(p.requires_grad and p.is_leaf for p in middle.parameters())


def test_batch_statistics_are_each_replicas_own_and_averaged() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    replicas = SynchronizedReplicas(net, 3, init="independent")
    replicas(torch.randn(32, 4))
    statistics = replicas.replicas[1].running_mean
    assert statistics.shape == (3, 3)
    assert not torch.equal(statistics[0], statistics[1])
    torch.testing.assert_close(replicas.centroid()[1].running_mean, statistics.mean(0))
    assert replicas.centroid()[1].num_batches_tracked == 1
    assert net[1].num_batches_tracked == 0
    replicas.eval()
    before = statistics.clone()
    replicas(torch.randn(32, 4))
    assert torch.equal(before, replicas.replicas[1].running_mean)


def test_what_cannot_be_vectorized_runs_one_after_the_other() -> None:
    replicas, x = SynchronizedReplicas(Branching(), 3, init="independent"), torch.randn(5, 4)
    torch.testing.assert_close(replicas(x), torch.stack([replicas.replica(i)(x) for i in range(3)]))
    with pytest.raises(RuntimeError, match="item"):
        SynchronizedReplicas(Branching(), 3, method="vmap")(x)


def test_ties_stay_ties() -> None:
    replicas, x = SynchronizedReplicas(Tied(), 3, init="independent"), torch.randn(5, 4)
    assert len(list(replicas.parameters())) == 3
    middle = replicas.centroid()
    assert middle.first.weight is middle.second.weight
    torch.testing.assert_close(replicas(x)["out"][1], replicas.replica(1)(x)["out"])


def test_dropout_is_drawn_for_each_replica() -> None:
    out = SynchronizedReplicas(nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5)), 2)(torch.ones(1, 4))
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_whole_and_independent(copied: Callable) -> None:
    replicas, x = SynchronizedReplicas(_net(), 3, "ring", 0.5, init="independent"), torch.randn(2, 4)
    replicas(x)
    twin = copied(replicas)
    assert torch.equal(twin(x), replicas(x))
    twin.couple_(0.1)
    assert twin.spread() < replicas.spread()


def _batches(n: int) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 16, 4), torch.randn(n, 16, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
        lambda p: torch.optim.AdamW(p, 0.01),
        lambda p: torch.optim.RMSprop(p, torch.tensor(0.01)),
        lambda p: torch.optim.Adagrad(p, 0.05),
    ],
)
def test_any_optimizer_steps_as_it_would_and_then_couples(make: Callable) -> None:
    replicas = SynchronizedReplicas(_net().double(), 3, "path", 2.0, init="independent")
    alone = [replicas.replica(i) for i in range(3)]
    optimizer = SynchronizedOptimizer(make(replicas.parameters()), replicas)
    others = [make(net.parameters()) for net in alone]
    eta = float(optimizer.param_groups[0]["lr"])
    for _ in range(3):
        x, y = (each.double() for each in _batches(3))
        optimizer.zero_grad()
        (replicas.forward_each(x) - y).square().mean((1, 2)).sum().backward()
        optimizer.step()
        for i, (net, other) in enumerate(zip(alone, others, strict=True)):
            other.zero_grad()
            (net(x[i]) - y[i]).square().mean().backward()
            other.step()
        with torch.no_grad():
            for several in zip(*(net.parameters() for net in alone), strict=True):
                stacked = torch.stack(list(several))
                stacked -= eta * 2.0 * torch.einsum("ij,j...->i...", laplacian("path", 3), stacked)
                for parameter, value in zip(several, stacked, strict=True):
                    parameter.copy_(value)
    for name, ours in replicas.replicas.named_parameters():
        torch.testing.assert_close(ours.detach(), torch.stack([net.get_parameter(name).detach() for net in alone]))


def test_closures_schedulers_groups_and_state() -> None:
    replicas = SynchronizedReplicas(_net(), 3, "ring", 0.5, init="independent")
    weights = [p for p in replicas.parameters() if p.ndim == 3]
    biases = [p for p in replicas.parameters() if p.ndim == 2]
    inner = torch.optim.SGD([{"params": weights, "lr": 0.1}, {"params": biases[:1], "lr": 0.0}], lr=0.1)
    optimizer = SynchronizedOptimizer(inner, replicas)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    still = [p.detach().clone() for p in biases]

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = replicas(torch.randn(4, 4)).square().sum()
        loss.backward()
        return loss

    assert isinstance(optimizer.step(closure), Tensor)
    scheduler.step()
    assert inner.param_groups[0]["lr"] == 0.05
    assert all(torch.equal(a, b) for a, b in zip(still, biases, strict=True))  # lr 0, and not in the optimizer
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    both = copy.deepcopy({"replicas": replicas, "optimizer": optimizer})
    assert both["optimizer"].replicas is both["replicas"]


def test_too_large_a_learning_rate_leaves_everything_as_it_was() -> None:
    replicas = SynchronizedReplicas(_net(), 4, "complete", 1.0, init="independent")
    optimizer = SynchronizedOptimizer(torch.optim.SGD(replicas.parameters(), lr=0.1), replicas)
    replicas(torch.randn(4, 4)).sum().backward()
    before = [p.detach().clone() for p in replicas.parameters()]
    optimizer.param_groups[0]["lr"] = 0.25
    with pytest.raises(ValueError, match=r"below 0\.25"):
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, replicas.parameters(), strict=True))


def test_coupling_holds_replicas_together_that_see_other_data() -> None:
    spreads = {}
    for coupling in (0.0, 1.0, 5.0):
        torch.manual_seed(1)
        replicas = SynchronizedReplicas(_net(), 4, "complete", coupling)
        optimizer = SynchronizedOptimizer(torch.optim.SGD(replicas.parameters(), lr=0.04), replicas)
        for _ in range(60):
            x, y = _batches(4)
            optimizer.zero_grad()
            (replicas.forward_each(x) - y).square().mean((1, 2)).sum().backward()
            optimizer.step()
        spreads[coupling] = replicas.spread()
    assert spreads[5.0] < 0.5 * spreads[1.0] < 0.5 * spreads[0.0]


def test_a_module_that_nobody_draws_asks_for_help() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))

    with pytest.raises(ValueError, match=r"Own.*reset_parameters=") as raised:
        SynchronizedReplicas(Own(), 2, init="independent")
    assert "new module" in str(raised.value)
    made = SynchronizedReplicas(Own(), 2, init="independent", reset_parameters=lambda m: nn.init.normal_(m.weight))
    assert made.spread() > 0


def test_autocast() -> None:
    replicas = SynchronizedReplicas(_net(), 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert replicas(torch.randn(3, 4)).dtype == torch.bfloat16


def test_timm_models() -> None:
    from workingpapers.parts.torchvision_compat import allow_torchvision_import

    allow_torchvision_import()
    timm = pytest.importorskip("timm", reason="timm is not installed; it comes with the extra `vision`")
    net = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=16, embed_dim=24, depth=1, num_heads=2, num_classes=5
    )
    replicas = SynchronizedReplicas(net, 2, coupling=0.5)
    optimizer = SynchronizedOptimizer(torch.optim.AdamW(replicas.parameters(), lr=1e-3), replicas)
    x = torch.randn(2, 3, 3, 32, 32)
    torch.testing.assert_close(replicas.forward_each(x)[1], net(x[1]), atol=1e-5, rtol=1e-4)
    replicas.forward_each(x).square().sum().backward()
    optimizer.step()
    assert replicas.spread() > 0
    assert type(replicas.centroid()) is type(net)


def test_transformers_models() -> None:
    from workingpapers.parts.torchvision_compat import allow_torchvision_import

    allow_torchvision_import()
    reason = "transformers is not installed; it comes with the extra `lm`"
    transformers = pytest.importorskip("transformers", reason=reason)
    config = transformers.GPT2Config(
        n_layer=1, n_embd=16, n_head=2, vocab_size=20, n_positions=8, bos_token_id=0, eos_token_id=0
    )
    net = transformers.GPT2LMHeadModel(config).eval()
    replicas = SynchronizedReplicas(net, 2, init="independent", reset_parameters=lambda m: type(m)(config).eval())
    ids = torch.randint(20, (3, 6))
    out = replicas(input_ids=ids, use_cache=False)
    torch.testing.assert_close(out.logits[1], replicas.replica(1)(input_ids=ids).logits, atol=1e-5, rtol=1e-4)
    before = replicas.spread()
    replicas.couple_(0.2)
    assert replicas.spread() < before
    middle = replicas.centroid()
    assert middle.lm_head.weight is middle.transformer.wte.weight
