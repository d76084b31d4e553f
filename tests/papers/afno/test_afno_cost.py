"""The cost model against counted parameters, memory that autograd keeps, and torch's own count of operations."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from workingpapers.papers.afno import AFNO1d, AFNO2d, mixer_cost
from workingpapers.papers.afno.rivals import BlockFourierOperator, FourierOperator, GlobalFilter, SelfAttention
from workingpapers.parts.memory import saved_bytes

RIVALS = {
    "gfn": lambda: GlobalFilter(32, (6, 10)),
    "fno": lambda: FourierOperator(32, (6, 10)),
    "bfno": lambda: BlockFourierOperator(32, 4),
    "attention": lambda: SelfAttention(32, 4, explicit=True),
    "fused-attention": lambda: SelfAttention(32, 4),
}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def kept(module: nn.Module, x: torch.Tensor) -> int:
    return saved_bytes(lambda: module(x.clone().requires_grad_()).sum())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"hidden_factor": 3},
        {"bias": False},
        {"keep_fraction": 0.5},
        {"sparsity_threshold": 0.0},
        {"keep_fraction": 0.4, "mode_truncation": "physicsnemo"},
    ],
)
def test_afno_parameters_and_memory_are_exact(settings):
    mixer = AFNO2d(32, 4, **settings)
    cost = mixer_cost(32, (8, 10), 4, **settings)
    assert cost["params"] == count(mixer)
    assert cost["activation_bytes"] == kept(mixer, torch.randn(1, 8, 10, 32))


def test_afno_operations_are_those_of_the_matrix_products_and_two_transforms():
    mixer = AFNO2d(32, 4, hidden_factor=2)
    with FlopCounterMode(display=False) as counter:
        mixer(torch.randn(1, 8, 8, 32))
    transforms = 5 * 64 * 32 * 6
    products = 4 * counter.get_total_flops()  # torch counts a complex multiply-add as one real one; it is four
    assert mixer_cost(32, 64, 4, hidden_factor=2)["flops"] == products + transforms
    assert products == 2 * 8 * (8 * 5) * 32 * 32 * 2 // 4  # 8·M·C²·f/k multiply-adds


def test_a_number_that_is_no_square_is_one_row():
    mixer = AFNO1d(16, 4, keep_fraction=0.5)
    cost = mixer_cost(16, 50, 4, keep_fraction=0.5)
    assert cost["activation_bytes"] == kept(mixer, torch.randn(1, 50, 16))
    assert mixer_cost(16, 49) == mixer_cost(16, (7, 7))


@pytest.mark.parametrize("name", RIVALS)
def test_rivals(name):
    module = RIVALS[name]()
    cost = mixer_cost(32, (6, 10), 4, mixer=name, num_heads=4)
    assert cost["params"] == count(module)
    assert kept(module, torch.randn(1, 6, 10, 32)) == pytest.approx(cost["activation_bytes"], rel=0.1)


def test_attention_operations():
    with FlopCounterMode(display=False) as counter:
        SelfAttention(32, 4, explicit=True)(torch.randn(1, 6, 10, 32))
    assert mixer_cost(32, (6, 10), mixer="attention", num_heads=4)["flops"] == counter.get_total_flops()


def test_orders_of_growth():
    def growth(key: str, mixer: str) -> float:
        return mixer_cost(256, 4096, mixer=mixer)[key] / mixer_cost(256, 1024, mixer=mixer)[key]

    assert growth("flops", "afno") < 4.5
    assert growth("flops", "attention") > 8
    assert growth("params", "afno") == 1
    assert growth("params", "fno") > 3.8
    assert growth("activation_bytes", "afno") < 4.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mixer_cost(10, 16, 4), r"dim \(10\).*num_blocks \(4\)"),
        (lambda: mixer_cost(16, 16, mixer="attention", num_heads=3), "num_heads"),
        (lambda: mixer_cost(16, 16, mixer="fnet"), "'fnet'.*'afno'"),
        (lambda: mixer_cost(16, 16, keep_fraction=2.0), "keep_fraction"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
