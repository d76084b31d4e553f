"""The network and its tangent kernel against plain formulas and one backward pass for each output."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workingpapers.papers.rich_lazy import CTRNN, TwoAlternative, tangent_kernel


def _loop(network: CTRNN, x: Tensor, names: list[str]) -> Tensor:
    out = network(x)[0].flatten()
    parameters = [network.get_parameter(name) for name in names]
    rows = []
    for each in out:
        grads = torch.autograd.grad(each, parameters, retain_graph=True, allow_unused=True)
        flat = [torch.zeros_like(p) if g is None else g for g, p in zip(grads, parameters, strict=True)]
        rows.append(torch.cat([g.flatten() for g in flat]))
    return torch.stack(rows) @ torch.stack(rows).T


@pytest.mark.parametrize("seq_first", [True, False])
@pytest.mark.parametrize("tau", [100.0, 250.0])
@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
def test_the_network_follows_its_equation(activation: str, tau: float, seq_first: bool) -> None:
    torch.manual_seed(0)
    network = CTRNN(3, 5, 2, tau=tau, activation=activation, seq_first=seq_first, dtype=torch.float64)
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    outputs, hidden = network(x if seq_first else x.transpose(0, 1))
    a = 100 / tau
    phi = {"relu": torch.relu, "tanh": torch.tanh, "linear": lambda u: u}[activation]
    h = torch.zeros(6, 5, dtype=torch.float64)
    for t in range(4):
        h = phi((1 - a) * h + a * (x[t] @ network.input.weight.T + h @ network.recurrent.weight.T))
        at = (slice(t, t + 1),) if seq_first else (slice(None), slice(t, t + 1))
        assert torch.allclose(hidden[at].squeeze(0 if seq_first else 1), h)
        assert torch.allclose(outputs[at].squeeze(0 if seq_first else 1), h @ network.output.weight.T)


def test_with_leak_one_it_is_torchs_recurrent_network() -> None:
    torch.manual_seed(0)
    network, twin = CTRNN(3, 7, 2), nn.RNN(3, 7, nonlinearity="relu", bias=False)
    with torch.no_grad():
        twin.weight_ih_l0.copy_(network.input.weight)
        twin.weight_hh_l0.copy_(network.recurrent.weight)
    x = torch.randn(5, 4, 3)
    assert torch.allclose(network(x)[1], twin(x)[0], atol=1e-6)


@pytest.mark.parametrize("names", [["recurrent.weight"], ["input.weight"], ["output.weight"], None])
@pytest.mark.parametrize("seq_first", [True, False])
@pytest.mark.parametrize("tau", [100.0, 250.0])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_recurrent_kernel_equals_the_jacobians(
    activation: str, tau: float, seq_first: bool, names: list[str] | None
) -> None:
    torch.manual_seed(1)
    network = CTRNN(2, 6, 3, tau=tau, activation=activation, seq_first=seq_first, dtype=torch.float64)
    x = torch.randn(*((4, 2) if seq_first else (2, 4)), 2, dtype=torch.float64)
    by_structure = tangent_kernel(network, x, names, method="rnn")
    every = names or ["input.weight", "recurrent.weight", "output.weight"]
    assert torch.allclose(by_structure, _loop(network, x, every), atol=1e-12)
    assert torch.allclose(by_structure, tangent_kernel(network, x, names, method="jacobian"), atol=1e-12)
    assert torch.equal(by_structure, tangent_kernel(network, x, names))


def test_float32_is_right_to_five_digits_on_the_papers_size() -> None:
    torch.manual_seed(2)
    network = CTRNN(3, 100, 3)
    x, _ = TwoAlternative().batch(4, torch.Generator().manual_seed(0))
    kernel = tangent_kernel(network, x, "recurrent")
    exact = tangent_kernel(network.double(), x.double(), "recurrent", method="jacobian")
    assert float((kernel - exact).abs().max() / exact.abs().max()) < 1e-5


def test_the_kernel_does_not_depend_on_the_order_of_hidden_units_or_their_rotation() -> None:
    torch.manual_seed(3)
    network, twin = (CTRNN(2, 6, 2, activation="linear", dtype=torch.float64) for _ in range(2))
    q = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    with torch.no_grad():
        twin.input.weight.copy_(q @ network.input.weight)
        twin.recurrent.weight.copy_(q @ network.recurrent.weight @ q.T)
        twin.output.weight.copy_(network.output.weight @ q.T)
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    assert torch.allclose(tangent_kernel(network, x), tangent_kernel(twin, x))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tangent_kernel(nn.Linear(2, 2), torch.ones(1, 2), method="rnn"), TypeError, "CTRNN.*Linear.*'auto'"),
        (lambda: tangent_kernel(CTRNN(2, 3, 1), torch.ones(2, 2, 2), method="ntk"), ValueError, "'ntk'.*rnn"),
        (lambda: tangent_kernel(CTRNN(2, 3, 1), torch.ones(2, 2, 2), "bias"), ValueError, "recurrent.weight"),
        (
            lambda: tangent_kernel(CTRNN(2, 3, 1), torch.ones(50, 50, 2), max_memory_mb=1.0),
            ValueError,
            "2500 outputs.*fewer",
        ),
        (lambda: CTRNN(2, 3, 1)(torch.ones(4, 2)), Exception, "shape|type|dim"),
        (lambda: CTRNN(2, 3, 1, dt=200), ValueError, "dt is 200.*tau"),
        (lambda: CTRNN(2, 3, 1, activation="gelu"), ValueError, "'gelu'.*'relu'"),
    ],
)
def test_bad_inputs(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
