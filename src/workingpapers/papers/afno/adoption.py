"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Official code: github.com/NVlabs/AFNO-transformer (CC BY-NC-SA 4.0); later in NVIDIA PhysicsNeMo (Apache-2.0).
Section 4.4, "as a drop-in": puts the mixer where a vision transformer of timm or transformers has its attention.
Differs from the paper: models may have class and register tokens, which lie on no grid; see `prefix`.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError, NothingToReplaceError
from workingpapers.papers.afno.method import AFNO1d, AFNO2d, grid_of
from workingpapers.papers.afno.rivals import BlockFourierOperator, GlobalFilter, LocalPooling

MIXERS = ("afno", "afno1d", "bfno", "gfn", "pool")
MixerMaker = Callable[[int, tuple[int, int] | None], nn.Module]
PREFIXES = ("carry", "mean")


class MixerSlot(nn.Module):
    """Stands where attention stood: takes what the block passes to attention and returns what the block expects.

    Args:
        mixer: A mixer of tokens on a grid, `(B, H, W, C)`.
        grid: Height and width of the grid of patch tokens, where the model fixes it. It may be set anew at any time,
            for example for pictures that are not square.
        num_prefix_tokens: Leading tokens that lie on no grid (class, distillation, registers).
        prefix: `"carry"` carries them round the mixer; `"mean"` adds the mean of the mixed patch tokens to them.
        returns_pair: Whether the block expects `(tokens, attention weights)`; the weights are then None.

    Example:
        >>> slot = MixerSlot(AFNO2d(16), grid=(4, 4), num_prefix_tokens=1)
        >>> slot(torch.randn(2, 17, 16)).shape
        torch.Size([2, 17, 16])
    """

    def __init__(
        self,
        mixer: nn.Module,
        grid: tuple[int, int] | None = None,
        num_prefix_tokens: int = 0,
        prefix: str = "carry",
        returns_pair: bool = False,
    ) -> None:
        super().__init__()
        self.mixer = mixer
        self.grid = grid
        self.num_prefix_tokens = num_prefix_tokens
        self.prefix = prefix
        self.returns_pair = returns_pair

    def forward(
        self, hidden_states: Float[Tensor, "batch *tokens dim"], *positional: Any, **named: Any
    ) -> Float[Tensor, "batch *tokens dim"] | tuple[Float[Tensor, "batch *tokens dim"], None]:
        """Mix the patch tokens on their grid.

        Args:
            hidden_states: Tokens `(B, prefix + N, C)`, or `(B, H, W, C)`.
            positional: What the block passes besides; height and width are used where they come first.
            named: Likewise; a mask that is not None is refused, because no mixer here can leave tokens out.

        Returns:
            The tokens, or the tokens and None where the block expects a pair.

        Raises:
            InvalidParameterError: a mask or causality is asked for, or the tokens fill no known grid.
        """
        self._refuse_masks(positional, named)
        if hidden_states.dim() == 4:
            mixed = self.mixer(hidden_states)
        else:
            # a model may add its class token only after these blocks
            filled = self.grid is not None and self.grid[0] * self.grid[1] == hidden_states.shape[1]
            ahead = 0 if filled else self.num_prefix_tokens
            patches = hidden_states[:, ahead:]
            height, width = self._size(patches.shape[1], positional, named)
            mixed = self.mixer(patches.reshape(patches.shape[0], height, width, -1)).flatten(1, 2)
            if ahead:
                mixed = torch.cat((self._prefix(hidden_states[:, :ahead], mixed), mixed), dim=1)
        return (mixed, None) if self.returns_pair else mixed

    def extra_repr(self) -> str:
        """Grid and prefix, for `print(model)`."""
        return f"grid={self.grid}, num_prefix_tokens={self.num_prefix_tokens}, prefix={self.prefix!r}"

    def _prefix(self, prefix: Tensor, mixed: Tensor) -> Tensor:
        # a token that no mode reaches: the mixer's own residual is all it gets
        carried = prefix if getattr(self.mixer, "residual", False) else torch.zeros_like(prefix)
        return carried + mixed.mean(dim=1, keepdim=True) if self.prefix == "mean" else carried

    def _size(self, tokens: int, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, int]:
        if "height" in named and "width" in named:
            return named["height"], named["width"]
        if len(positional) >= 2 and not any(isinstance(one, Tensor) or one is None for one in positional[:2]):
            return positional[0], positional[1]
        if self.grid is not None and self.grid[0] * self.grid[1] == tokens:
            return self.grid
        return grid_of(tokens, None)

    def _refuse_masks(self, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        masked = [name for name in ("attn_mask", "attention_mask", "head_mask") if named.get(name) is not None]
        masked += ["a mask"] if any(isinstance(one, Tensor) for one in positional) else []
        masked += ["is_causal"] if named.get("is_causal") else []
        if masked:
            raise InvalidParameterError(
                f"a Fourier mixer was given {masked[0]}; it mixes all tokens of the grid and cannot leave any out; "
                "call the model without a mask, or keep attention in the layers that need one (layers=...)"
            )


def replace_attention(
    model: nn.Module,
    mixer: str | MixerMaker = "afno",
    *,
    layers: Iterable[int | str] | None = None,
    num_prefix_tokens: int | Literal["auto"] = "auto",
    copy_norms: bool = True,
    prefix: str = "carry",
    **settings: Any,
) -> nn.Module:
    """A copy of a vision transformer with mixers in place of its self-attention; the caller's model stays as it is.

    Works by what modules look like, not by their class: timm's `blocks[i].attn` (with `qkv` and `proj`) and
    transformers' attention of `ViTModel`, `SegformerModel` and their kin (with `q_proj` … `o_proj`, or `query`, `key`,
    `value` and an output layer). Attention in windows and causal attention are left alone.

    Args:
        model: The transformer. It is copied.
        mixer: `"afno"`, `"afno1d"`, `"bfno"`, `"gfn"`, `"pool"`, or a function of `(dim, grid)` that makes a module on
            `(B, H, W, C)`; `grid` is None where the model does not fix one.
        layers: Which attentions to replace, by index in the order of the model (negative from the end) or by module
            name; None for all.
        num_prefix_tokens: Leading tokens that lie on no grid; `"auto"` asks the model, or counts its class,
            distillation and register tokens.
        copy_norms: Keep the trained layer norm in front of each mixer; False starts it afresh.
        prefix: What happens to these tokens. `"carry"`: they go round the mixer and only the MLPs change them, so a
            head that reads the class token sees nothing of the picture. `"mean"`: they get the mean of the mixed
            patch tokens; take this one where the head reads the class token.
        settings: Settings of `AFNO2d` or `AFNO1d`, such as `num_blocks=16`.

    Returns:
        The new model, with fresh mixers on the device and in the dtype of what they replace. It needs training.

    Raises:
        NothingToReplaceError: no self-attention was found; the message lists what was searched.
        InvalidParameterError: an unknown mixer or layer, or `num_blocks` does not divide a layer's channels.

    Differs from the paper: it trains AFNO from the start; here other weights of the model are kept.

    Example:
        >>> from workingpapers.parts.torchvision_compat import allow_torchvision_import
        >>> _ = allow_torchvision_import()  # needed only beside a CPU build of torch
        >>> import timm
        >>> from workingpapers.papers.afno import replace_attention
        >>> vit = timm.create_model("vit_tiny_patch16_224", img_size=64)
        >>> model = replace_attention(vit, num_blocks=4, prefix="mean")
        >>> model(torch.randn(1, 3, 64, 64)).shape
        torch.Size([1, 1000])
    """
    return _replaced(model, mixer, layers, num_prefix_tokens, copy_norms, prefix, settings)[0]


def adopt(
    model: nn.Module,
    mixer: str | MixerMaker = "afno",
    *,
    layers: Iterable[int | str] | None = None,
    num_prefix_tokens: int | Literal["auto"] = "auto",
    copy_norms: bool = True,
    prefix: str = "mean",
    **settings: Any,
) -> tuple[nn.Module, list[str]]:
    """`replace_attention` that also says what it replaced, and by default lets class tokens see the picture.

    Args:
        model: The transformer. It is copied, never changed.
        mixer: As for `replace_attention`.
        layers: As for `replace_attention`.
        num_prefix_tokens: As for `replace_attention`.
        copy_norms: As for `replace_attention`.
        prefix: As for `replace_attention`, but `"mean"` unless told otherwise, so that heads on a class token work.
        settings: As for `replace_attention`.

    Returns:
        The new model, and the names of the modules that were replaced, in the order of the model.

    Raises:
        NothingToReplaceError: no self-attention was found.
        InvalidParameterError: an unknown mixer or layer, or `num_blocks` does not divide a layer's channels.

    Example:
        >>> from workingpapers.parts.torchvision_compat import allow_torchvision_import
        >>> _ = allow_torchvision_import()  # needed only beside a CPU build of torch
        >>> import timm
        >>> from workingpapers.papers.afno import adopt
        >>> model, replaced = adopt(timm.create_model("vit_tiny_patch16_224", img_size=64))
        >>> replaced[0], len(replaced)
        ('blocks.0.attn', 12)
    """
    return _replaced(model, mixer, layers, num_prefix_tokens, copy_norms, prefix, settings)


def _replaced(
    model: nn.Module,
    mixer: str | MixerMaker,
    layers: Iterable[int | str] | None,
    num_prefix_tokens: int | Literal["auto"],
    copy_norms: bool,
    prefix: str,
    settings: dict[str, Any],
) -> tuple[nn.Module, list[str]]:
    if not isinstance(model, nn.Module):
        raise InvalidTypeError(f"model is a {type(model).__name__}; pass a torch.nn.Module such as a timm ViT")
    if prefix not in PREFIXES:
        raise InvalidParameterError(f"prefix is {prefix!r}; choose 'carry' or 'mean'")
    found = [name for name, module in model.named_modules() if _is_self_attention(module)]
    if not found:
        kinds = sorted({type(module).__name__ for module in model.modules()})
        raise NothingToReplaceError(
            f"{type(model).__name__} holds no self-attention that can be replaced; looked for modules with qkv and "
            "proj (timm), q_proj, k_proj, v_proj and o_proj, or query, key, value and an output layer "
            f"(transformers), not windowed and not causal, among {', '.join(kinds[:12])}"
            f"{', …' if len(kinds) > 12 else ''}; pass a vision transformer"
        )
    chosen = found if layers is None else _chosen(found, layers)
    grid = _grid(model)
    ahead = _count_prefix(model) if num_prefix_tokens == "auto" else num_prefix_tokens
    changed = copy.deepcopy(model)
    for name in chosen:
        attention = changed.get_submodule(name)
        weight = _input_weight(attention)
        made = _make(mixer, weight.shape[1], grid, settings).to(device=weight.device, dtype=weight.dtype)
        slot = MixerSlot(made, grid, ahead, prefix, returns_pair=not _is_timm(attention))
        slot.train(attention.training)
        parent_name, _, own_name = name.rpartition(".")
        parent = changed.get_submodule(parent_name)
        setattr(parent, own_name, slot)
        if not copy_norms:
            _restart_norm(parent)
    return changed, chosen


def _make(mixer: str | MixerMaker, dim: int, grid: tuple[int, int] | None, settings: dict[str, Any]) -> nn.Module:
    if not isinstance(mixer, str):
        return mixer(dim, grid, **settings)
    if mixer == "afno":
        return AFNO2d(dim, **settings)
    if mixer == "afno1d":
        return AFNO1d(dim, **settings)
    if mixer == "bfno":
        return BlockFourierOperator(dim, **settings)
    if mixer == "pool":
        return LocalPooling(dim)
    if mixer == "gfn":
        if grid is None:
            raise InvalidParameterError("mixer='gfn' has one weight per mode and this model fixes no grid; use 'afno'")
        return GlobalFilter(dim, grid)
    names = ", ".join(repr(name) for name in MIXERS)
    raise InvalidParameterError(f"mixer is {mixer!r}; choose one of {names}, or pass a function of (dim, grid)")


def _chosen(found: list[str], layers: Iterable[int | str]) -> list[str]:
    names = []
    for layer in layers:
        if isinstance(layer, str) and layer in found:
            names.append(layer)
        elif isinstance(layer, int) and -len(found) <= layer < len(found):
            names.append(found[layer])
        else:
            raise InvalidParameterError(
                f"layers has {layer!r}; this model has {len(found)} attentions, {found[0]!r} to {found[-1]!r}: "
                f"give indices from 0 to {len(found) - 1} or such names"
            )
    if not names:
        raise InvalidParameterError("layers is empty; give at least one index or name, or None for all")
    return [name for name in found if name in names]


def _has_linears(module: nn.Module, *names: str) -> bool:
    return all(isinstance(getattr(module, name, None), nn.Linear) for name in names)


def _is_timm(module: nn.Module) -> bool:
    return _has_linears(module, "qkv", "proj") or _has_linears(module, "q_proj", "k_proj", "v_proj", "proj")


def _inner(module: nn.Module) -> nn.Module | None:
    """The part of an attention of older transformers that has query, key and value beside the output layer."""
    for name in ("attention", "self"):
        part = getattr(module, name, None)
        if isinstance(part, nn.Module) and _has_linears(part, "query", "key", "value") and hasattr(module, "output"):
            return part
    return None


def _is_self_attention(module: nn.Module) -> bool:
    # Swin and its kin attend within windows of tokens, which do not form the whole grid
    if hasattr(module, "window_size") or getattr(module, "is_causal", False):
        return False
    projected = _has_linears(module, "q_proj", "k_proj", "v_proj")
    output = _has_linears(module, "o_proj") or _has_linears(module, "out_proj")
    return _is_timm(module) or (projected and output) or _inner(module) is not None


def _input_weight(attention: nn.Module) -> Tensor:
    holder = _inner(attention) or attention
    for name in ("qkv", "q_proj", "query"):
        layer = getattr(holder, name, None)
        if isinstance(layer, nn.Linear):
            return layer.weight
    raise InvalidTypeError(f"{type(attention).__name__} has no linear layer for its queries")


def _restart_norm(block: nn.Module) -> None:
    for name in ("norm1", "layernorm_before", "layer_norm_1", "layer_norm1"):
        norm = getattr(block, name, None)
        if norm is not None and hasattr(norm, "reset_parameters"):
            norm.reset_parameters()


def _grid(model: nn.Module) -> tuple[int, int] | None:
    for module in model.modules():
        size = getattr(module, "grid_size", None)
        if isinstance(size, tuple) and len(size) == 2:
            return int(size[0]), int(size[1])
        if hasattr(module, "num_patches") and hasattr(module, "image_size") and hasattr(module, "patch_size"):
            image, patch = _pair(module.image_size), _pair(module.patch_size)
            return image[0] // patch[0], image[1] // patch[1]
    return None


def _pair(size: Any) -> tuple[int, int]:
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _count_prefix(model: nn.Module) -> int:
    for module in model.modules():
        known = getattr(module, "num_prefix_tokens", None)
        if isinstance(known, int):
            return known
    count = 0
    for name, parameter in model.named_parameters():
        last = name.rpartition(".")[2]
        if last in ("cls_token", "distillation_token", "dist_token", "class_embedding"):
            count += 1
        elif last in ("register_tokens", "reg_token"):
            count += parameter.shape[1]
    return count
