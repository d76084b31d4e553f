"""Bytes kept for the backward pass, against counts by hand."""

import pytest
import torch
from torch import nn

from workingpapers.parts.memory import peak_bytes, saved_bytes


def test_a_storage_counts_once_however_often_it_is_kept():
    x = torch.ones(10, requires_grad=True)
    assert saved_bytes(lambda: (x * x).sum()) == 40
    assert saved_bytes(lambda: (x * x[:5].repeat(2)).sum()) == 80


def test_nothing_is_kept_without_gradients():
    x = torch.ones(10, requires_grad=True)
    assert saved_bytes(lambda: (x + x).sum()) == 0
    with torch.no_grad():
        assert saved_bytes(lambda: (x * x).sum()) == 0


def test_linear_layers_keep_input_and_weight():
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 4, bias=False))
    x = torch.randn(5, 8)
    values = 5 * 8 + 5 * 16 + 16 * 4  # the input, the hidden layer (kept by ReLU and by the second layer), its weight
    assert saved_bytes(lambda: model(x).sum()) == 4 * values


def test_freed_addresses_are_not_taken_for_the_same_storage():
    layers = [nn.Linear(64, 64) for _ in range(20)]

    def call() -> None:
        for layer in layers:
            layer(torch.randn(32, 64)).square().sum()

    # each pass keeps its input (32·64) and its output (32·64)
    assert saved_bytes(call) == 20 * 2 * 32 * 64 * 4


def test_peak_runs_the_backward_pass():
    x = torch.ones(10, requires_grad=True)
    assert peak_bytes(lambda: (x * x).sum()) == 40
    assert torch.equal(x.grad, torch.full((10,), 2.0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_peak_on_cuda_is_at_least_what_is_kept():
    x = torch.ones(1_000_000, device="cuda", requires_grad=True)
    assert peak_bytes(lambda: (x * x).sum(), "cuda") >= 4_000_000
