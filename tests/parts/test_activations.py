"""Activations by hooks: right values, nothing left behind, clear errors."""

import pytest
import torch
from torch import nn

from workingpapers.parts.activations import UnknownLayerError, collect


class Keywords(nn.Module):
    """Takes keywords as transformers' models do, and its block gives a tuple."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            return self.linear(x), None

    def __init__(self) -> None:
        super().__init__()
        self.block = self.Block()
        self.unused = nn.Linear(3, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, input_ids, scale=1.0):
        return {"aux": None, "last_hidden_state": self.drop(self.block(input_ids)[0]) * scale}


def test_values_are_those_of_the_layers_in_the_order_asked():
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    x = torch.randn(6, 4)
    found = collect(net, ["2", "0", ""], x)
    assert list(found) == ["2", "0", ""]
    assert torch.equal(found["0"], net[0](x))
    assert torch.equal(found["2"], net(x))
    assert torch.equal(found[""], found["2"])
    assert not found["0"].requires_grad


def test_layers_writing_in_place_do_not_reach_what_was_taken():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True))
    x = torch.randn(6, 4)
    assert torch.equal(collect(net, "0", x)["0"], net[0](x))
    assert (net[0](x) < 0).any()


def test_dicts_tuples_and_options_pass_through():
    model, x = Keywords(), torch.randn(5, 3)
    found = collect(model, ["block", ""], {"input_ids": x, "scale": 2.0})
    assert torch.equal(found["block"], model.block.linear(x))
    assert torch.equal(found[""], 2 * found["block"])
    assert torch.equal(collect(model, "block", (x, 3.0))["block"], found["block"])


def test_evaluation_mode_inside_and_every_flag_as_before():
    model = Keywords().train()
    model.block.eval()
    flags = [module.training for module in model.modules()]
    found = collect(model, ["drop"], {"input_ids": torch.ones(50, 3)})
    assert (found["drop"] != 0).all()
    assert [module.training for module in model.modules()] == flags
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_are_gone_after_an_error():
    model = Keywords().train()
    with pytest.raises(RuntimeError):
        collect(model, "block", {"input_ids": torch.ones(5, 7)})
    assert not any(module._forward_hooks for module in model.modules())
    assert model.training


def test_batches_give_the_same():
    model, x = Keywords().double(), torch.randn(11, 3, dtype=torch.float64)
    whole = collect(model, ["block", "drop"], {"input_ids": x})
    parts = collect(model, ["block", "drop"], {"input_ids": x}, batch_size=4)
    for name in whole:
        assert torch.allclose(whole[name], parts[name], atol=1e-14)


def test_none_takes_every_leaf_that_is_called():
    found = collect(Keywords(), None, {"input_ids": torch.ones(2, 3)})
    assert list(found) == ["block.linear", "drop"]


def test_an_unknown_layer_is_a_key_error_with_near_names():
    with pytest.raises(UnknownLayerError, match=r"no layer 'block\.linaer'; near names: block\.linear"):
        collect(Keywords(), "block.linaer", torch.ones(2, 3))
    with pytest.raises(KeyError, match="the first names are"):
        collect(Keywords(), ["zzz"], torch.ones(2, 3))


@pytest.mark.parametrize(
    ("layers", "inputs", "options", "error", "message"),
    [
        ("unused", torch.ones(2, 3), {}, ValueError, "'unused'.*not called"),
        ([], torch.ones(2, 3), {}, ValueError, "layers is empty"),
        ("block", [], {}, TypeError, "no tensor"),
        ("block", "text", {}, TypeError, "inputs is str"),
        ("block", torch.ones(2, 3), {"batch_size": 0}, ValueError, "batch_size is 0"),
    ],
)
def test_bad_calls_say_what_is_wrong(layers, inputs, options, error, message):
    with pytest.raises(error, match=message):
        collect(Keywords(), layers, inputs, **options)


def test_a_layer_without_a_tensor():
    class Counts(nn.Module):
        def forward(self, x):
            return 3

    with pytest.raises(TypeError, match="gave int without a tensor"):
        collect(nn.Sequential(nn.Identity(), Counts()), "1", torch.ones(2, 3))
