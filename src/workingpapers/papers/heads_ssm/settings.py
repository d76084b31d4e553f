"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        n: Tokens on which heads are counted.
        states: State sizes N.
        widths: Token widths, p = d.
        draws: Random systems for each family, state size and width in one trial.
        rho: Spectral radius.
        layer_tokens: Tokens of the small layers whose operators are rebuilt.
        layer_dim: Their width.
        rank_inputs: Random inputs on which one head's rank is taken.
        reach: Largest gradient distance.
        gradient_states: State size of the systems whose gradients are followed.
        teacher_rank: k of the systems that heads learn to imitate.
        teachers: Number of such systems in one trial.
        train_tokens: Their sequence length.
        train_steps: Adam steps.
        train_batch: Sequences of a step.
        learning_rate: Adam's.
        timing_tokens: Lengths at which scan and heads are timed.
        timing_rounds: Rounds of the timing.
        weights: Path of a safetensors file with trained state-space layers; empty for none.
        weights_tokens: Tokens on which trained layers are counted.
    """

    n: int = 128
    states: tuple[int, ...] = (2, 4, 8, 16)
    widths: tuple[int, ...] = (4, 8)
    draws: int = 8
    rho: float = 0.95
    layer_tokens: int = 24
    layer_dim: int = 8
    rank_inputs: int = 20
    reach: int = 600
    gradient_states: int = 8
    teacher_rank: int = 4
    teachers: int = 2
    train_tokens: int = 48
    train_steps: int = 600
    train_batch: int = 32
    learning_rate: float = 0.02
    timing_tokens: tuple[int, ...] = (256, 1024, 4096, 16384)
    timing_rounds: int = 3
    weights: str = ""
    weights_tokens: int = 1024


SCALES = {
    "smoke": Settings(
        n=32, widths=(4,), draws=1, reach=24, teachers=1, train_steps=100, timing_tokens=(256, 1024), weights_tokens=64
    ),
    "laptop": Settings(),
    "paper": Settings(
        n=1024, states=(4, 16, 64), widths=(64,), draws=4, layer_tokens=64, layer_dim=32, teachers=8, train_steps=3000
    ),
}
