"""The parts of the experiment: scenes, masks, scores, training steps, structural measures."""

import numpy as np
import pytest
import torch

from workingpapers.data.catalog import load
from workingpapers.errors import DataNotFoundError, InvalidParameterError
from workingpapers.papers.afno import AFNO2d, few_shot, structure
from workingpapers.papers.afno.rivals import BlockFourierOperator, GlobalFilter, LocalPooling, NoMixing, SelfAttention
from workingpapers.papers.afno.scenes import IGNORED, Scenes, draw_crops, draw_scenes, read_scenes


def scenes(count: int = 4, zoom: int = 1) -> Scenes:
    data = load("digits")
    return draw_scenes(data["images"], data["labels"], count, np.random.default_rng(0), zoom)


def test_scenes_have_marks_where_there_is_ink():
    drawn = scenes(40)
    assert drawn.noisy.shape == drawn.clean.shape == (40, 1, 32, 32)
    assert set(drawn.labels.unique().tolist()) == {0, 1, 2}
    assert (drawn.clean[:, 0][drawn.labels > 0] > 0.4).all()
    assert (drawn.noisy - drawn.clean).std().item() == pytest.approx(0.25, rel=0.02)
    assert torch.equal(scenes(40).noisy, drawn.noisy)


def test_finer_scenes_are_the_same_scenes():
    coarse, fine = scenes(3), scenes(3, zoom=2)
    assert fine.noisy.shape == (3, 1, 64, 64)
    assert torch.equal(fine.labels[:, ::2, ::2], coarse.labels)
    pooled = torch.nn.functional.avg_pool2d(fine.clean, 2)
    assert (pooled - coarse.clean).abs().mean() < 0.05


def test_holes_are_squares_of_the_given_share():
    holes = few_shot.draw_holes(200, 32, np.random.default_rng(0))
    assert holes.shape == (200, 1, 32, 32)
    assert holes.mean().item() == pytest.approx(0.4, abs=0.02)
    blocks = holes.reshape(200, 8, 4, 8, 4)
    assert (blocks.amax((2, 4)) == blocks.amin((2, 4))).all()
    assert few_shot.draw_holes(1, 30, np.random.default_rng(0)).shape == (1, 1, 30, 30)


def test_intersection_over_union():
    labels = torch.tensor([[[0, 0, 1, 1], [1, 2, 2, IGNORED]]])
    assert few_shot.iou(labels, labels, 3) == 1.0
    predicted = torch.tensor([[[0, 1, 1, 1], [1, 2, 0, 2]]])
    # class 0: 1 of 3; class 1: 3 of 4; class 2: 1 of 2, the pixel without a label left out
    assert few_shot.iou(predicted, labels, 3) == pytest.approx((1 / 3 + 3 / 4 + 1 / 2) / 3)


@pytest.mark.parametrize("arm", few_shot.ARMS)
def test_training_lowers_the_error_and_fine_tuning_leaves_the_first_network(arm):
    drawn, rng = scenes(16 * 12), np.random.default_rng(1)
    holes = few_shot.draw_holes(len(drawn.noisy), 32, rng)
    torch.manual_seed(0)
    network = few_shot.make_network(arm, few_shot.Sizes(16, 1, 4), 32, 1, 1)
    before = few_shot.inpainting_psnr(network, drawn, holes)
    assert len(few_shot.pretrain(network, drawn.noisy, holes, 5e-3)) == 12
    assert few_shot.inpainting_psnr(network, drawn, holes) > before
    kept = [parameter.clone() for parameter in network.parameters()]
    tuned = few_shot.fine_tune(network, torch.nn.Linear(16, 12), drawn, 2, 1e-3, (0.3, 1.0, 1.0), rng)
    assert 0.0 <= few_shot.mean_iou(tuned, drawn, 3) <= 1.0
    assert all(torch.equal(a, b) for a, b in zip(kept, network.parameters(), strict=True))


def test_spectra_of_a_network():
    network = few_shot.make_network("afno", few_shot.Sizes(16, 2, 4), 32, 1, 1)
    taken = few_shot.spectra(network, scenes(2).noisy)
    assert [after.shape for _, after in taken] == [(2, 16, 9, 16)] * 2
    assert not network.blocks[0].filter._forward_pre_hooks


def test_structural_measures_on_mixers_with_known_answers():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 1, (1, 8, 8, 8)))
    afno = structure.draw_parameters(AFNO2d(8, 2, bias=False, norm="forward"), rng)
    assert structure.reach(NoMixing(8), x) == 1 / 64
    assert structure.reach(LocalPooling(8), x) == 9 / 64
    assert structure.reach(SelfAttention(8, 2).double(), x) == 1.0
    assert structure.shift_error(NoMixing(8), x) == 0.0
    assert structure.shift_error(structure.DenseTokenMixing(64, rng), x) > 0.5
    assert structure.refinement_error(NoMixing(8), 16, 8, seed=1) < 1e-12
    assert structure.refinement_error(afno, 16, 8, seed=1) < 1e-10
    assert structure.refinement_error(LocalPooling(8), 16, 8, seed=1) > 0.1
    assert structure.runs_on(afno, [(4, 6), (9, 1)], 8, rng)
    assert not structure.runs_on(GlobalFilter(8, (8, 8)).double(), [(8, 8), (4, 6)], 8, rng)


def test_rivals_against_their_formulas():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 1, (2, 4, 6, 8)))
    attention = SelfAttention(8, 2).double()
    explicit = SelfAttention(8, 2, explicit=True).double()
    explicit.load_state_dict(attention.state_dict())
    assert torch.allclose(attention(x), explicit(x))
    assert SelfAttention(8, 2, pool=4).double()(x).shape == x.shape
    # a filter is a circular convolution with the inverse transform of its weights
    gfn = structure.draw_parameters(GlobalFilter(8, (4, 6)), rng)
    kernel = torch.fft.irfft2(torch.view_as_complex(gfn.weight), s=(4, 6), dim=(0, 1))
    direct = sum(kernel[i, j] * torch.roll(x, (i, j), dims=(1, 2)) for i in range(4) for j in range(6))
    assert torch.allclose(gfn(x), direct)
    # with real weights BFNO is a matrix on the channels of each block
    bfno = structure.draw_parameters(BlockFourierOperator(8, 2), rng)
    with torch.no_grad():
        bfno.weight[..., 1] = 0
    blocks = torch.einsum("bhwki,kio->bhwko", x.reshape(2, 4, 6, 2, 4), bfno.weight[..., 0])
    assert torch.allclose(bfno(x), blocks.flatten(-2))


def test_crops_of_a_photograph():
    crops = draw_crops(load("photographs")["china"], 3, 32, np.random.default_rng(0))
    assert crops.shape == (3, 1, 32, 32)
    assert 0.0 <= crops.min() < crops.max() <= 1.0


def test_pictures_and_masks_of_a_folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataNotFoundError, match="no pictures"):
        read_scenes(tmp_path, 8)
    image.fromarray(np.full((20, 30, 3), 128, np.uint8)).save(tmp_path / "images" / "one.png")
    with pytest.raises(DataNotFoundError, match="has no mask"):
        read_scenes(tmp_path, 8)
    mask = np.zeros((20, 30), np.uint8)
    mask[:, 15:] = 255
    image.fromarray(mask).save(tmp_path / "masks" / "one.png")
    read = read_scenes(tmp_path, 8)
    assert read.noisy.shape == (1, 3, 8, 8)
    assert read.labels.unique().tolist() == [0, IGNORED]
    image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "masks" / "one.png")
    with pytest.raises(InvalidParameterError, match="colour picture"):
        read_scenes(tmp_path, 8)
