"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Official code: github.com/NVlabs/AFNO-transformer (CC BY-NC-SA 4.0); later in NVIDIA PhysicsNeMo (Apache-2.0).
The transformer block around the mixer and a single-scale network, for classes or for dense maps.
Differs from the paper: any image size (position embedding is interpolated); any mixer can take AFNO's place.
"""

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.afno.method import AFNO2d

TASKS = ("classify", "dense")
MakeMixer = Callable[[int, tuple[int, int]], nn.Module]
_INIT_STD = 0.02


class DropPath(nn.Module):
    """Drop a whole residual branch per sample with probability `rate` while training, and rescale the rest.

    Example:
        >>> DropPath(0.1).eval()(torch.ones(2, 3)).sum()
        tensor(6.)
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise InvalidParameterError(f"the rate of a dropped path is {rate}; it must lie in [0, 1)")
        self.rate = rate

    def forward(self, x: Float[Tensor, "batch *rest"]) -> Float[Tensor, "batch *rest"]:
        """Return `x` with whole samples set to zero while training; else `x` itself."""
        if not self.training or self.rate == 0.0:
            return x
        kept = torch.rand(x.shape[0], *(1,) * (x.dim() - 1), device=x.device) >= self.rate
        return x * kept.to(x.dtype) / (1.0 - self.rate)

    def extra_repr(self) -> str:
        """The rate, for `print(module)`."""
        return f"rate={self.rate}"


class Mlp(nn.Module):
    """Two linear layers with a GELU between: the channel MLP of a transformer block.

    Example:
        >>> Mlp(8, 32)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        drop: float = 0.0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden, device=device, dtype=dtype)
        self.fc2 = nn.Linear(hidden, dim, device=device, dtype=dtype)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Float[Tensor, "*tokens dim"]) -> Float[Tensor, "*tokens dim"]:
        """Apply both layers to each token."""
        return self.drop(self.fc2(self.drop(functional.gelu(self.fc1(x)))))


class AFNOBlock(nn.Module):
    """One transformer block whose token mixer is `AFNO2d`: h = x + mixer(LN(x)), then h + MLP(LN(h)).

    With `double_skip=False` only the outer residual remains, x + MLP(LN(mixer(LN(x)))). The mixer adds its own
    (normed) input in either case.

    Args:
        dim: Channels of a token.
        num_blocks: Blocks of the mixer's weights; divides `dim`.
        mlp_ratio: Width of the channel MLP in units of `dim`.
        drop: Dropout in the channel MLP.
        drop_path: Probability of dropping a branch while training.
        double_skip: Whether each of mixer and MLP has its own residual.
        mixer: Another token mixer on `(B, H, W, C)` in AFNO's place.
        device: Where the parameters are made.
        dtype: Type of the parameters.
        settings: Further settings of `AFNO2d`, such as `sparsity_threshold` or `keep_fraction`.

    Source: section 4; layer norm with ε = 1e-6 as in the official code.

    Example:
        >>> import torch
        >>> from workingpapers.papers.afno import AFNOBlock
        >>> AFNOBlock(32, num_blocks=4)(torch.randn(2, 7, 5, 32)).shape
        torch.Size([2, 7, 5, 32])
    """

    def __init__(
        self,
        dim: int,
        num_blocks: int = 8,
        mlp_ratio: float = 4.0,
        drop: float = 0.0,
        drop_path: float = 0.0,
        double_skip: bool = True,
        mixer: nn.Module | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.norm1 = nn.LayerNorm(dim, eps=1e-6, **made)
        # named as in the public checkpoints
        self.filter = mixer if mixer is not None else AFNO2d(dim, num_blocks, **settings, **made)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6, **made)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop, **made)
        self.double_skip = double_skip

    def forward(self, x: Float[Tensor, "batch height width dim"]) -> Float[Tensor, "batch height width dim"]:
        """Mix tokens, then channels."""
        mixed = self.filter(self.norm1(x))
        if self.double_skip:
            x = mixed = x + self.drop_path(mixed)
        return x + self.drop_path(self.mlp(self.norm2(mixed)))


class PatchEmbed(nn.Module):
    """Patches of an image as tokens on a grid: one convolution whose stride is the patch.

    Example:
        >>> PatchEmbed((4, 4), 3, 16)(torch.randn(2, 3, 32, 24)).shape
        torch.Size([2, 8, 6, 16])
    """

    def __init__(
        self,
        patch_size: tuple[int, int],
        in_chans: int,
        embed_dim: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_chans, embed_dim, patch_size, stride=patch_size, device=device, dtype=dtype)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch rows columns dim"]:
        """Tokens of each image, channels last."""
        return self.proj(images).permute(0, 2, 3, 1)


class AFNONet(nn.Module):
    """A single-scale transformer with AFNO as its token mixer: patches, position embedding, blocks, head.

    Args:
        img_size: Height and width of the images (one number: both) that the position embedding is made for. Images
            of another size that the patch divides are taken too; the embedding is then interpolated.
        patch_size: Height and width of a patch.
        in_chans: Channels of an image.
        num_classes: Classes, or channels of the map for `task="dense"`.
        embed_dim: Channels of a token.
        depth: Number of blocks.
        num_blocks: Blocks of the mixers' weights; divides `embed_dim`.
        mlp_ratio: Width of the channel MLPs in units of `embed_dim`.
        drop_rate: Dropout after the position embedding and in the MLPs.
        drop_path_rate: Probability of dropping a branch in the last block; it grows linearly from 0 at the first.
        double_skip: As in `AFNOBlock`.
        task: `"classify"` averages the tokens and gives scores `(B, num_classes)`; `"dense"` gives a map
            `(B, num_classes, height, width)` from a linear layer per patch.
        features_only: Return the normed tokens as a map `(B, embed_dim, rows, columns)` instead.
        final_norm: Whether the tokens are normed before the head.
        head_bias: Whether the head has a bias.
        mixer: Called with `(embed_dim, (rows, columns))` for each block; makes the mixer in AFNO's place.
        device: Where the parameters are made.
        dtype: Type of the parameters.
        settings: Further settings of `AFNO2d`, such as `sparsity_threshold` or `keep_fraction`.

    Raises:
        InvalidParameterError: the patch does not divide the image, or an unknown task.

    Differs from the paper: position embedding for one size, interpolated (bicubic) for others.

    Source: section 4 and the official ImageNet model. Initialisation: truncated normal 0.02 for linear layers and
        position embedding, zero biases.

    Example:
        >>> import torch
        >>> from workingpapers.papers.afno import AFNONet
        >>> net = AFNONet(img_size=32, patch_size=4, num_classes=10, embed_dim=32, depth=2, num_blocks=4)
        >>> net(torch.randn(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        img_size: int | tuple[int, int] = 224,
        patch_size: int | tuple[int, int] = 16,
        in_chans: int = 3,
        num_classes: int = 1000,
        embed_dim: int = 768,
        depth: int = 12,
        num_blocks: int = 8,
        mlp_ratio: float = 4.0,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        double_skip: bool = True,
        task: str = "classify",
        features_only: bool = False,
        final_norm: bool = True,
        head_bias: bool = True,
        mixer: MakeMixer | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if task not in TASKS:
            raise InvalidParameterError(f"task is {task!r}; choose 'classify' or 'dense'")
        self.img_size = _pair(img_size)
        self.patch_size = _pair(patch_size)
        self.grid = self._grid_of(self.img_size)
        self.num_classes, self.embed_dim = num_classes, embed_dim
        self.task = task
        self.features_only = features_only
        self.grad_checkpointing = False
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.patch_embed = PatchEmbed(self.patch_size, in_chans, embed_dim, **made)
        self.pos_embed = nn.Parameter(torch.empty(1, self.grid[0] * self.grid[1], embed_dim, **made))
        self.pos_drop = nn.Dropout(drop_rate)
        self.blocks = nn.ModuleList(
            AFNOBlock(
                embed_dim,
                num_blocks,
                mlp_ratio,
                drop_rate,
                drop_path_rate * index / max(depth - 1, 1),
                double_skip,
                None if mixer is None else mixer(embed_dim, self.grid),
                **settings,
                **made,
            )
            for index in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6, **made) if final_norm else nn.Identity()
        outputs = num_classes * (self.patch_size[0] * self.patch_size[1] if task == "dense" else 1)
        self.head = nn.Identity() if features_only else nn.Linear(embed_dim, outputs, bias=head_bias, **made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew; mixers that have `reset_parameters` do it their own way."""
        nn.init.trunc_normal_(self.pos_embed, std=_INIT_STD)
        self.patch_embed.proj.reset_parameters()
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
            elif isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=_INIT_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for block in self.blocks:
            reset = getattr(block.filter, "reset_parameters", None)
            if reset is not None:
                reset()

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute each block's activations in the backward pass instead of keeping them."""
        self.grad_checkpointing = enable

    def forward_features(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch rows columns dim"]:
        """The tokens before the head, channels last.

        Raises:
            InvalidParameterError: the patch does not divide the image.
        """
        x = self.patch_embed(images)
        self._grid_of((images.shape[2], images.shape[3]))
        x = self.pos_drop(x + self._positions(x.shape[1], x.shape[2]).to(x.dtype))
        for block in self.blocks:
            if self.grad_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return self.norm(x)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch *outputs"]:
        """Scores `(B, num_classes)`, a map `(B, num_classes, H, W)`, or features, as `task` and `features_only` say."""
        x = self.forward_features(images)
        if self.features_only:
            return x.permute(0, 3, 1, 2)
        if self.task == "classify":
            return self.head(x.mean(dim=(1, 2)))
        return rearrange(self.head(x), "b h w (p q c) -> b c (h p) (w q)", p=self.patch_size[0], q=self.patch_size[1])

    def _positions(self, rows: int, columns: int) -> Float[Tensor, "1 rows columns dim"]:
        table = self.pos_embed.reshape(1, *self.grid, self.embed_dim)
        if (rows, columns) == self.grid:
            return table
        resized = functional.interpolate(
            table.permute(0, 3, 1, 2).float(), size=(rows, columns), mode="bicubic", align_corners=False
        )
        return resized.permute(0, 2, 3, 1)

    def _grid_of(self, size: tuple[int, int]) -> tuple[int, int]:
        (height, width), (down, across) = size, self.patch_size
        if height % down or width % across:
            raise InvalidParameterError(
                f"an image of {height}×{width} pixels is not divisible into patches of {down}×{across}; "
                "crop, pad or resize it to a multiple of the patch"
            )
        return height // down, width // across


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
