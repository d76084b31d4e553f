"""What an attacker knows without the private data: a prior over pictures, learned from public ones."""

from collections.abc import Mapping
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import check_generator, one_of, real_number, whole_number


class PublicPrior(NamedTuple):
    """A generator of pictures and what judges them.

    Args:
        generator: From `(n, latent_dim)` to pictures `(n, channels, height, width)`; `latent_dim` is its attribute.
        discriminator: Score of a picture, higher is more real; None where there is none.
        history: `"critic"`, `"real"` and `"fake"` over the steps: the critic's loss and its mean scores.
    """

    generator: nn.Module
    discriminator: nn.Module | None
    history: Mapping[str, list[float]]


class PCAPrior(nn.Module):
    """Linear prior: `mean + U Σ^{1/2} z` of the leading principal components; deterministic, in closed form.

    Args:
        images: Public pictures `(n, channels, height, width)`.
        components: Length of z; at most n - 1.

    Raises:
        InvalidParameterError: fewer than 2 pictures, too many components, or NaN.
        InvalidTypeError: no tensor of floating point numbers.

    Example:
        >>> prior = PCAPrior(torch.rand(20, 1, 8, 8), components=5)
        >>> prior(torch.zeros(3, 5)).shape
        torch.Size([3, 1, 8, 8])
    """

    mean: Tensor
    directions: Tensor

    def __init__(self, images: Float[Tensor, "n channels height width"], components: int = 32) -> None:
        super().__init__()
        check_images(images)
        most = min(len(images) - 1, images[0].numel())
        self.latent_dim = whole_number("components", components, least=1, most=most)
        flat = images.detach().flatten(1).double()
        mean = flat.mean(0)
        _, lengths, axes = torch.linalg.svd(flat - mean, full_matrices=False)
        axes = axes[: self.latent_dim]
        signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()  # an SVD leaves them open
        scaled = lengths[: self.latent_dim, None] / (len(images) - 1) ** 0.5 * axes * signs
        self.shape = tuple(images.shape[1:])
        self.register_buffer("mean", mean.to(images.dtype))
        self.register_buffer("directions", scaled.to(images.dtype))

    def forward(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, "n channels height width"]:
        """Pictures `(n, channels, height, width)` of codes `(n, latent_dim)`."""
        return (self.mean + z @ self.directions).reshape(len(z), *self.shape)


class ConvGenerator(nn.Module):
    """Transposed convolutions from a code to a square picture with values in [0, 1].

    Args:
        pixels: Width of the picture, a power of 2 of at least 8.
        image_channels: Colours.
        latent_dim: Length of the code.
        channels: Channels of the last hidden layer; each one before has twice as many.

    Example:
        >>> ConvGenerator(16, 1, 10, 4)(torch.zeros(2, 10)).shape
        torch.Size([2, 1, 16, 16])
    """

    def __init__(self, pixels: int, image_channels: int, latent_dim: int, channels: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        widths = [channels * 2**i for i in reversed(range(pixels.bit_length() - 3))]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * 16, bias=False),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for wide, narrow in pairwise(widths):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], image_channels, 4, 2, 1), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, "n channels height width"]:
        """Pictures `(n, channels, height, width)` of codes `(n, latent_dim)`."""
        return self.layers(z)


class ConvCritic(nn.Module):
    """Strided convolutions from a picture to one score, without batch statistics, as a gradient penalty asks.

    Args:
        pixels: Width of the picture, a power of 2 of at least 8.
        image_channels: Colours.
        channels: Channels of the first layer; each next one has twice as many.

    Example:
        >>> ConvCritic(16, 1, 4)(torch.zeros(2, 1, 16, 16)).shape
        torch.Size([2])
    """

    def __init__(self, pixels: int, image_channels: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = image_channels
        for i in range(pixels.bit_length() - 3):
            layers += [nn.Conv2d(before, channels * 2**i, 4, 2, 1), nn.LeakyReLU(0.2)]
            before = channels * 2**i
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * 16, 1))

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n"]:
        """Scores `(n,)` of pictures `(n, channels, height, width)`."""
        return self.layers(images).flatten()


def train_public_prior(
    images: Float[Tensor, "n channels height width"],
    kind: Literal["wgan-gp", "pca"] = "wgan-gp",
    *,
    steps: int = 500,
    latent_dim: int = 100,
    channels: int = 24,
    batch_size: int = 64,
    critic_steps: int = 3,
    lr: float = 2e-4,
    penalty: float = 10.0,
    components: int = 32,
    generator: torch.Generator | None = None,
) -> PublicPrior:
    """Learn a prior from public pictures: a Wasserstein GAN with gradient penalty, or principal components.

    Args:
        images: Public pictures `(n, channels, height, width)`; for the GAN square, a power of 2 from 8 on wide, with
            values in [0, 1].
        kind: `"wgan-gp"`, or `"pca"` for `PCAPrior` without a discriminator.
        steps: Steps of the generator.
        latent_dim: Length of its code.
        channels: Smallest number of channels in both networks.
        batch_size: Pictures of a step.
        critic_steps: Steps of the critic for each of the generator.
        lr: Of Adam with β = (0.5, 0.999).
        penalty: Weight of the gradient penalty.
        components: Principal components of `"pca"`.
        generator: Source of initial weights, codes and batches, on the CPU; None for torch's default one.

    Returns:
        Generator, discriminator and history, in evaluation mode, on the pictures' device.

    Raises:
        InvalidParameterError: pictures or numbers outside what is allowed.
        InvalidTypeError: no pictures, or no numbers.

    Example:
        >>> prior = train_public_prior(torch.rand(20, 1, 8, 8), "wgan-gp", steps=2, channels=4, latent_dim=6)
        >>> prior.generator(torch.zeros(3, 6)).shape, prior.discriminator(torch.zeros(3, 1, 8, 8)).shape
        (torch.Size([3, 1, 8, 8]), torch.Size([3]))
    """
    one_of("kind", kind, ("wgan-gp", "pca"))
    check_images(images)
    if kind == "pca":
        return PublicPrior(PCAPrior(images, components).eval(), None, {})
    steps = whole_number("steps", steps, least=1)
    latent_dim = whole_number("latent_dim", latent_dim, least=1)
    channels = whole_number("channels", channels, least=1)
    batch_size = whole_number("batch_size", batch_size, least=2)
    critic_steps = whole_number("critic_steps", critic_steps, least=1)
    lr = real_number("lr", lr, above=0)
    penalty = real_number("penalty", penalty, least=0)
    check_generator(generator, torch.device("cpu"))
    pixels = images.shape[-1]
    if images.shape[-2] != pixels or pixels < 8 or pixels & (pixels - 1):
        raise InvalidParameterError(
            f"images have shape {tuple(images.shape[1:])}; for a GAN give square ones of 8, 16, 32, ... pixels, or "
            "kind='pca'"
        )
    if images.min() < 0 or images.max() > 1:
        raise InvalidParameterError(
            f"images lie in [{float(images.min()):g}, {float(images.max()):g}]; for a GAN bring them to [0, 1]"
        )
    with torch.random.fork_rng(devices=[]) if generator is not None else nullcontext():
        if generator is not None:
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        made: dict[str, Any] = {"device": images.device, "dtype": images.dtype}
        maker = ConvGenerator(pixels, images.shape[1], latent_dim, channels).to(**made)
        critic = ConvCritic(pixels, images.shape[1], channels).to(**made)
        history = _wasserstein(maker, critic, images, steps, batch_size, critic_steps, lr, penalty)
    return PublicPrior(maker.eval(), critic.eval(), history)


def _wasserstein(
    maker: ConvGenerator,
    critic: ConvCritic,
    images: Tensor,
    steps: int,
    batch_size: int,
    critic_steps: int,
    lr: float,
    penalty: float,
) -> dict[str, list[float]]:
    """Gulrajani et al. 2017: `E D(fake) - E D(real) + penalty E (|∇D| - 1)²`."""
    options = {"lr": lr, "betas": (0.5, 0.999)}
    of_maker = torch.optim.Adam(maker.parameters(), **options)  # type: ignore[arg-type]  # a dict of mixed values
    of_critic = torch.optim.Adam(critic.parameters(), **options)  # type: ignore[arg-type]  # likewise
    history: dict[str, list[float]] = {"critic": [], "real": [], "fake": []}

    def codes() -> Tensor:
        return torch.randn(batch_size, maker.latent_dim).to(images)

    for _ in range(steps):
        with torch.no_grad():  # one pass for all of the critic's steps, each with its own codes
            many = maker(torch.cat([codes() for _ in range(critic_steps)])).chunk(critic_steps)
        for fake in many:
            real = images[torch.randint(len(images), (batch_size,))]
            mix = torch.rand(batch_size, 1, 1, 1).to(images)
            between = (mix * real + (1 - mix) * fake).requires_grad_()
            of_real, of_fake, of_between = critic(torch.cat((real, fake, between))).chunk(3)
            (slope,) = torch.autograd.grad(of_between.sum(), between, create_graph=True)
            gap = of_fake.mean() - of_real.mean()
            loss = gap + penalty * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
        history["critic"].append(float(loss.detach()))
        history["real"].append(float(of_real.detach().mean()))
        history["fake"].append(float(of_fake.detach().mean()))
        of_maker.zero_grad()
        (-critic(maker(codes())).mean()).backward()
        of_maker.step()
    return history


def check_images(images: Any) -> None:
    """Raise where `images` are no finite pictures `(n, channels, height, width)`, at least two."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        what = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise InvalidTypeError(f"images are {what}; give a tensor of floating point numbers")
    if images.ndim != 4 or len(images) < 2 or images[0].numel() == 0:
        raise InvalidParameterError(
            f"images have shape {tuple(images.shape)}; give (n, channels, height, width) with n of at least 2"
        )
    if not bool(images.isfinite().all()):
        raise InvalidParameterError("images hold NaN or infinite values; remove those pictures")
