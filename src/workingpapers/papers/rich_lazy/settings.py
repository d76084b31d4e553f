"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        dim: Inputs d of the two-layer linear networks.
        width: Their hidden units.
        linear_ranks: Ranks of their first layer.
        linear_networks: Networks for each arm of one trial.
        linear_steps: Steps of gradient descent.
        conditions: Condition numbers of the feature map.
        gains: Small and large gain of the variance claim.
        hidden: Units of the recurrent networks.
        ranks: Ranks of the recurrent matrix.
        iterations: Steps of SGD on the first task.
        forget_iterations: Steps on the second task afterwards.
        structure_iterations: Steps with connectomes and generated structures.
        batch: Trials of a step.
        kernel_trials: Trials on which tangent kernels are taken (all outputs of all steps).
        trials: Trials on which representations, losses and accuracies are taken.
        learning_rate: Of SGD with momentum 0.9.
        gain: Of the initial recurrent matrix.
        tasks: Tasks; claims are judged on the first.
        images: Path of an .npz with `images` and `labels` for sequential-images; empty for the packaged digits.
        connectome: Path of a connectome; empty for the one of the installed package.
    """

    dim: int = 20
    width: int = 40
    linear_ranks: tuple[int, ...] = (1, 2, 5, 10, 20)
    linear_networks: int = 2
    linear_steps: int = 20000
    conditions: tuple[int, ...] = (1, 4, 10)
    gains: tuple[float, ...] = (0.3, 2.0)
    hidden: int = 300
    ranks: tuple[int, ...] = (1, 30, 100, 300)
    iterations: int = 1000
    forget_iterations: int = 400
    structure_iterations: int = 800
    batch: int = 32
    kernel_trials: int = 32
    trials: int = 320
    learning_rate: float = 0.003
    gain: float = 1.25
    tasks: tuple[str, ...] = ("two-alternative",)
    images: str = ""
    connectome: str = ""


SCALES = {
    "smoke": Settings(
        dim=10,
        linear_ranks=(1, 5, 10),
        linear_networks=1,
        linear_steps=2000,
        conditions=(1, 4),
        hidden=40,
        ranks=(1, 40),
        iterations=150,
        forget_iterations=50,
        structure_iterations=30,
        kernel_trials=8,
        trials=64,
    ),
    "laptop": Settings(),
    "paper": Settings(
        linear_networks=10,
        iterations=10000,
        forget_iterations=5000,
        structure_iterations=10000,
        tasks=("two-alternative", "delayed-match", "context-decision", "sequential-images"),
    ),
}
