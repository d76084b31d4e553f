"""Time coupled simulation against torchsde, replicas against a loop over modules, and the coupling itself.

    python benchmarks/synchronization.py [--write]

One thread, float32, contenders in turn. Simulation: 64 paths of 10 replicas of 5 weights on a quadratic loss, complete
graph, 5000 Euler steps, the last state alone; torchsde runs the same system flattened, by the same steps. Replicas: one
training step (SGD with momentum) of 8 MLPs 784-256-10 on a batch of 16 or 128 for each, against a Python loop over 8
modules with an optimizer each. torchsde is compared where it is installed. Prints seconds and ratios; --write keeps
them with the environment in benchmarks/results/synchronization.{json,md}.
"""

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.papers.synchronization import (
    SynchronizedOptimizer,
    SynchronizedReplicas,
    laplacian,
    simulate,
    stationary_moments,
)
from workingpapers.parts.timing import interleaved, single_thread

PATHS, N, D, STEPS, DT, COUPLING = 64, 10, 5, 5000, 0.01, 0.5
REPLICAS, BATCHES = 8, (16, 128)
H = torch.tensor([0.5, 1.0, 1.5, 2.0, 3.0])


def simulation(rounds: int) -> dict[str, Any] | str:
    """The same recursion by us and by torchsde's Euler scheme with diagonal noise."""
    graph = laplacian("complete", N)
    found: dict[str, float] = {}

    def ours() -> None:
        run = simulate(
            lambda w: w * H, torch.zeros(D), graph, COUPLING, 1.0, dt=DT, steps=STEPS, paths=PATHS, record_every=STEPS
        )
        found["simulate (ours)"] = spread(run.final)

    contenders: dict[str, Callable[[], object]] = {"simulate (ours)": ours}
    if importlib.util.find_spec("torchsde") is None:
        return "torchsde is not installed: the simulation is not compared"
    import torchsde

    class Coupled(nn.Module):
        noise_type, sde_type = "diagonal", "ito"
        matrix = (COUPLING * graph).float()
        ones = torch.ones(PATHS, N * D)

        def f(self, t: Tensor, y: Tensor) -> Tensor:
            w = y.view(PATHS, N, D)
            return -(w * H + self.matrix @ w).view(PATHS, -1)

        def g(self, t: Tensor, y: Tensor) -> Tensor:
            return self.ones

    def theirs() -> None:
        times = torch.tensor([0.0, STEPS * DT])
        with torch.no_grad():
            end = torchsde.sdeint(Coupled(), torch.zeros(PATHS, N * D), times, dt=DT, method="euler")[-1]
        found["torchsde, euler"] = spread(end.view(PATHS, N, D))

    contenders["torchsde, euler"] = theirs
    row = compare("5000 Euler steps of 64 paths", contenders, "simulate (ours)", rounds)
    exact = stationary_moments(H, graph, COUPLING, 1.0, dt=DT).spread
    row["check"] = "; ".join(f"{name} ends at spread {value:.3f}" for name, value in found.items())
    row["check"] += f"; in theory {exact:.3f}"
    return row


def spread(state: Tensor) -> float:
    return float((state - state.mean(1, keepdim=True)).square().sum((1, 2)).mean()) / N


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def training(rounds: int, batch: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """One step of all replicas: together, uncoupled, and as a Python loop with the same coupling."""
    torch.manual_seed(0)
    net = mlp()
    x, y = torch.randn(REPLICAS, batch, 784), torch.randint(10, (REPLICAS, batch))
    together = SynchronizedReplicas(net, REPLICAS, "complete", 1.0)
    optimizer = torch.optim.SGD(together.parameters(), lr=0.01, momentum=0.9)
    coupled = SynchronizedOptimizer(optimizer, together)

    def step(chosen: torch.optim.Optimizer) -> None:
        chosen.zero_grad()
        logits = together.forward_each(x)
        (REPLICAS * functional.cross_entropy(logits.flatten(0, 1), y.flatten())).backward()
        chosen.step()

    modules = [mlp() for _ in range(REPLICAS)]
    for each in modules:
        each.load_state_dict(net.state_dict())
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01, momentum=0.9) for each in modules]
    graph = laplacian("complete", REPLICAS).float()

    def loop() -> None:
        for i, (each, own) in enumerate(zip(modules, optimizers, strict=True)):
            own.zero_grad()
            functional.cross_entropy(each(x[i]), y[i]).backward()
            own.step()
        with torch.no_grad():
            for several in zip(*(each.parameters() for each in modules), strict=True):
                values = [p.detach().clone() for p in several]
                for i, parameter in enumerate(several):
                    for j, value in enumerate(values):
                        parameter.sub_(value, alpha=0.01 * float(graph[i, j]))

    def loop_stacked() -> None:
        for i, (each, own) in enumerate(zip(modules, optimizers, strict=True)):
            own.zero_grad()
            functional.cross_entropy(each(x[i]), y[i]).backward()
            own.step()
        with torch.no_grad():
            for several in zip(*(each.parameters() for each in modules), strict=True):
                stacked = torch.stack(list(several))
                moved = stacked - 0.01 * torch.tensordot(graph, stacked, 1)
                for parameter, value in zip(several, moved, strict=True):
                    parameter.copy_(value)

    with single_thread():  # the same work: both have the same parameters after some steps
        for _ in range(3):
            step(coupled)
            loop_stacked()
        differences = [
            float((ours[i] - p).detach().abs().max())
            for i, each in enumerate(modules)
            for ours, p in zip(together.parameters(), each.parameters(), strict=True)
        ]
    contenders: dict[str, Callable[[], object]] = {
        "SynchronizedReplicas (ours)": lambda: step(coupled),
        "loop over modules, coupled pair by pair": loop,
        "loop over modules, coupled by one product": loop_stacked,
    }
    row = compare(f"training step of 8 MLPs, batch {batch}", contenders, "SynchronizedReplicas (ours)", rounds)
    row["check"] = f"largest difference of parameters after 3 steps {max(differences):.1e}"
    parts = {
        "training step with coupling": lambda: step(coupled),
        "training step without": lambda: step(optimizer),
        "couple_ alone": lambda: together.couple_(0.01),
    }
    share = compare(f"coupling, batch {batch}", parts, "training step with coupling", rounds)
    taken = share["seconds"]
    share["coupling_share_of_step"] = taken["couple_ alone"] / taken["training step with coupling"]
    return row, share


def compare(name: str, contenders: dict[str, Callable[[], object]], ours: str, rounds: int) -> dict[str, Any]:
    """Median seconds and median ratios within a round."""
    with single_thread():
        taken = interleaved(contenders, rounds=rounds)
    return {
        "work": name,
        "ours": ours,
        "seconds": {key: float(np.median(values)) for key, values in taken.items()},
        "times_faster": {key: float(np.median(v / taken[ours])) for key, v in taken.items() if key != ours},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| work | contender | ms | ours is faster by |", "|---|---|---:|---:|"]
    for row in rows:
        for name, seconds in row["seconds"].items():
            ratio = "" if name == row["ours"] else f"{row['times_faster'][name]:.2f}×"
            lines.append(f"| {row['work']} | {name} | {1e3 * seconds:.2f} | {ratio} |")
    return "\n".join(lines)


def target(name: str, is_met: bool, measured: str) -> str:
    return f"Target: {name}: {measured}: {'met' if is_met else 'not met'}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds")
    options = parser.parse_args()
    simulated = simulation(options.rounds)
    trained, shares = zip(*(training(4 * options.rounds, batch) for batch in BATCHES), strict=True)
    rows = [row for row in (simulated, *trained) if isinstance(row, dict)]
    notes = [simulated] if isinstance(simulated, str) else []
    notes += [f"Same work: {row['work']}: {row['check']}." for row in rows]
    if isinstance(simulated, dict):
        ratio = simulated["times_faster"]["torchsde, euler"]
        notes.append(target("at least 3 times torchsde on the same steps", ratio >= 3, f"{ratio:.1f} times"))
    for batch, row, share in zip(BATCHES, trained, shares, strict=True):
        ratio, part = min(row["times_faster"].values()), share["coupling_share_of_step"]
        name = f"at least 2 times a loop over modules (batch {batch})"
        notes.append(target(name, ratio >= 2, f"{ratio:.2f} times the faster loop"))
        notes.append(target(f"coupling below 10 % of a step (batch {batch})", part < 0.1, f"{100 * part:.1f} %"))
    where = environment("torchsde", precision="float32", threads=1)
    print(table(rows), *notes, sep="\n\n")
    if options.write:
        title = "synchronization: simulation and replicas"
        keep("synchronization", title, where, table(rows), notes, rounds=options.rounds, rows=[*rows, *shares])


if __name__ == "__main__":
    main()
