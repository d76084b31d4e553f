"""The few-shot protocol: pre-train by inpainting, fine-tune a dense head on few labelled scenes, test on fresh ones."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.papers.afno.method import AFNO2d
from workingpapers.papers.afno.network import AFNONet
from workingpapers.papers.afno.rivals import GlobalFilter, NoMixing, SelfAttention
from workingpapers.papers.afno.scenes import IGNORED, Scenes
from workingpapers.parts.timing import seconds

PATCH = 2
HOLE = 4  # side of the squares that are masked, in pixels
MASKED = 0.4
BATCH = 16
ARMS = ("afno", "attention", "gfn", "pooled-attention", "no-mixing")


@dataclass(frozen=True)
class Sizes:
    """Width, depth and blocks of the networks that are compared."""

    dim: int
    depth: int
    num_blocks: int


def make_network(arm: str, sizes: Sizes, side: int, channels: int, outputs: int) -> AFNONet:
    """One network for all arms; only the token mixer differs. Its input has one channel more, the mask."""

    def mixer(dim: int, grid: tuple[int, int]) -> nn.Module:
        if arm == "afno":
            return AFNO2d(dim, sizes.num_blocks)
        if arm == "gfn":
            return GlobalFilter(dim, grid)
        if arm == "no-mixing":
            return NoMixing(dim)
        return SelfAttention(dim, num_heads=2, pool=4 if arm == "pooled-attention" else 1)

    return AFNONet(side, PATCH, channels + 1, outputs, sizes.dim, sizes.depth, task="dense", mixer=mixer)


def draw_holes(count: int, side: int, rng: np.random.Generator) -> Float[Tensor, "count 1 side side"]:
    """Masks that are 1 on random squares of 4 × 4 pixels, each with probability 0.4."""
    squares = rng.random((count, 1, -(-side // HOLE), -(-side // HOLE))) < MASKED
    holes = torch.from_numpy(squares.astype(np.float32))
    return holes.repeat_interleave(HOLE, 2).repeat_interleave(HOLE, 3)[..., :side, :side]


def with_holes(images: Float[Tensor, "n c h w"], holes: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n d h w"]:
    """What a network is given: the images with holes at 0, and the mask as one more channel."""
    return torch.cat((images * (1 - holes), holes), dim=1)


def _train(
    model: nn.Module, steps: int, rate: float, loss_of: Callable[[int], Tensor], device: torch.device
) -> list[float]:
    """Train with AdamW under a one-cycle schedule; seconds of each step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, 2))
    model.train()

    def step(index: int) -> None:
        optimiser.zero_grad()
        torch.autograd.backward(loss_of(index))
        optimiser.step()
        schedule.step()

    return [seconds(lambda index=index: step(index), device) for index in range(steps)]  # type: ignore[misc]


def pretrain(
    model: AFNONet, images: Float[Tensor, "n c h w"], holes: Float[Tensor, "n 1 h w"], rate: float
) -> list[float]:
    """Fill holes: mean squared error on the masked pixels, one batch of 16 after the other.

    Returns:
        Seconds of each step.
    """
    steps = len(images) // BATCH

    def loss(index: int) -> Tensor:
        part = slice(index * BATCH, (index + 1) * BATCH)
        error = (model(with_holes(images[part], holes[part])) - images[part]).square() * holes[part]
        return error.sum() / (holes[part].sum() * images.shape[1])

    return _train(model, steps, rate, loss, images.device)


@torch.no_grad()
def inpainting_psnr(model: AFNONet, scenes: Scenes, holes: Float[Tensor, "n 1 h w"]) -> float:
    """Peak signal-to-noise ratio in dB of the filled holes against the scenes without noise (peak 1)."""
    model.eval()
    filled = torch.cat([model(part) for part in torch.split(with_holes(scenes.noisy, holes), BATCH)])
    wrong = ((filled - scenes.clean).square() * holes).sum() / (holes.sum() * scenes.clean.shape[1])
    return float(-10 * torch.log10(wrong))


def fine_tune(
    pretrained: AFNONet, head: nn.Linear, scenes: Scenes, steps: int, rate: float, weights: Sequence[float] | None,
    rng: np.random.Generator,
) -> AFNONet:  # fmt: skip
    """A copy of the network with `head` in place of its own, trained on labelled scenes by weighted cross-entropy."""
    model = copy.deepcopy(pretrained)
    model.head = copy.deepcopy(head)
    inputs = with_holes(scenes.noisy, torch.zeros_like(scenes.noisy[:, :1]))
    balance = None if weights is None else torch.tensor(weights, device=inputs.device)

    def loss(index: int) -> Tensor:
        del index
        pick = torch.from_numpy(rng.integers(len(inputs), size=BATCH)).to(inputs.device)
        return functional.cross_entropy(model(inputs[pick]), scenes.labels[pick], balance, ignore_index=IGNORED)

    _train(model, steps, rate, loss, inputs.device)
    return model


@torch.no_grad()
def mean_iou(model: AFNONet, scenes: Scenes, classes: int) -> float:
    """Intersection over union of predicted and true pixels, averaged over the classes that occur."""
    model.eval()
    inputs = with_holes(scenes.noisy, torch.zeros_like(scenes.noisy[:, :1]))
    predicted = torch.cat([model(part).argmax(1) for part in torch.split(inputs, BATCH)])
    return iou(predicted, scenes.labels, classes)


def iou(predicted: Int[Tensor, "n h w"], labels: Int[Tensor, "n h w"], classes: int) -> float:
    """Mean over classes of |predicted ∩ true| / |predicted ∪ true|, pixels without a label left out."""
    valid = labels != IGNORED
    ratios = []
    for index in range(classes):
        mine, theirs = (predicted == index) & valid, labels == index
        union = (mine | theirs).sum().item()
        if union:
            ratios.append((mine & theirs).sum().item() / union)
    return float(np.mean(ratios))


@torch.no_grad()
def spectra(model: AFNONet, images: Float[Tensor, "n c h w"]) -> list[tuple[Tensor, Tensor]]:
    """For each AFNO mixer of a network: its coefficients before and after the MLP and shrinkage."""
    taken: list[tuple[Tensor, Tensor]] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, AFNO2d):
            taken.append(module.spectrum(inputs[0]))

    hooks = [module.register_forward_pre_hook(look) for module in model.modules() if isinstance(module, AFNO2d)]
    model.eval()
    model(with_holes(images, torch.zeros_like(images[:, :1])))
    for hook in hooks:
        hook.remove()
    return taken
