"""Which modes are kept: the low-pass is one, and the public programs' truncations are what they are."""

import pytest
import torch

from workingpapers.papers.afno import AFNO1d, AFNO2d
from workingpapers.papers.afno.modes import kept_modes_1d, kept_modes_2d


def same_weights(**settings) -> AFNO2d:
    mixer = AFNO2d(8, 2, **settings)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return mixer


def rows_kept(height: int, width: int, fraction: float, how: str) -> tuple[set[int], int]:
    rows, columns = kept_modes_2d(height, width, fraction, how)
    return {row for start, stop in rows for row in range(start, stop)}, columns


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (12, 5)])
def test_all_truncations_agree_where_everything_is_kept(size):
    x = torch.randn(1, *size, 8, generator=torch.Generator().manual_seed(0))
    outs = [same_weights(mode_truncation=how)(x) for how in ("lowpass", "official", "physicsnemo")]
    assert torch.allclose(outs[0], outs[1], atol=1e-6)
    assert torch.allclose(outs[0], outs[2], atol=1e-6)


def test_physicsnemo_drops_columns_of_wide_grids_even_at_fraction_one():
    assert kept_modes_2d(8, 12, 1.0, "physicsnemo").columns == 5
    assert kept_modes_2d(8, 12, 1.0, "lowpass").columns == 7


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 12), (7, 5), (1, 1)])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75, 0.99, 1.0])
def test_lowpass_keeps_the_lowest_frequencies_of_both_axes(height, width, fraction):
    rows, columns = rows_kept(height, width, fraction, "lowpass")
    assert rows == {row for row in range(height) if min(row, height - row) <= fraction * height / 2 + 1e-9}
    assert columns == 1 + max(column for column in range(width // 2 + 1) if column <= fraction * width / 2 + 1e-9)


def test_lowpass_is_not_fooled_by_rounding():
    assert kept_modes_2d(200, 200, 0.29, "lowpass").columns == 30  # 0.29 · 100 is 28.999… in floating point


def test_official_truncation_removes_almost_nothing():
    rows, columns = rows_kept(16, 16, 0.1, "official")
    assert rows == set(range(16))
    assert columns == 9  # all of them


def test_physicsnemo_truncation_keeps_the_highest_rows():
    rows, columns = rows_kept(8, 8, 0.5, "physicsnemo")
    assert rows == {3, 4, 5, 6}  # |ky| = 3, 4, 3, 2 of the unshifted axis
    assert columns == 2


def test_a_smooth_signal_passes_the_lowpass_and_a_rough_one_does_not():
    mixer = same_weights(keep_fraction=0.5, bias=False, sparsity_threshold=0.0, residual=False)
    rows = torch.arange(16.0)
    smooth = torch.cos(2 * torch.pi * 2 * rows / 16)[None, :, None, None].expand(1, 16, 16, 8)
    rough = torch.cos(2 * torch.pi * 7 * rows / 16)[None, :, None, None].expand(1, 16, 16, 8)
    assert mixer(smooth).abs().max() > 0.01
    assert mixer(rough).abs().max() < 1e-5


@pytest.mark.parametrize("how", ["lowpass", "official", "physicsnemo"])
def test_dropped_modes_are_zero_and_biases_do_not_reach_them(how):
    mixer = same_weights(keep_fraction=0.2, mode_truncation=how, sparsity_threshold=0.0)
    _, after = mixer.spectrum(torch.zeros(1, 16, 4, 8))
    rows, columns = rows_kept(16, 4, 0.2, how)
    nonzero = (after != 0).any(dim=-1)[0]
    for row in range(16):
        for column in range(3):
            assert bool(nonzero[row, column]) == (row in rows and column < columns)


def test_nothing_kept_leaves_the_input():
    x = torch.randn(1, 4, 4, 8)
    mixer = same_weights(keep_fraction=0.05, mode_truncation="physicsnemo")
    assert kept_modes_2d(4, 4, 0.05, "physicsnemo").columns == 0
    assert torch.equal(mixer(x), x)
    assert torch.equal(AFNO1d(8, keep_fraction=0.05, mode_truncation="official")(x[0]), x[0])


def test_one_dimension():
    assert kept_modes_1d(16, 1.0, "official") == 9
    assert kept_modes_1d(16, 0.5, "official") == 4
    assert kept_modes_1d(16, 0.5, "lowpass") == 5
    mixer = AFNO1d(8, 2, keep_fraction=0.5, bias=False, residual=False)
    high = torch.cos(torch.pi * torch.arange(16.0))[None, :, None].expand(1, 16, 8)
    assert mixer(high).abs().max() < 1e-6
