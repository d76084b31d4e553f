"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): the sizes of the experiment.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements one dial, the scale, that sets every other size.
Differences from the paper: widths and lengths are smaller below the scale `paper`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one trial.

    Args:
        lengths: Lengths k at which networks are trained and asked for all inputs (or `max_inputs` of them).
        sampled_lengths: Lengths at which they are asked for a sample of inputs only.
        process_lengths: Lengths at which the exact limit is drawn.
        max_inputs: Most inputs that are ever asked for at one length.
        width: Hidden units.
        max_models: Most networks at one length; else as many as the exact size for all inputs.
        delta: Probability of a mistake for which sizes are computed.
        signs_up_to: Largest k at which the signs of the closed form are looked at.
        slope_lengths: Lengths k over which sizes are fitted.
        single_lengths: Lengths at which the size for one input is measured.
        single_pool: Networks trained for that, in multiples of the size.
        normal_length: Length at which one output's distribution is looked at.
        regime_length: Length at which ways of training are compared.
        regime_models: Networks of each way.
        regime_group: Of these, how many are averaged for an accuracy.
        relabel_length: Length at which six permutations are compared.
        relabel_width: Width of those networks.
        group_models: Networks in one of their ensembles.
        groups: Ensembles for each permutation.
    """

    lengths: tuple[int, ...] = (5, 6, 8, 10, 12)
    sampled_lengths: tuple[int, ...] = (16,)
    process_lengths: tuple[int, ...] = (16, 24, 32)
    max_inputs: int = 4095
    width: int = 1000
    max_models: int = 1200
    delta: float = 0.1
    signs_up_to: int = 300
    slope_lengths: tuple[int, ...] = (32, 45, 64, 91, 128, 181, 256)
    single_lengths: tuple[int, ...] = (5, 6, 8)
    single_pool: int = 10
    normal_length: int = 8
    regime_length: int = 10
    regime_models: int = 400
    regime_group: int = 50
    relabel_length: int = 6
    relabel_width: int = 300
    group_models: int = 20
    groups: int = 10


SCALES = {
    "smoke": Settings(
        lengths=(4, 6),
        sampled_lengths=(),
        process_lengths=(8,),
        max_inputs=63,
        width=300,
        max_models=150,
        signs_up_to=60,
        single_lengths=(4,),
        single_pool=2,
        normal_length=6,
        regime_length=6,
        regime_models=60,
        regime_group=20,
        relabel_length=4,
        relabel_width=100,
        group_models=10,
        groups=4,
    ),
    "laptop": Settings(),
    "paper": Settings(
        lengths=(4, 5, 6, 8, 10, 12, 15),
        sampled_lengths=(20, 25, 30),
        max_inputs=32767,
        width=50_000,
        max_models=3000,
        single_lengths=(5, 6, 8, 10, 12, 15),
        normal_length=10,
        regime_models=1000,
        relabel_length=10,
        relabel_width=5000,
        group_models=50,
    ),
}
