"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        data: "mnist", "digits" or "orl-faces".
        data_path: Where it lies; empty for an installed package.
        pixels: Width of the pictures, a power of 2.
        private_classes: The first so many classes are private, all others public.
        train: Private training pictures; the rest of the private ones is for testing.
        channels: Of the three blocks of the classifier.
        epochs: Passes over the training pictures.
        batch: Pictures of a training step.
        learning_rate: Of Adam.
        prior: Prior of the main attack, "wgan-gp" or "pca".
        prior_steps: Steps of its training.
        prior_channels: Smallest width of its networks.
        components: Of the linear prior.
        evaluator_epochs: Passes of the evaluator, which sees all classes.
        attack_steps: Steps of each gradient attack.
        attack_rate: Its learning rate.
        restarts: Attacks on each class.
        queries: Codes that the adaptive attack draws.
        generations: Of its search without gradients.
        measured: Held-out pictures on which dependences are measured, in batches of 64.
    """

    data: str = "mnist"
    data_path: str = ""
    pixels: int = 16
    private_classes: int = 5
    train: int = 1500
    channels: tuple[int, ...] = (8, 16, 32)
    epochs: int = 5
    batch: int = 64
    learning_rate: float = 1e-3
    prior: str = "wgan-gp"
    prior_steps: int = 800
    prior_channels: int = 16
    components: int = 64
    evaluator_epochs: int = 4
    attack_steps: int = 200
    attack_rate: float = 0.02
    restarts: int = 10
    queries: int = 2000
    generations: int = 40
    measured: int = 512


SCALES = {
    "smoke": Settings(
        data="digits",
        pixels=8,
        train=192,
        channels=(4, 8, 8),
        epochs=1,
        prior="pca",
        prior_steps=1,
        components=16,
        evaluator_epochs=2,
        attack_steps=8,
        restarts=2,
        queries=40,
        generations=2,
        measured=64,
    ),
    "laptop": Settings(),
    "paper": Settings(
        pixels=32,
        channels=(64, 128, 256),
        train=2000,
        epochs=20,
        prior_steps=5000,
        prior_channels=64,
        evaluator_epochs=20,
        attack_steps=3000,
        attack_rate=0.01,
        restarts=100,
        queries=20000,
        generations=100,
    ),
}
