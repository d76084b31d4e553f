"""Parameters under the public programs' names load into the same function."""

import pytest
import torch

from workingpapers.papers.afno import (
    AFNO2d,
    AFNONet,
    from_official_state_dict,
    from_physicsnemo_state_dict,
    official_net,
    physicsnemo_net,
)


def draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: 0.2 * torch.randn(*shape, generator=generator) for name, shape in shapes.items()}


def network(dim: int, patches: int, patch: int, in_chans: int, outputs: int, depth: int, classes: bool):
    """Names and shapes as the public programs save them."""
    shapes: dict[str, tuple[int, ...]] = {
        "pos_embed": (1, patches, dim),
        "patch_embed.proj.weight": (dim, in_chans, patch, patch),
        "patch_embed.proj.bias": (dim,),
    }
    for index in range(depth):
        at = f"blocks.{index}."
        shapes |= {at + f"norm{i}.{kind}": (dim,) for i in (1, 2) for kind in ("weight", "bias")}
        shapes |= {at + f"filter.w{i}": (2, 2, dim // 2, dim // 2) for i in (1, 2)}
        shapes |= {at + f"filter.b{i}": (2, 2, dim // 2) for i in (1, 2)}
        shapes |= {at + "mlp.fc1.weight": (3 * dim, dim), at + "mlp.fc1.bias": (3 * dim,)}
        shapes |= {at + "mlp.fc2.weight": (dim, 3 * dim), at + "mlp.fc2.bias": (dim,)}
    shapes["head.weight"] = (outputs, dim)
    if classes:
        shapes |= {"norm.weight": (dim,), "norm.bias": (dim,), "head.bias": (outputs,)}
    return draw(shapes)


def test_official_network():
    saved = network(8, 16, 4, 3, 10, depth=2, classes=True)
    wrapped = {"model": {f"module.{name}": value for name, value in saved.items()}, "epoch": 3}
    net = official_net(wrapped, double_skip=False)
    assert (net.img_size, net.embed_dim, len(net.blocks), net.num_classes) == ((16, 16), 8, 2, 10)
    assert net.blocks[0].filter.num_blocks == 2
    assert net.blocks[0].mlp.fc1.out_features == 24
    assert not net.blocks[0].double_skip
    for name, value in net.state_dict().items():
        assert torch.equal(value, saved[name])
    assert net(torch.randn(1, 3, 16, 16)).shape == (1, 10)


def test_physicsnemo_network_maps_fields_to_fields():
    saved = network(8, 8, 4, 2, 3 * 16, depth=1, classes=False)
    saved["blocks.0.filter.device_buffer"] = torch.empty(0)
    net = physicsnemo_net(saved, img_size=(8, 16), keep_fraction=0.5)
    assert net.blocks[0].filter.mode_truncation == "physicsnemo"
    assert net.blocks[0].filter.keep_fraction == 0.5
    assert net(torch.randn(1, 2, 8, 16)).shape == (1, 3, 8, 16)
    assert net.head.bias is None
    # patches of the output are ordered (row in patch, column in patch, channel)
    with torch.no_grad():
        x = torch.randn(1, 2, 8, 16)
        flat = net.head(net.forward_features(x))
    assert torch.allclose(net(x)[0, 1, 5, 14], flat[0, 1, 3].reshape(4, 4, 3)[1, 2, 1])


@pytest.mark.parametrize("read", [from_official_state_dict, from_physicsnemo_state_dict])
def test_one_mixer(read):
    saved = draw({"w1": (2, 4, 4, 8), "b1": (2, 4, 8), "w2": (2, 4, 8, 4), "b2": (2, 4, 4)})
    mixer = AFNO2d(16, 4, hidden_factor=2)
    mixer.load_state_dict(read(saved))
    assert torch.equal(mixer.w2, saved["w2"])
    with pytest.raises(ValueError, match="of one mixer"):
        official_net(saved)


def test_what_does_not_belong_is_named():
    saved = network(8, 16, 4, 3, 10, depth=1, classes=True)
    with pytest.raises(ValueError, match=r"blocks\.0\.filter\.complex_weight.*another mixer"):
        from_official_state_dict({**saved, "blocks.0.filter.complex_weight": torch.zeros(4, 3, 8, 2)})
    with pytest.raises(ValueError, match=r"blocks\.0\.filter\.bias\.weight"):
        from_official_state_dict({**saved, "blocks.0.filter.bias.weight": torch.zeros(8, 8, 1)})
    with pytest.raises(ValueError, match="'w1' is missing"):
        from_physicsnemo_state_dict({"weight": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"'norm\.weight' is missing"):
        from_official_state_dict({k: v for k, v in saved.items() if not k.startswith("norm.")})
    with pytest.raises(ValueError, match=r"16 patches.*pass img_size"):
        official_net(saved, img_size=20)


def test_round_trip_through_a_file(tmp_path):
    net = AFNONet(16, 4, 3, 10, 8, 2, 2)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    again = official_net(torch.load(tmp_path / "net.pt", weights_only=True))
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(again(x), net(x))
