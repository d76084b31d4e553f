"""Block and network: shapes, other sizes, compile, export, checkpointing, channels_last, autocast, DDP."""

import pytest
import torch
from torch import nn

from workingpapers.papers.afno import AFNO2d, AFNOBlock, AFNONet
from workingpapers.papers.afno.network import DropPath
from workingpapers.papers.afno.rivals import LocalPooling, SelfAttention

SMALL = {"img_size": (16, 24), "patch_size": 4, "in_chans": 3, "num_classes": 5, "embed_dim": 16, "depth": 2}


def net(**settings) -> AFNONet:
    torch.manual_seed(0)
    return AFNONet(**{**SMALL, "num_blocks": 4, **settings})


def images(*size: int) -> torch.Tensor:
    return torch.randn(2, 3, *(size or (16, 24)), generator=torch.Generator().manual_seed(1))


def test_what_comes_out():
    assert net()(images()).shape == (2, 5)
    assert net(task="dense")(images()).shape == (2, 5, 16, 24)
    assert net(features_only=True)(images()).shape == (2, 16, 4, 6)
    assert net().forward_features(images()).shape == (2, 4, 6, 16)


@pytest.mark.parametrize("task", ["classify", "dense"])
def test_other_sizes_reuse_every_parameter(task):
    model = net(task=task)
    out = model(images(32, 20))
    assert out.shape == ((2, 5) if task == "classify" else (2, 5, 32, 20))
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_dense_map_puts_each_patch_where_it_was():
    model = net(task="dense", depth=0, final_norm=False)
    with torch.no_grad():
        model.pos_embed.zero_()
        model.pos_embed[0, 7] = 1.0  # second row, second column of a 4 × 6 grid
        model.patch_embed.proj.weight.zero_()
        model.patch_embed.proj.bias.zero_()
        model.head.weight.fill_(1.0)
    out = model(images())
    marked = torch.zeros(16, 24)
    marked[4:8, 4:8] = 16.0
    assert torch.equal(out[0, 0], marked)


def test_block_with_one_and_with_two_skips():
    torch.manual_seed(0)
    block = AFNOBlock(16, num_blocks=4, double_skip=True).eval()
    x = torch.randn(2, 4, 5, 16)
    mixed = block.filter(block.norm1(x))
    assert torch.allclose(block(x), x + mixed + block.mlp(block.norm2(x + mixed)))
    block.double_skip = False
    assert torch.allclose(block(x), x + block.mlp(block.norm2(mixed)))


def test_another_mixer_takes_the_place():
    model = net(mixer=lambda dim, grid: SelfAttention(dim, num_heads=2))
    assert isinstance(model.blocks[0].filter, SelfAttention)
    assert model(images()).shape == (2, 5)
    assert isinstance(AFNOBlock(8, mixer=LocalPooling(8)).filter, LocalPooling)


@pytest.mark.parametrize("make", [lambda: AFNO2d(16, 4), lambda: AFNO2d(16, 4, keep_fraction=0.5)])
@pytest.mark.parametrize("backend", ["aot_eager"])
def test_compiles_in_one_graph_with_the_same_values_and_gradients(unchecked, make, backend):
    mixer = make()
    x = torch.randn(2, 8, 6, 16)
    compiled = torch.compile(mixer, backend=backend, fullgraph=True)
    assert torch.allclose(compiled(x), mixer(x), atol=1e-6)
    compiled(x).square().sum().backward()
    by_compiled = [p.grad.clone() for p in mixer.parameters()]
    mixer.zero_grad()
    mixer(x).square().sum().backward()
    assert all(torch.allclose(a, p.grad, atol=1e-5) for a, p in zip(by_compiled, mixer.parameters(), strict=True))


def test_network_compiles_in_one_graph(unchecked):
    model = net().eval()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(images()), model(images()), atol=1e-6)


def test_exports_with_any_batch():
    model = net(task="dense").eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (images(),), dynamic_shapes=({0: batch},))
    more = torch.cat([images(), images(), images()])
    assert torch.allclose(program.module()(more), model(more), atol=1e-6)


def test_mixer_exports_with_any_height_and_width():
    mixer = AFNO2d(16, 4).eval()
    free = torch.export.Dim.DYNAMIC
    program = torch.export.export(mixer, (torch.randn(2, 8, 6, 16),), dynamic_shapes=({1: free, 2: free},))
    x = torch.randn(2, 12, 10, 16)
    assert torch.allclose(program.module()(x), mixer(x), atol=1e-6)


def test_gradient_checkpointing_changes_no_gradient():
    model = net(task="dense")
    model(images()).square().sum().backward()
    plain = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model.set_grad_checkpointing()
    model(images()).square().sum().backward()
    assert all(torch.allclose(a, p.grad, atol=1e-6) for a, p in zip(plain, model.parameters(), strict=True))


def test_channels_last_images_and_weights():
    model = net()
    expected = model(images())
    model = model.to(memory_format=torch.channels_last)
    assert torch.allclose(model(images().to(memory_format=torch.channels_last)), expected, atol=1e-6)


def test_autocast_trains():
    model = net()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(images())
    assert torch.allclose(out.float(), model(images()), atol=5e-2)
    out.float().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_double_precision_and_bfloat16():
    assert net(dtype=torch.float64)(images().double()).dtype == torch.float64
    assert net(dtype=torch.bfloat16)(images(32, 32).bfloat16()).dtype == torch.bfloat16


@pytest.mark.filterwarnings("ignore")  # torch.distributed warns about its own deprecations
def test_trains_in_parallel(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        model = net()
        wrapped = nn.parallel.DistributedDataParallel(model)
        wrapped(images()).square().sum().backward()
        assert all(p.grad is not None for p in model.parameters())
    finally:
        torch.distributed.destroy_process_group()


def test_state_round_trip():
    model, other = net(), AFNONet(**SMALL, num_blocks=4)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(images()), other(images()))


def test_drop_path_drops_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = DropPath(0.25)
    out = drop(torch.ones(4000, 2))
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert torch.equal(out[:, 0], out[:, 1])
    assert abs(out.mean().item() - 1.0) < 0.05
    assert torch.equal(drop.eval()(out), out)
    assert net(depth=3, drop_path_rate=0.1).blocks[1].drop_path.rate == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AFNONet(30, 4), "30×30.*patches of 4×4"),
        (lambda: net()(images(18, 24)), "18×24"),
        (lambda: net(task="segment"), "task is 'segment'"),
        (lambda: net(num_blocks=3), r"dim \(16\).*num_blocks \(3\)"),
        (lambda: DropPath(1.0), r"\[0, 1\)"),
        (lambda: SelfAttention(10, num_heads=4), r"dim \(10\).*num_heads \(4\)"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
