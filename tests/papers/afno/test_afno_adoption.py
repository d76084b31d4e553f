"""Attention replaced in real models of timm and transformers, and what is refused."""

import copy

import pytest
import torch
from torch import nn

from workingpapers.errors import NothingToReplaceError
from workingpapers.papers.afno import AFNO2d, adopt, replace_attention
from workingpapers.papers.afno.adoption import MixerSlot
from workingpapers.parts.torchvision_compat import allow_torchvision_import


@pytest.fixture(scope="module")
def timm():
    allow_torchvision_import()
    return pytest.importorskip("timm")


@pytest.fixture(scope="module")
def transformers():
    allow_torchvision_import()
    return pytest.importorskip("transformers")


@pytest.fixture
def timm_vit(timm):
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", img_size=(48, 64), num_classes=7, depth=3).eval()


@pytest.fixture
def hf_vit(transformers):
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8
    )
    return transformers.ViTModel(config).eval()


@pytest.fixture
def segformer(transformers):
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        hidden_sizes=[16, 32, 64, 64],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 2, 4, 4],
        decoder_hidden_size=32,
        num_labels=4,
    )
    return transformers.SegformerForSemanticSegmentation(config).eval()


def images(height: int, width: int) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(2))


def unchanged(model: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    after = model.state_dict()
    return after.keys() == before.keys() and all(torch.equal(after[k], v) for k, v in before.items())


def test_timm_vit(timm_vit):
    before = copy.deepcopy(timm_vit.state_dict())
    model, replaced = adopt(timm_vit)
    assert replaced == ["blocks.0.attn", "blocks.1.attn", "blocks.2.attn"]
    assert unchanged(timm_vit, before)
    assert all(isinstance(block.attn.mixer, AFNO2d) for block in model.blocks)
    assert model.blocks[0].attn.grid == (3, 4)
    assert model.blocks[0].attn.num_prefix_tokens == 1
    model(images(48, 64)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.blocks[1].attn.mixer.w1.grad.abs().max() > 0
    assert torch.equal(model.blocks[0].norm1.weight, timm_vit.blocks[0].norm1.weight)


def test_class_token_is_carried_round_the_mixer_or_gets_the_mean(timm_vit):
    x = torch.randn(2, 13, 192)
    carried = replace_attention(timm_vit).blocks[0].attn
    assert torch.equal(carried(x)[:, :1], x[:, :1])
    grid = x[:, 1:].reshape(2, 3, 4, 192)
    assert torch.equal(carried(x)[:, 1:], carried.mixer(grid).flatten(1, 2))
    mean = replace_attention(timm_vit, prefix="mean").blocks[0].attn
    assert torch.allclose(mean(x)[:, :1], x[:, :1] + mean(x)[:, 1:].mean(1, keepdim=True))


def test_a_carried_class_token_sees_nothing_of_the_picture(timm_vit):
    blind, seeing = replace_attention(timm_vit), replace_attention(timm_vit, prefix="mean")
    assert torch.equal(blind(images(48, 64))[0], blind(images(48, 64))[1])
    assert not torch.equal(seeing(images(48, 64))[0], seeing(images(48, 64))[1])


def test_registers_and_no_class_token(timm):
    registers = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, reg_tokens=3)
    assert replace_attention(registers).blocks[0].attn.num_prefix_tokens == 4
    pooled = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, class_token=False, global_pool="avg")
    model = replace_attention(pooled)
    assert model.blocks[0].attn.num_prefix_tokens == 0
    assert model(images(32, 32)).shape == (2, 1000)


def test_some_layers_by_index_and_name(timm_vit):
    model, replaced = adopt(timm_vit, layers=[-1, "blocks.0.attn"])
    assert replaced == ["blocks.0.attn", "blocks.2.attn"]
    assert not isinstance(model.blocks[1].attn, MixerSlot)
    for wrong in ([3], ["blocks.9.attn"], []):
        with pytest.raises(ValueError, match="layers"):
            replace_attention(timm_vit, layers=wrong)


@pytest.mark.parametrize("mixer", ["afno", "afno1d", "bfno", "gfn", "pool"])
def test_other_mixers_and_settings(timm_vit, mixer):
    settings = {"num_blocks": 4} if mixer in ("afno", "afno1d", "bfno") else {}
    assert replace_attention(timm_vit, mixer, prefix="mean", **settings)(images(48, 64)).shape == (2, 7)


def test_own_mixer_dtype_and_fresh_norms(timm_vit):
    timm_vit = timm_vit.double()
    with torch.no_grad():
        timm_vit.blocks[0].norm1.weight.fill_(2.0)
    model = replace_attention(timm_vit, lambda dim, grid: AFNO2d(dim, num_blocks=grid[0]), copy_norms=False)
    assert model.blocks[0].attn.mixer.num_blocks == 3
    assert model.blocks[0].attn.mixer.w1.dtype == torch.float64
    assert model.blocks[0].norm1.weight.eq(1.0).all()
    assert timm_vit.blocks[0].norm1.weight.eq(2.0).all()


def test_transformers_vit(hf_vit):
    before = copy.deepcopy(hf_vit.state_dict())
    model, replaced = adopt(hf_vit)
    assert len(replaced) == 2
    assert unchanged(hf_vit, before)
    out = model(images(32, 32)).last_hidden_state
    assert out.shape == (2, 17, 32)
    out.sum().backward()
    mixers = [module for module in model.modules() if isinstance(module, AFNO2d)]
    assert len(mixers) == 2
    assert all(p.grad.abs().max() > 0 for mixer in mixers for p in mixer.parameters())


def test_transformers_segformer_on_pictures_that_are_not_square(segformer):
    model, replaced = adopt(segformer)
    assert len(replaced) == 4
    assert model(images(64, 96)).logits.shape == (2, 4, 16, 24)
    assert not any(isinstance(module, MixerSlot) for module in segformer.modules())


def test_older_transformers_layout():
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(16, 16) for _ in range(3))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.output = Inner(), nn.Linear(16, 16)

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = Attention()

        def forward(self, x):
            return x + self.attention(x, None)[0]

    model, replaced = adopt(nn.Sequential(Layer()))
    assert replaced == ["0.attention"]
    assert model(torch.randn(1, 9, 16)).shape == (1, 9, 16)


def test_adopted_models_compile_and_export(unchecked, timm_vit):
    model = replace_attention(timm_vit, prefix="mean").eval()
    x = images(48, 64)
    assert torch.allclose(torch.compile(model, backend="aot_eager", fullgraph=True)(x), model(x), atol=1e-5)
    assert torch.allclose(torch.export.export(model, (x,)).module()(x), model(x), atol=1e-5)


def test_windowed_attention_and_plain_models_have_nothing_to_replace():
    class WindowAttention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.proj, self.window_size = nn.Linear(8, 24), nn.Linear(8, 8), (2, 2)

    for model in (nn.Sequential(WindowAttention()), nn.Sequential(nn.Linear(4, 4))):
        with pytest.raises(NothingToReplaceError, match=r"qkv and proj.*Linear") as caught:
            replace_attention(model)
        assert isinstance(caught.value, LookupError)


def test_blocks_before_the_class_token_is_added():
    slot = MixerSlot(AFNO2d(16, 4), grid=(3, 4), num_prefix_tokens=1)
    x = torch.randn(2, 12, 16)
    assert torch.equal(slot(x), slot.mixer(x.reshape(2, 3, 4, 16)).flatten(1, 2))
    with_class = torch.randn(2, 13, 16)
    assert torch.equal(slot(with_class)[:, 0], with_class[:, 0])


def test_masks_are_refused(timm_vit):
    slot = replace_attention(timm_vit).blocks[0].attn
    x = torch.randn(1, 13, 192)
    for wrong in ({"attn_mask": torch.ones(13, 13)}, {"attention_mask": torch.ones(1)}, {"is_causal": True}):
        with pytest.raises(ValueError, match="cannot leave any out"):
            slot(x, **wrong)
    with pytest.raises(ValueError, match="a mask"):
        slot(x, torch.ones(13, 13))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"mixer": "fnet"}, "'fnet'.*'afno'"), ({"prefix": "drop"}, "'drop'"), ({"num_blocks": 5}, "not divisible")],
)
def test_refuses_unknown_settings(timm_vit, settings, message):
    with pytest.raises(ValueError, match=message):
        replace_attention(timm_vit, **settings)
