"""The regulariser on models: the official form, hooks, exactness without weights, copies, rivals, suggestions."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.papers.bido import (
    BiDO,
    BiDOLoss,
    UnilateralPenalty,
    VIBHead,
    coco,
    hsic,
    stage_names,
    suggest_lambdas,
)
from workingpapers.parts.dependence import ConstantInputWarning


def _net(seed: int = 0, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Linear(6, 8), nn.ReLU(inplace), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(inplace), nn.Linear(8, 3)]
    return nn.Sequential(*layers)


def _batch(rows: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, 6, generator=generator), torch.randint(3, (rows,), generator=generator)


@pytest.mark.parametrize("measure", ["hsic", "coco"])
def test_the_term_is_the_sum_over_layers(measure: str) -> None:
    net, (x, y) = _net().double(), _batch()
    x = x.double()
    bido = BiDO(measure, ["1", "4"], lambda_x=0.3, lambda_y=0.7).attach(net)
    net(x)
    term = bido.loss(x, y)
    bido.detach()
    labels = functional.one_hot(y, 3).double()
    layers = {"1": net[:2](x), "4": net[:5](x)}
    function = hsic if measure == "hsic" else coco
    expected = {k: (function(x, z), function(z, labels, kernel_y="linear")) for k, z in layers.items()}
    total = sum(0.3 * a - 0.7 * b for a, b in expected.values())
    torch.testing.assert_close(term, total, rtol=1e-8, atol=1e-12)
    for name, pair in bido.log().items():
        assert pair == pytest.approx([float(each.detach()) for each in expected[name]], rel=1e-8)
    gradients = [torch.autograd.grad(each, net[0].weight, retain_graph=True)[0] for each in (term, total)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-10)


def test_the_official_form_with_two_inverses() -> None:
    """One side centred, two explicit inverses a layer and term, in float64."""
    net, (x, y) = _net().double(), _batch()
    x, rows = x.double(), len(x)
    eye = torch.eye(rows, dtype=torch.float64)

    def operator(kernel: Tensor) -> Tensor:
        centred = kernel @ (eye - 1 / rows)
        return centred @ torch.inverse(centred + 1e-5 * rows * eye)

    def gaussian(z: Tensor) -> Tensor:
        return torch.exp(-(torch.cdist(z, z) ** 2) / (2 * 25 * z.shape[1]))

    bido = BiDO(layers=["1"], lambda_x=0.05, lambda_y=0.5).attach(net)
    net(x)
    labels = functional.one_hot(y, 3).double()
    kx, kz, ky = operator(gaussian(x)), operator(gaussian(net[:2](x))), operator(labels @ labels.T)
    expected = 0.05 * (kx * kz.T).sum() - 0.5 * (kz * ky.T).sum()
    net(x)
    assert bido.loss(x, y).item() == pytest.approx(expected.item(), rel=1e-6)


def test_without_weights_training_is_bit_for_bit_the_same() -> None:
    (x, y), nets = _batch(), [_net(), _net()]
    bido = BiDO(lambda_x=0, lambda_y=0).attach(nets[1])
    for net in nets:
        optimizer = torch.optim.Adam(net.parameters())
        for _ in range(5):
            loss = functional.cross_entropy(net(x), y)
            if net is nets[1]:
                loss = loss + bido.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(*(net.state_dict().values() for net in nets), strict=True))
    assert set(bido.log()) == {"1", "4"}


def test_training_moves_both_dependences_as_asked() -> None:
    x, y = _batch(64)

    def trained(lambda_x: float, lambda_y: float) -> dict[str, tuple[float, float]]:
        net = _net()
        bido = BiDO(layers=["4"], lambda_x=lambda_x, lambda_y=lambda_y).attach(net)
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(30):
            loss = functional.cross_entropy(net(x), y) + bido.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return bido.log()

    plain, inputs, labels = trained(0, 0)["4"], trained(2, 0)["4"], trained(0, 5)["4"]
    assert inputs[0] < 0.8 * plain[0]
    assert labels[1] > plain[1]


def test_hooks_and_calls() -> None:
    net, (x, y) = _net(), _batch()
    before = {name: len(module._forward_hooks) for name, module in net.named_modules()}
    with BiDO(layers=["1"], every=2).attach(net) as bido:
        terms = []
        for _ in range(4):
            net(x)
            terms.append(bido.loss(x, y).item())
        assert [each != 0 for each in terms] == [True, False, True, False]
        with pytest.raises(RuntimeError, match="has not run"):
            bido.loss(x, y)
        bido.attach(net)  # again: the former hooks go
        assert sum(len(module._forward_hooks) for module in net.modules()) == 2
    assert {name: len(module._forward_hooks) for name, module in net.named_modules()} == before


def test_layers_that_write_in_place_do_not_reach_what_is_measured() -> None:
    x, y = _batch()
    found = []
    for inplace in (False, True):
        net = _net(inplace=inplace)
        bido = BiDO(layers=["0", "3"]).attach(net)
        net(x)
        found.append(bido.loss(x, y))
        found[-1].backward()
    assert torch.equal(found[0].detach(), found[1].detach())


def test_a_model_with_hooks_can_be_copied_and_saved() -> None:
    net, (x, y) = _net(), _batch()
    bido = BiDO().attach(net)
    net(x)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    assert torch.equal(twin.eval()(x), net.eval()(x))
    assert bido.loss(x, y).isfinite()
    objective = copy.deepcopy(BiDOLoss(_net()))
    assert objective(x, y).loss.isfinite()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_types(dtype: torch.dtype) -> None:
    net, (x, y) = _net().to(dtype), _batch()
    output = BiDOLoss(net, measure="coco")(x.to(dtype), y)
    output.loss.backward()
    assert output.logits.dtype == dtype
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    net, (x, y) = _net(), _batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        BiDOLoss(net)(x, y).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_one_class_alone_warns_and_gives_no_gradient_of_labels() -> None:
    net, (x, y) = _net(), _batch()
    bido = BiDO(layers=["1"], lambda_x=0.0, lambda_y=1.0).attach(net)
    net(x)
    with pytest.warns(ConstantInputWarning, match="the labels"):
        term = bido.loss(x, torch.zeros_like(y))
    assert term == 0


def test_a_measure_of_ones_own_and_tokens() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.head = nn.Linear(3, 5), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.block(x).mean(1))

    x, y = torch.randn(12, 4, 3), torch.arange(12) % 3
    seen = []

    def measure(a: Tensor, b: Tensor) -> Tensor:
        seen.append((a.shape, b.shape))
        return (a.mean() - b.mean()) ** 2

    for chosen in ("hsic", measure):
        net = Tokens()
        bido = BiDO(chosen, ["block"]).attach(net)
        net(x)
        bido.loss(x, y).backward()
        assert net.block.weight.grad is not None
    assert seen == [((12, 12), (12, 20)), ((12, 20), (12, 3))]


def test_data_parallel_is_said_to_be_per_device() -> None:
    net, (x, y) = nn.DataParallel(_net()), _batch()
    with pytest.warns(UserWarning, match="per device"):
        bido = BiDO(layers=["1"]).attach(net)
    if not torch.cuda.is_available():
        net(x)
        assert bido.loss(x, y).isfinite()


def test_stages() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            conv = [nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.ReLU()]
            self.features = nn.Sequential(*conv)
            self.classifier = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))

    class Blocks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm = nn.Conv2d(1, 2, 3), nn.LayerNorm(2)
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(3))
            self.head = nn.Linear(2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return x

    assert stage_names(_net()) == ["1", "4"]
    assert stage_names(Net()) == ["features.3", "features.5"]
    assert stage_names(Blocks()) == ["blocks.0", "blocks.1", "blocks.2"]


def test_rivals() -> None:
    x, y = _batch()
    torch.manual_seed(0)
    head = VIBHead(6, 3, bottleneck=2, beta=0.5)
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))
    mean, s = head.encoder(x).chunk(2, 1)
    normal = torch.distributions.Normal(mean, functional.softplus(s - 5))
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(head.kl, expected)
    torch.testing.assert_close(head.loss(head(x), y), functional.cross_entropy(head(x), y) + 0.5 * expected)
    copy.deepcopy(head)
    logits = _net()(x)
    torch.testing.assert_close(UnilateralPenalty("coco", 5.0)(x, logits), 5 * coco(x, logits))
    assert UnilateralPenalty(lambda_x=0)(x, logits) == 0


def test_suggested_weights_give_the_asked_share_of_the_gradient() -> None:
    net, (x, y) = _net(), _batch(32)
    state = copy.deepcopy(net.state_dict())
    weights = suggest_lambdas(net, [(x, y)], fraction=0.25)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), state.values(), strict=True))
    assert net.training

    def norm(loss: Tensor) -> float:
        found = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
        return float(sum(each.pow(2).sum() for each in found if each is not None) ** 0.5)

    plain = norm(functional.cross_entropy(net(x), y))
    for pair in ((weights.lambda_x, 0.0), (0.0, weights.lambda_y)):
        with BiDO("hsic", "auto", *pair).attach(net) as bido:
            net(x)
            assert norm(bido.loss(x, y)) == pytest.approx(0.25 * plain, rel=1e-3)


def test_suggestions_measure_what_is_trained() -> None:
    net, (x, y) = _net(), _batch(32)
    for parameter in net[0].parameters():
        parameter.requires_grad_(False)
    weights = suggest_lambdas(net, [(x, y)], layers=["4"], fraction=0.25)
    trained = [each for each in net.parameters() if each.requires_grad]

    def norm(loss: Tensor) -> float:
        found = torch.autograd.grad(loss, trained, allow_unused=True)
        return float(sum(each.pow(2).sum() for each in found if each is not None) ** 0.5)

    with BiDO("hsic", ["4"], weights.lambda_x, 0.0).attach(net) as bido:
        plain = norm(functional.cross_entropy(net(x), y))
        net(x)
        assert norm(bido.loss(x, y)) == pytest.approx(0.25 * plain, rel=1e-3)
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        suggest_lambdas(net.requires_grad_(False), [(x, y)])
