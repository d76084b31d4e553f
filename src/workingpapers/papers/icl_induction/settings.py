"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        n_pairs: N, pairs in a context.
        n_labels: L.
        dim: Content width D.
        positions: P.
        mlp_hidden: Width of the MLP.
        few: Number of classes that weights can hold.
        medium: Number at which burstiness and noise are varied.
        many: Number that weights cannot hold.
        classes: Numbers of classes of the phase diagram; among them the three above.
        bursts: Burstiness of the phase diagram, at `medium` classes.
        noises: Within-class noise of the phase diagram, at `medium` classes; the second against the first is claimed.
        skews: Exponents of the phase diagram, at `many` classes; the last is claimed.
        optimizer: `adam` or `sgd`.
        lr: Learning rate.
        head_lr: Factor on it for the two logits of the minimal model.
        batch: Sequences of a step.
        steps: Steps of every network of the phase diagram; none stops early.
        delay_steps: Most steps of the networks on new classes, which stop when they have learned.
        eval_every: Steps between evaluations.
        fine_every: The same for the networks on new classes, whose transition is timed.
        eval_size: Sequences of a test set.
        sgd_steps: Most steps of the plain-SGD networks; 0 leaves them out.
        sgd_lr: Their learning rate.
    """

    n_pairs: int = 4
    n_labels: int = 8
    dim: int = 32
    positions: int = 17
    mlp_hidden: int = 128
    few: int = 16
    medium: int = 64
    many: int = 1024
    classes: tuple[int, ...] = (16, 64, 256, 1024)
    bursts: tuple[int, ...] = (1, 2, 4)
    noises: tuple[float, ...] = (0.1, 0.5)
    skews: tuple[float, ...] = (0.0, 1.5)
    optimizer: str = "adam"
    lr: float = 3e-3
    head_lr: float = 10.0
    batch: int = 64
    steps: int = 1600
    delay_steps: int = 3000
    eval_every: int = 100
    fine_every: int = 50
    eval_size: int = 1000
    sgd_steps: int = 0
    sgd_lr: float = 0.01


SCALES = {
    "smoke": Settings(
        n_pairs=2,
        n_labels=4,
        dim=16,
        positions=9,
        mlp_hidden=32,
        few=8,
        medium=16,
        many=64,
        classes=(8, 16, 64),
        bursts=(1, 2),
        steps=200,
        delay_steps=200,
        eval_every=50,
        fine_every=25,
        eval_size=200,
    ),
    "laptop": Settings(),
    "paper": Settings(
        n_pairs=8,
        n_labels=32,
        dim=63,
        positions=65,
        few=128,
        medium=512,
        many=8192,
        classes=(128, 512, 2048, 8192),
        noises=(0.1, 0.5, 1.0),
        skews=(0.0, 0.5, 1.0, 1.5),
        optimizer="sgd",
        lr=0.01,
        batch=128,
        steps=150_000,
        delay_steps=150_000,
        eval_every=1000,
        fine_every=500,
        eval_size=2000,
        sgd_steps=150_000,
    ),
}
