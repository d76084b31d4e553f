"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        data: Name of the images.
        tasks: T, tasks of the main sequence.
        train_size: Images that training draws from; 0 takes all but the test images.
        test_size: Images held out.
        width: Width of both hidden layers.
        steps: Gradient steps of each task.
        batch: Samples of a batch.
        lr: Adam's learning rate.
        budget: Share of a batch that is rehearsed.
        exponents: d of the power law; the first is the one that is claimed about.
        rate: λ of the exponential environment.
        ewc: Strengths that elastic weight consolidation is tried with on held-out tasks.
        si: The same for synaptic intelligence.
        eval_every: Steps between evaluations of the task being learned.
        level: Accuracy that a task counts as learned at.
        grid_tasks: Numbers of tasks of the grid; the shorter sequences are the beginnings of the longest.
        grid_widths: Widths of the grid.
        grid_budgets: Budgets of the grid.
        grid_steps: Steps of each task of the grid.
        grid_batch: Samples of a batch of the grid.
        encounters: Length of the streams whose gaps are counted.
        stream_exponents: Their exponents.
    """

    data: str = "mnist"
    tasks: int = 8
    train_size: int = 4000
    test_size: int = 1000
    width: int = 256
    steps: int = 100
    batch: int = 64
    lr: float = 1e-3
    budget: float = 0.2
    exponents: tuple[float, ...] = (1.0, 0.5, 2.0)
    rate: float = 1.0
    ewc: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0)
    si: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    eval_every: int = 5
    level: float = 0.8
    grid_tasks: tuple[int, ...] = (5, 10, 20)
    grid_widths: tuple[int, ...] = (64, 256, 1024)
    grid_budgets: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5)
    grid_steps: int = 25
    grid_batch: int = 32
    encounters: int = 20_000
    stream_exponents: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)


SCALES = {
    "smoke": Settings(
        data="digits",
        tasks=3,
        train_size=1000,
        test_size=200,
        width=32,
        steps=10,
        exponents=(1.0,),
        ewc=(100.0,),
        si=(1.0,),
        eval_every=4,
        grid_tasks=(2, 3),
        grid_widths=(16, 32),
        grid_budgets=(0.2,),
        grid_steps=10,
        encounters=1000,
        stream_exponents=(0.0, 1.0),
    ),
    "laptop": Settings(),
    "paper": Settings(
        tasks=50,
        train_size=0,
        test_size=10_000,
        steps=4690,
        grid_tasks=(5, 10, 20, 50),
        grid_steps=938,
        grid_batch=64,
        eval_every=20,
        encounters=100_000,
    ),
}
