"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Official code: github.com/NVlabs/AFNO-transformer (CC BY-NC-SA 4.0); NVIDIA PhysicsNeMo (Apache-2.0).
Reads the parameters that these two programs save; nothing is unpickled here, the caller loads the file.
Differs from the paper: not in it. Names and shapes of parameters only; no code of either program is used.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.afno.network import AFNONet

_MIXER = ("w1", "b1", "w2", "b2")
_WRAPPERS = ("model", "model_state", "state_dict", "model_state_dict")


def from_official_state_dict(sd: Mapping[str, Any]) -> dict[str, Tensor]:
    """Parameters saved by the official ImageNet code, ready for `load_state_dict`.

    Takes the parameters of one mixer (`w1`, `b1`, `w2`, `b2`), for `AFNO1d` and `AFNO2d`, or of the whole network,
    for `AFNONet`. A surrounding dictionary (`{"model": ...}`) and the prefix `module.` of parallel training are
    removed.

    Args:
        sd: What `torch.load(path, weights_only=True)` gives, or its part that holds the parameters.

    Returns:
        The parameters under this package's names, the tensors themselves unchanged: `w1` of shape
        `(2, k, s, s·f)`, `b1` `(2, k, s·f)`, `w2` `(2, k, s·f, s)`, `b2` `(2, k, s)` for each mixer.

    Raises:
        InvalidParameterError: a parameter is missing or unknown, for example because the network was trained with
            another mixer or with the optional convolution beside the mixer.

    Example:
        >>> import torch
        >>> from workingpapers.papers.afno import AFNO2d, from_official_state_dict
        >>> saved = {"w1": torch.zeros(2, 8, 4, 4), "b1": torch.zeros(2, 8, 4),
        ...          "w2": torch.zeros(2, 8, 4, 4), "b2": torch.zeros(2, 8, 4)}
        >>> AFNO2d(32, num_blocks=8).load_state_dict(from_official_state_dict(saved))
        <All keys matched successfully>
    """
    return _read(sd, "the official code", needs_norm=True)


def from_physicsnemo_state_dict(sd: Mapping[str, Any]) -> dict[str, Tensor]:
    """Parameters saved by PhysicsNeMo's `AFNO2DLayer` or `AFNO`, ready for `load_state_dict`.

    The whole network has no norm before its head and no bias in it; its counterpart is
    `AFNONet(..., task="dense", final_norm=False, head_bias=False, mode_truncation="physicsnemo")`, which
    `physicsnemo_net` makes. A `.mdlus` file is an archive: load the `model.pt` in it.

    Args:
        sd: What `torch.load("model.pt", weights_only=True)` gives, or one mixer's parameters.

    Returns:
        The parameters under this package's names, the tensors themselves unchanged; each is of the shape given at
        `from_official_state_dict`.

    Raises:
        InvalidParameterError: a parameter is missing or unknown.

    Example:
        >>> net = AFNONet(8, 4, 1, 1, 4, 1, 1, task="dense", final_norm=False, head_bias=False)
        >>> net.load_state_dict(from_physicsnemo_state_dict(net.state_dict()))
        <All keys matched successfully>
    """
    return _read(sd, "PhysicsNeMo", needs_norm=False)


def official_net(sd: Mapping[str, Any], *, img_size: int | tuple[int, int] | None = None, **settings: Any) -> AFNONet:
    """The network of an official checkpoint, sizes read from its parameters.

    Args:
        sd: As for `from_official_state_dict`.
        img_size: Height and width in pixels; needed where the patches do not form a square.
        settings: What a checkpoint does not say, such as `double_skip=False` (the official default) or
            `sparsity_threshold`.

    Returns:
        An `AFNONet` for classes with the parameters loaded.

    Raises:
        InvalidParameterError: as for `from_official_state_dict`, or the size does not fit the position embedding.

    Example:
        >>> net = AFNONet(img_size=16, patch_size=4, num_classes=3, embed_dim=8, depth=1, num_blocks=2)
        >>> official_net(net.state_dict()).head
        Linear(in_features=8, out_features=3, bias=True)
    """
    return _net(from_official_state_dict(sd), img_size, settings)


def physicsnemo_net(
    sd: Mapping[str, Any], *, img_size: int | tuple[int, int] | None = None, **settings: Any
) -> AFNONet:
    """The network of a PhysicsNeMo `AFNO` checkpoint, which maps fields to fields; sizes read from its parameters.

    Args:
        sd: As for `from_physicsnemo_state_dict`.
        img_size: Height and width in pixels; needed where the patches do not form a square.
        settings: What a checkpoint does not say, such as `sparsity_threshold` or `keep_fraction` (there
            `hard_thresholding_fraction`).

    Returns:
        An `AFNONet` with `task="dense"` and PhysicsNeMo's truncation, with the parameters loaded.

    Raises:
        InvalidParameterError: as for `from_physicsnemo_state_dict`, or the size does not fit.

    Example:
        >>> net = AFNONet(8, 4, 1, 2, 4, 1, 1, task="dense", final_norm=False, head_bias=False)
        >>> physicsnemo_net(net.state_dict()).num_classes
        2
    """
    read = from_physicsnemo_state_dict(sd)
    chosen = {"task": "dense", "final_norm": False, "mode_truncation": "physicsnemo", **settings}
    return _net(read, img_size, {"head_bias": "head.bias" in read, **chosen})


def _read(sd: Mapping[str, Any], whose: str, needs_norm: bool) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        inside = sd.get(wrapper)
        if isinstance(inside, Mapping):
            sd = inside
    named = {key.removeprefix("module."): value for key, value in sd.items() if isinstance(value, Tensor)}
    named = {key: value for key, value in named.items() if key.rpartition(".")[2] != "device_buffer"}
    network = "pos_embed" in named
    needed = ["patch_embed.proj.weight", "blocks.0.norm1.weight", "blocks.0.mlp.fc1.weight", "head.weight"]
    needed += ["norm.weight"] if needs_norm else []
    missing = [key for key in needed if key not in named] if network else [key for key in _MIXER if key not in named]
    if missing:
        raise InvalidParameterError(
            f"these are not the parameters of an AFNO mixer or network as {whose} saves them: {missing[0]!r} is "
            f"missing and there are {', '.join(sorted(named)[:6]) or 'no tensors'}; "
            "pass the mapping from names to tensors"
        )
    strange = [key for key in named if not _known(key, network, needs_norm)]
    if strange:
        raise InvalidParameterError(
            f"{strange[0]!r} (shape {tuple(named[strange[0]].shape)}) belongs to no AFNO network of {whose}; it was "
            "trained with another mixer, or with an optional part that this package does not have"
        )
    return named


def _known(key: str, network: bool, norm: bool) -> bool:
    if not network:
        return key in _MIXER
    part, _, rest = key.partition(".")
    if part == "blocks":
        kind, _, name = rest.partition(".")[2].partition(".")
        return name in _MIXER if kind == "filter" else kind in ("norm1", "norm2", "mlp")
    return part in ("pos_embed", "patch_embed", "head") or (part == "norm" and norm)


def _net(read: dict[str, Tensor], img_size: int | tuple[int, int] | None, settings: dict[str, Any]) -> AFNONet:
    if "pos_embed" not in read:
        raise InvalidParameterError("these are the parameters of one mixer, not of a network; load them into AFNO2d")
    embed_dim, in_chans, down, across = read["patch_embed.proj.weight"].shape
    _, blocks, block_size, hidden = read["blocks.0.filter.w1"].shape
    patches = read["pos_embed"].shape[1]
    if img_size is None:
        side = round(patches**0.5)
        img_size = (side * down, side * across)
    elif isinstance(img_size, int):
        img_size = (img_size, img_size)
    if (img_size[0] // down) * (img_size[1] // across) != patches:
        raise InvalidParameterError(
            f"the checkpoint has {patches} patches of {down}×{across} pixels, which do not fill an image of "
            f"{img_size[0]}×{img_size[1]}; pass img_size=(height, width) in pixels"
        )
    outputs = read["head.weight"].shape[0]
    dense = settings.get("task") == "dense"
    made = AFNONet(
        img_size,
        (down, across),
        in_chans,
        outputs // (down * across) if dense else outputs,
        embed_dim,
        depth=1 + max(int(key.split(".")[1]) for key in read if key.startswith("blocks.")),
        num_blocks=blocks,
        mlp_ratio=read["blocks.0.mlp.fc1.weight"].shape[0] / embed_dim,
        hidden_factor=hidden // block_size,
        **settings,
    )
    made.load_state_dict(read)
    return made
