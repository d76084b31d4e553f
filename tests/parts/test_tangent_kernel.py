"""The tangent kernel against one backward pass for each output, in every method, on models of several kinds."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workingpapers.parts import tangent_kernel as module_under_test
from workingpapers.parts.tangent_kernel import select_parameters, tangent_kernel


def by_the_book(module: nn.Module, inputs: Any, names: list[str] | None = None) -> Tensor:
    """One backward pass for each output."""
    found = dict(module.named_parameters())
    parameters = [found[name] for name in names] if names else list(found.values())
    out = module(inputs).flatten()
    rows = [
        torch.cat(
            [
                torch.zeros(p.numel(), dtype=out.dtype) if g is None else g.flatten()
                for g, p in zip(
                    torch.autograd.grad(o, parameters, retain_graph=True, allow_unused=True), parameters, strict=True
                )
            ]
        )
        for o in out
    ]
    return torch.stack(rows) @ torch.stack(rows).T


class Recurrent(nn.Module):
    """One Linear called at each step: its calls share weights."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(6, 6)
        self.read = nn.Linear(6, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.shape[0], 6, dtype=x.dtype)
        outputs = []
        for t in range(x.shape[1]):
            h = torch.tanh(self.step(h) + x[:, t])
            outputs.append(self.read(h))
        return torch.stack(outputs, 1)


class Mixing(nn.Module):
    """Samples see each other."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x).tanh()
        return out - out.mean(0)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.embed(x)).mean(1))


CASES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(inplace=True), nn.Linear(7, 3)), (5, 4)),
    "convolution": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 2)), (4, 2, 6)),
    "recurrent": (Recurrent, (3, 4, 6)),
    "tokens": (Tokens, (3, 4, 5)),
    "mixing": (Mixing, (4, 4)),
}


@pytest.mark.parametrize("method", ["auto", "jacobian", "jvp"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("memory", [256.0, 0.02])
def test_every_method_gives_the_kernel_of_one_backward_pass_for_each_output(
    case: str, method: str, memory: float
) -> None:
    torch.manual_seed(0)
    make, shape = CASES[case]
    module, x = make().double(), torch.randn(*shape, dtype=torch.float64)
    kernel = tangent_kernel(module, x, method=method, max_memory_mb=memory)
    assert torch.allclose(kernel, by_the_book(module, x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("memory", [256.0, 0.01])
def test_layerwise_takes_linear_weights_with_many_and_few_positions(memory: float) -> None:
    torch.manual_seed(1)
    few, many = nn.Linear(9, 2).double(), nn.Linear(3, 2).double()
    assert torch.allclose(
        tangent_kernel(few, x := torch.randn(6, 2, 9).double(), method="layerwise", max_memory_mb=memory),
        by_the_book(few, x),
    )
    assert torch.allclose(
        tangent_kernel(many, x := torch.randn(3, 5, 3).double(), method="layerwise", max_memory_mb=memory),
        by_the_book(many, x),
    )


def test_layerwise_says_where_samples_see_each_other() -> None:
    with pytest.raises(ValueError, match=r"exact row.*jacobian"):
        tangent_kernel(Mixing(), torch.randn(4, 4), method="layerwise")


def test_a_sequence_first_model_is_not_taken_for_a_batch() -> None:
    torch.manual_seed(2)

    class SequenceFirst(Recurrent):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.transpose(0, 1)).transpose(0, 1)

    module, x = SequenceFirst().double(), torch.randn(3, 3, 6).double()
    assert torch.allclose(tangent_kernel(module, x), by_the_book(module, x))


def test_parameters_are_chosen_by_expression_list_and_function() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).double()
    x = torch.randn(4, 2).double()
    expected = by_the_book(net, x, ["1.weight"])
    for params in (r"1\.weight", ["1.weight"], lambda name, p: name == "1.weight"):
        assert torch.allclose(tangent_kernel(net, x, params), expected)
    net[0].requires_grad_(False)
    assert set(select_parameters(net)) == {"1.weight", "1.bias"}
    frozen = tangent_kernel(net, x, ["0.weight"])
    assert frozen.diagonal().min() > 0
    assert not net[0].weight.requires_grad


def test_tied_weights_are_counted_once() -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, 4, bias=False)).double()
    net[2].weight = net[0].weight
    x = torch.randn(3, 4).double()
    assert torch.allclose(tangent_kernel(net, x), by_the_book(net, x))


def test_inputs_by_keyword_and_outputs_by_function() -> None:
    net = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    assert tangent_kernel(net, {"input": x}, output_fn=lambda out: out[:, :1]).shape == (4, 4)
    assert tangent_kernel(net, (x,)).shape == (8, 8)


def test_gradients_and_modes_are_left_alone() -> None:
    net = nn.Linear(3, 2)
    tangent_kernel(net, torch.randn(4, 3))
    assert net.weight.grad is None
    assert not net._forward_hooks
    with torch.no_grad():
        tangent_kernel(net, torch.randn(4, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net, x: tangent_kernel(net, x, method="loop"), ValueError, "'loop'.*auto"),
        (lambda net, x: tangent_kernel(net, x, "conv"), ValueError, "'conv' selects nothing.*weight, bias"),
        (lambda net, x: tangent_kernel(net, x, ["w"]), ValueError, "'w'.*weight"),
        (lambda net, x: tangent_kernel(net, x, max_memory_mb=1e-5), ValueError, "8 outputs.*fewer"),
        (lambda net, x: tangent_kernel(net, x, output_fn=lambda out: None), TypeError, "NoneType.*output_fn"),
    ],
)
def test_bad_inputs_say_what_to_do(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(nn.Linear(3, 2), torch.randn(4, 3))


def test_methods_are_listed() -> None:
    assert module_under_test.METHODS == ("auto", "layerwise", "jacobian", "jvp")
