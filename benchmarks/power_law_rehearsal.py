"""Time rehearsal along permuted digits against Avalanche's Replay plugin, on the same model, data, share and steps.

    python benchmarks/power_law_rehearsal.py [--write]

Needs `avalanche-lib` and what it imports. One thread; ten tasks of 4,000 digits, one epoch each; a batch of a later
task holds 51 new and 13 rehearsed samples, so that both take equally many steps (this is checked). Three contenders: a
plain loop over `PowerLawSampler`, Avalanche's strategy with our plugin, and with its own `ReplayPlugin`. Avalanche gets
the permuted images ready-made; the plain loop permutes each batch on the fly. Then the rate of steps over fifty tasks,
and what the sampler takes of a step. --write keeps the result in benchmarks/results/power_law_rehearsal.{json,md}.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from workingpapers.data.catalog import load
from workingpapers.papers.power_law_rehearsal import PowerLawReplayPlugin, PowerLawSampler, permuted_tasks
from workingpapers.parts.timing import interleaved, single_thread
from workingpapers.parts.torchvision_compat import allow_torchvision_import

TASKS, LONG, IMAGES, BATCH, MEMORY = 10, 50, 4000, 64, 1000
NEW, OLD = 51, 13
TARGET_SPEED, TARGET_RATE, TARGET_SHARE = 2.0, 0.95, 0.05


def network() -> nn.Sequential:
    """The experiment's network."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def tasks_of(count: int) -> Any:
    """Permuted digits."""
    data = load("mnist")
    x = torch.from_numpy(data["images"].reshape(-1, 784)[:IMAGES].astype(np.float32) / 255)
    return permuted_tasks(x, torch.from_numpy(data["labels"][:IMAGES]), count, seed=0)


def ours(tasks: Any, log: list[dict[str, float]]) -> None:
    """A plain training loop over the sampler, one row of `log` for each task."""
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    sampler = PowerLawSampler(
        tasks, batch_size=BATCH, budget=OLD / BATCH, mode="extra", memory_per_task=MEMORY // len(tasks),
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    for task in range(len(tasks)):
        began, steps = time.thread_time(), 0
        if task > 0:
            sampler.next_task()
        for indices in sampler:
            inputs, labels = tasks.batch(indices)
            optimizer.zero_grad()
            functional.cross_entropy(net(inputs), labels).backward()
            optimizer.step()
            steps += 1
        log.append({"task": task, "steps": steps, "s": time.thread_time() - began})


def avalanche(experiences: Any, make_plugin: Callable[[], Any], log: list[dict[str, float]]) -> None:
    """Avalanche's naive strategy with a replay plugin."""
    from avalanche.training.supervised import Naive

    net = network()
    strategy = Naive(
        net, torch.optim.Adam(net.parameters(), 1e-3), nn.CrossEntropyLoss(), train_mb_size=BATCH, train_epochs=1,
        plugins=[make_plugin()], evaluator=None,
    )  # fmt: skip
    for task, experience in enumerate(experiences):
        before, began = strategy.clock.train_iterations, time.thread_time()
        strategy.train(experience)
        log.append({"task": task, "steps": strategy.clock.train_iterations - before, "s": time.thread_time() - began})


def experiences_of(tasks: Any) -> Any:
    """The tasks as Avalanche's experiences, the images permuted beforehand."""
    from avalanche.benchmarks import benchmark_from_datasets
    from avalanche.benchmarks.utils import as_classification_dataset

    datasets = []
    for task in tasks:
        x, y = task.tensors()
        data = TensorDataset(x, y)
        data.targets = y.tolist()
        datasets.append(as_classification_dataset(data))
    return benchmark_from_datasets(train=datasets).train_stream


def compare(rounds: int) -> list[dict[str, Any]]:
    """Seconds, steps and rates of each contender over ten tasks."""
    from avalanche.training.plugins import ReplayPlugin

    tasks = tasks_of(TASKS)
    experiences = experiences_of(tasks)
    logs: dict[str, list[dict[str, float]]] = {name: [] for name in ("loop over the sampler", "our plugin", "Replay")}
    theirs = partial(ReplayPlugin, MEMORY, batch_size=NEW, batch_size_mem=OLD)
    mine = partial(PowerLawReplayPlugin, MEMORY, budget=OLD / BATCH, mode="extra")
    taken = interleaved(
        {
            "loop over the sampler": partial(ours, tasks, logs["loop over the sampler"]),
            "our plugin": partial(avalanche, experiences, mine, logs["our plugin"]),
            "Replay": partial(avalanche, experiences, theirs, logs["Replay"]),
        },
        rounds=rounds,
        warmup=1,
    )
    for log in logs.values():
        del log[:TASKS]  # the warm-up
    steps = {name: [row["steps"] for row in log[:TASKS]] for name, log in logs.items()}
    if len({tuple(each) for each in steps.values()}) != 1:
        raise SystemExit(f"the contenders took unequal numbers of steps: {steps}")
    first = taken["loop over the sampler"]
    return [
        {"what": "ten tasks", "contender": name, "steps": int(sum(steps[name])), "s": float(np.median(values)),
         "ratio": float(np.median(values / first)), "rate_last_to_first": rate(logs[name], TASKS)}
        for name, values in taken.items()
    ]  # fmt: skip


def rate(log: list[dict[str, float]], tasks: int, some: int = 3) -> float:
    """Steps a second over the last tasks over that of the first ones with rehearsal, median over rounds."""
    rounds = [log[begin : begin + tasks] for begin in range(0, len(log), tasks)]

    def speed(rows: list[dict[str, float]]) -> float:
        return float(np.median([row["steps"] / row["s"] for row in rows]))

    return float(np.median([speed(each[-some:]) / speed(each[1 : 1 + some]) for each in rounds]))


def long_run(rounds: int) -> list[dict[str, Any]]:
    """The plain loop over fifty tasks."""
    tasks, log = tasks_of(LONG), []
    for _ in range(rounds):
        ours(tasks, log)
    return [
        {"what": "fifty tasks", "contender": "loop over the sampler",
         "steps": int(sum(row["steps"] for row in log[:LONG])),
         "s": float(np.median([sum(row["s"] for row in log[i : i + LONG]) for i in range(0, len(log), LONG)])),
         "ratio": 1.0, "rate_last_to_first": rate(log, LONG, some=10)}
    ]  # fmt: skip


def sampler_share(step_s: float) -> list[dict[str, Any]]:
    """What drawing the indices takes, in the forty-ninth phase, of a step of the network."""
    sampler = PowerLawSampler([IMAGES] * LONG, batch_size=BATCH, generator=torch.Generator().manual_seed(0))
    for _ in range(LONG - 1):
        sampler.next_task()
    taken = interleaved({"sampler": lambda: [None for _ in sampler]}, rounds=20)["sampler"]
    each = float(np.median(taken)) / len(sampler)
    return [
        {"what": "drawing indices, 50 tasks", "contender": "sampler", "steps": len(sampler),
         "s": float(np.median(taken)), "share_of_step": each / step_s}
    ]  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | contender | steps | s | times as long as the loop | rate, last to first tasks |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        last = f"{row['rate_last_to_first']:.3f}" if "rate_last_to_first" in row else ""
        lines.append(f"| {row['what']} | {row['contender']} | {row['steps']} | {row['s']:.3f} | {ratio} | {last} |")
    return "\n".join(lines)


def targets(rows: list[dict[str, Any]]) -> str:
    """Whether the targets are met."""
    replay = next(row["ratio"] for row in rows if row["contender"] == "Replay")
    long = next(row["rate_last_to_first"] for row in rows if row["what"] == "fifty tasks")
    share = next(row["share_of_step"] for row in rows if "share_of_step" in row)

    def verdict(is_met: bool) -> str:
        return "met" if is_met else "not met"

    return "\n".join(
        [
            f"Target: at least {TARGET_SPEED:g} times as fast as Replay. Ratio {replay:.2f}: "
            f"{verdict(replay >= TARGET_SPEED)}.",
            f"Target: the rate over fifty tasks stays, last to first above {TARGET_RATE:g}. {long:.3f}: "
            f"{verdict(long > TARGET_RATE)}.",
            f"Target: the sampler below {TARGET_SHARE:.0%} of a step. {share:.2%}: {verdict(share < TARGET_SHARE)}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the peer's own
    allow_torchvision_import()
    with single_thread():
        rows = compare(options.rounds)
        rows += long_run(options.rounds)
        rows += sampler_share(rows[0]["s"] / rows[0]["steps"])
    where = environment("avalanche-lib", precision="float32", threads=1)
    print(table(rows), targets(rows), sep="\n\n")
    if options.write:
        title = "power-law-rehearsal: a sequence of tasks"
        keep("power_law_rehearsal", title, where, table(rows), [targets(rows)], rounds=options.rounds, rows=rows)


if __name__ == "__main__":
    main()
