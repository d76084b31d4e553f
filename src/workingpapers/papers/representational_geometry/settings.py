"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        hidden: Hidden units of the networks.
        dim: Width of the inputs.
        steps: Optimiser steps.
        batch: Samples of a step.
        lr: Adam's learning rate.
        w0: Standard deviation of the input weights.
        separabilities: Of the grid; the first is the default cell's.
        noises: Of the grid; the first is the default cell's.
        replicas: Networks for each cell of the grid, activation and trial.
        sweep: Activations compared on three labels.
        samples: Samples on which representations are compared.
        decoding_noises: Noises tried, from small to large, until decoders neither saturate nor guess.
        conv_steps: Optimiser steps of the convolutional network.
        cifar: Folder with `cifar-10-batches-py` for the convolutional network; empty for scikit-learn's digits.
    """

    hidden: int = 100
    dim: int = 50
    steps: int = 1500
    batch: int = 32
    lr: float = 1e-3
    w0: float = 0.3
    separabilities: tuple[float, ...] = (0.0, 0.1, 0.3, 0.7)
    noises: tuple[float, ...] = (0.3, 1.0)
    replicas: int = 2
    sweep: tuple[str, ...] = (
        "tanh",
        "erf",
        "hardtanh",
        "sigmoid",
        "shifted-sigmoid",
        "relu",
        "leaky-relu",
        "softplus",
        "clipped-relu",
        "linear",
    )
    samples: int = 800
    decoding_noises: tuple[float, ...] = (0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0)
    conv_steps: int = 400
    cifar: str = ""


SCALES = {
    "smoke": Settings(
        steps=300,
        separabilities=(0.0, 0.3),
        replicas=1,
        sweep=("tanh", "erf", "hardtanh", "relu", "leaky-relu", "linear"),
        samples=320,
        decoding_noises=(0.6, 1.5),
        conv_steps=40,
    ),
    "laptop": Settings(),
    "paper": Settings(
        steps=5000,
        separabilities=(0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
        noises=(0.3, 0.1, 0.6, 1.0, 1.5),
        replicas=4,
        samples=2000,
        conv_steps=4000,
    ),
}
