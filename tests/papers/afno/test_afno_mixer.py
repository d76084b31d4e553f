"""The mixers: closed forms, a slow complex twin, invariances, precisions, and what they refuse."""

import math

import pytest
import torch
from torch import nn

from workingpapers.papers.afno import AFNO1d, AFNO2d
from workingpapers.papers.afno.rivals import BlockFourierOperator, GlobalFilter

SIZES = [(8, 8), (7, 5), (5, 12), (1, 1), (1, 6), (2, 1)]
EXACT = 1e-6  # float32 against another order of the same operations


def made(module: nn.Module, seed: int = 0, std: float = 0.3) -> nn.Module:
    """The module with parameters from N(0, std²), large enough that ReLU and shrinkage both act."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(std * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def tokens(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def split_relu(z: torch.Tensor) -> torch.Tensor:
    return torch.complex(z.real.clamp(min=0), z.imag.clamp(min=0))


def slow_afno2d(mixer: AFNO2d, x: torch.Tensor) -> torch.Tensor:
    """The formula, mode by mode and block by block, in complex numbers of double precision."""
    x = x.double()
    height, width, dim = x.shape[1:]
    w1, b1, w2, b2 = (torch.complex(p[0].double(), p[1].double()) for p in (mixer.w1, mixer.b1, mixer.w2, mixer.b2))
    spectrum = torch.fft.rfft2(x, dim=(1, 2), norm=mixer.norm)
    out = torch.zeros_like(spectrum)
    size = dim // mixer.num_blocks
    for row in range(height):
        for column in range(width // 2 + 1):
            frequency = min(row, height - row)
            low = frequency <= math.floor(mixer.keep_fraction * height / 2) and column <= math.floor(
                mixer.keep_fraction * width / 2
            )
            if not low:
                continue
            for block in range(mixer.num_blocks):
                part = slice(block * size, (block + 1) * size)
                hidden = split_relu(spectrum[:, row, column, part] @ w1[block] + b1[block])
                out[:, row, column, part] = hidden @ w2[block] + b2[block]
    threshold = mixer.sparsity_threshold
    shrunk = torch.complex(*(p.sign() * (p.abs() - threshold).clamp(min=0) for p in (out.real, out.imag)))
    back = torch.fft.irfft2(shrunk, s=(height, width), dim=(1, 2), norm=mixer.norm)
    return back + x if mixer.residual else back


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keep_fraction", [1.0, 0.5])
def test_equals_the_formula_in_complex_numbers(size, keep_fraction):
    for settings in ({}, {"hidden_factor": 2}, {"norm": "forward"}, {"norm": "backward", "residual": False}):
        mixer = made(AFNO2d(12, 3, sparsity_threshold=0.1, keep_fraction=keep_fraction, **settings))
        x = tokens(2, *size, 12)
        expected = slow_afno2d(mixer, x)
        assert torch.allclose(mixer.double()(x.double()), expected, atol=1e-12)
        scale = expected.abs().max().item()
        assert (mixer.float()(x) - expected).abs().max() <= EXACT * max(scale, 1.0) * 2


@pytest.mark.parametrize("length", [1, 2, 9, 16])
def test_one_dimension_is_a_grid_of_one_row(length):
    line, grid = AFNO1d(8, 2, hidden_factor=2), AFNO2d(8, 2, hidden_factor=2)
    grid.load_state_dict(made(line).state_dict())
    x = tokens(3, length, 8)
    assert torch.allclose(line(x), grid(x.unsqueeze(1)).squeeze(1), atol=EXACT * 10)


def test_huge_threshold_or_zero_parameters_return_the_input():
    x = tokens(2, 6, 5, 16)
    assert torch.equal(made(AFNO2d(16, sparsity_threshold=1e9))(x), x)
    assert torch.equal(made(AFNO2d(16), std=0.0)(x), x)
    assert torch.equal(made(AFNO1d(16, sparsity_threshold=1e9))(x[:, 0]), x[:, 0])


@pytest.mark.parametrize("norm", ["ortho", "forward", "backward"])
def test_identity_weights_double_an_input_of_non_negative_spectrum(norm):
    mixer = made(AFNO2d(16, num_blocks=4, sparsity_threshold=0.0, norm=norm), std=0.0).double()
    with torch.no_grad():
        mixer.w1[0] = mixer.w2[0] = torch.eye(4, dtype=torch.float64)
    # both parts of every coefficient of the half spectrum are non-negative, and it is that of a real signal
    x = torch.fft.irfft2(torch.full((2, 8, 5, 16), 1.0 + 0j, dtype=torch.complex128), s=(8, 8), dim=(1, 2))
    spectrum = torch.fft.rfft2(x + 0.5, dim=(1, 2))
    assert spectrum.real.min() > -1e-12
    assert spectrum.imag.abs().max() < 1e-12
    assert torch.allclose(mixer(x + 0.5), 2 * (x + 0.5), atol=1e-12)


@pytest.mark.parametrize(("hidden_factor", "num_blocks"), [(1, 8), (2, 4), (3, 1)])
def test_number_of_parameters(hidden_factor, num_blocks):
    dim = 32
    mixer = AFNO2d(dim, num_blocks, hidden_factor)
    expected = 2 * (2 * dim * dim * hidden_factor // num_blocks + dim * hidden_factor + dim)
    assert sum(p.numel() for p in mixer.parameters()) == expected
    assert tuple(mixer.w1.shape) == (2, num_blocks, dim // num_blocks, dim // num_blocks * hidden_factor)
    assert mixer.w2.shape == mixer.w1.transpose(-1, -2).shape
    without = AFNO2d(dim, num_blocks, hidden_factor, bias=False)
    assert without.b1 is None
    assert without.b2 is None


@pytest.mark.parametrize("make", [AFNO1d, AFNO2d])
def test_gradients_away_from_the_kinks(make):
    mixer = made(make(4, 2, hidden_factor=2, sparsity_threshold=0.05), std=0.5).double()
    x = tokens(1, 3, 4, 4, dtype=torch.float64)
    x = (x if make is AFNO2d else x.flatten(1, 2)).requires_grad_()
    assert torch.autograd.gradcheck(mixer, (x,), eps=1e-7, atol=1e-5)


def test_positively_homogeneous_without_biases_and_threshold():
    mixer = made(AFNO2d(16, bias=False, sparsity_threshold=0.0)).double()
    x = tokens(2, 6, 7, 16, dtype=torch.float64)
    assert torch.allclose(mixer(3.7 * x), 3.7 * mixer(x), atol=1e-10)


def test_linear_fourier_mixers_commute_with_shifts_and_afno_does_not():
    x = tokens(1, 8, 8, 16, dtype=torch.float64)

    def error(mixer: nn.Module) -> float:
        shifted = mixer(torch.roll(x, (3, 2), dims=(1, 2)))
        plain = torch.roll(mixer(x), (3, 2), dims=(1, 2))
        return ((shifted - plain).norm() / plain.norm()).item()

    assert error(made(BlockFourierOperator(16, 4)).double()) < 1e-6
    assert error(made(GlobalFilter(16, (8, 8))).double()) < 1e-6
    assert error(made(AFNO2d(16, 4, bias=False, residual=False)).double()) > 0.05


def band_limited(size: int, modes: list[tuple[int, int]], amplitudes: torch.Tensor) -> torch.Tensor:
    points = torch.arange(size, dtype=torch.float64) / size
    waves = [
        torch.cos(2 * math.pi * (my * points[:, None] + mx * points[None, :]) + 0.3 * index)
        for index, (my, mx) in enumerate(modes)
    ]
    return torch.einsum("mhw,mc->hwc", torch.stack(waves), amplitudes).unsqueeze(0)


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("norm", ["forward", "ortho"])
def test_one_operator_on_every_grid_without_biases_in_units_of_the_signal(threshold, norm):
    modes = [(my, mx) for my in range(-2, 3) for mx in range(3)]
    amplitudes = tokens(len(modes), 16, seed=5, dtype=torch.float64)
    mixer = made(AFNO2d(16, 4, sparsity_threshold=threshold, norm=norm, bias=False)).double()
    coarse = mixer(band_limited(16, modes, amplitudes))
    fine = mixer(band_limited(32, modes, amplitudes))[:, ::2, ::2]
    difference = (coarse - fine).abs().max().item()
    if norm == "forward" or threshold == 0.0:
        assert difference < 1e-5
    else:
        assert difference > 1e-4


def test_biases_are_an_impulse_at_the_first_token():
    mixer = made(AFNO2d(8, 2, sparsity_threshold=0.0)).double()
    with torch.no_grad():
        mixer.b2[1].zero_()
        mixer.w1.zero_()
        mixer.w2.zero_()
    out = mixer(torch.zeros(1, 6, 5, 8, dtype=torch.float64))
    assert torch.allclose(out[0, 0, 0], mixer.b2[0].flatten() * math.sqrt(30))
    out[0, 0, 0] = 0
    assert out.abs().max() < 1e-12


def test_spectrum_gives_the_coefficients_before_and_after():
    x = tokens(2, 6, 9, 16)
    for settings in ({}, {"keep_fraction": 0.4}, {"keep_fraction": 0.5, "mode_truncation": "physicsnemo"}):
        mixer = made(AFNO2d(16, 4, sparsity_threshold=0.2, **settings))
        before, after = mixer.spectrum(x)
        assert before.shape == after.shape == (2, 6, 5, 16)
        assert torch.allclose(before, torch.fft.rfft2(x, dim=(1, 2), norm="ortho"))
        rebuilt = torch.fft.irfft2(after, s=(6, 9), dim=(1, 2), norm="ortho") + x
        assert torch.allclose(rebuilt, mixer(x), atol=1e-5)


def test_bfloat16_in_bfloat16_out():
    mixer = AFNO2d(32)
    x = tokens(2, 8, 8, 32).bfloat16()
    out = mixer(x)
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.float(), mixer(x.float()), atol=2e-2, rtol=2e-2)
    assert AFNO2d(32, dtype=torch.bfloat16)(x).dtype == torch.bfloat16
    assert mixer.double()(x.double()).dtype == torch.float64


def test_autocast_leaves_the_transform_in_float32():
    mixer = made(AFNO2d(32), std=0.1)
    x = tokens(2, 8, 8, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = mixer(x)
        half = mixer(x.bfloat16())
    assert out.dtype == torch.float32
    assert torch.equal(out, mixer(x))
    assert half.dtype == torch.bfloat16


def test_a_sequence_is_a_grid_row_by_row():
    mixer = made(AFNO2d(16))
    x = tokens(2, 4, 9, 16)
    assert torch.equal(mixer(x.flatten(1, 2), spatial_size=(4, 9)), mixer(x).flatten(1, 2))
    assert torch.equal(mixer(x.flatten(1, 2)), mixer(x.reshape(2, 6, 6, 16)).flatten(1, 2))  # 36 is a square


def test_state_round_trip_device_and_reset():
    mixer = made(AFNO2d(16, 4))
    other = AFNO2d(16, 4)
    other.load_state_dict(mixer.state_dict())
    x = tokens(1, 4, 4, 16)
    assert torch.equal(mixer(x), other(x))
    empty = AFNO2d(16, 4, device="meta").to_empty(device="cpu")
    empty.reset_parameters()
    assert 0.01 < empty.w1.std() < 0.03
    assert 0.005 < empty.b1.std() < 0.04
    assert "num_blocks=4" in repr(mixer)


def test_non_contiguous_tokens_and_gradients_reach_everything():
    mixer = made(AFNO2d(16))
    x = tokens(2, 16, 5, 6).permute(0, 2, 3, 1).requires_grad_()
    mixer(x).square().sum().backward()
    assert x.grad.abs().max() > 0
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in mixer.parameters())
    assert torch.allclose(mixer(x), mixer(x.contiguous()), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AFNO2d(10, num_blocks=4), r"dim \(10\).*num_blocks \(4\)"),
        (lambda: AFNO2d(0), "dim is 0"),
        (lambda: AFNO2d(16, keep_fraction=0.0), r"keep_fraction is 0.0.*\(0, 1\]"),
        (lambda: AFNO1d(16, keep_fraction=1.5), "keep_fraction is 1.5"),
        (lambda: AFNO2d(16, mode_truncation="high"), "mode_truncation is 'high'.*'lowpass'"),
        (lambda: AFNO2d(16, norm="unit"), "norm is 'unit'"),
        (lambda: AFNO2d(16, sparsity_threshold=-1.0), "must not be negative"),
        (lambda: AFNO2d(16)(torch.zeros(1, 12, 16)), r"pass spatial_size=\(H,W\)"),
        (lambda: AFNO2d(16)(torch.zeros(1, 12, 16), spatial_size=(3, 5)), r"15 tokens.*12.*H\*W==N"),
        (lambda: AFNO2d(16)(torch.zeros(1, 3, 4, 16), spatial_size=(4, 3)), "leave spatial_size out"),
        (lambda: AFNO2d(16)(torch.zeros(1, 3, 4, 8)), "8 channels.*dim=16"),
        (lambda: AFNO2d(16)(torch.zeros(3, 16)), r"\(B, H, W, C\) or \(B, N, C\)"),
        (lambda: AFNO1d(16)(torch.zeros(1, 12, 16), spatial_size=(3, 5)), "15 tokens"),
    ],
)
def test_refuses_wrong_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64])
@pytest.mark.parametrize("make", [AFNO1d, AFNO2d])
def test_refuses_complex_and_whole_numbers(make, dtype):
    with pytest.raises(TypeError, match="real floating-point tokens"):
        make(16)(torch.zeros(1, 4, 16, dtype=dtype))
