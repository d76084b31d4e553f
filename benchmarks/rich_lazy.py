"""Time tangent kernels against one backward pass for each output, and tasks against neurogym's.

    python benchmarks/rich_lazy.py [--write]

One thread, float32, contenders in turn. The recurrent network of the paper (300 units, 8 steps, 32 trials, 3 classes,
kernel of all 768 outputs for the recurrent weights), and a plain network of linear layers. nngeometry and neurogym are
compared where they are installed; what is not installed is named. Prints seconds and ratios; --write keeps them with
the environment in benchmarks/results/rich_lazy.{json,md}.
"""

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil
import torch
from measured_on import environment, keep
from torch import Tensor, nn

from workingpapers.papers.rich_lazy import CTRNN, TwoAlternative, tangent_kernel
from workingpapers.parts.timing import interleaved, single_thread

TARGET_RATIO, TARGET_DIFFERENCE = 50.0, 1e-5


def loop_kernel(module: nn.Module, x: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """One backward pass for each output, as the official code does it: J whole, then J J^T."""
    out = module(x)
    out = (out[0] if isinstance(out, tuple) else out).flatten()
    jacobian = torch.empty(len(out), sum(p.numel() for p in parameters))
    for i, each in enumerate(out):
        grads = torch.autograd.grad(each, parameters, retain_graph=True)
        jacobian[i] = torch.cat([g.flatten() for g in grads])
    return jacobian @ jacobian.T


def compare(
    name: str, contenders: dict[str, Callable[[], Any]], ours: str, rounds: int, *, same: bool
) -> dict[str, Any]:
    """Median seconds, median ratios within a round, and how far the results differ from ours."""
    with single_thread():
        difference = 0.0
        if same:
            results = {key: call() for key, call in contenders.items()}
            scale = float(results[ours].abs().max())
            difference = max(float((each - results[ours]).abs().max()) / scale for each in results.values())
        taken = interleaved(contenders, rounds=rounds)
    return {
        "work": name,
        "ours": ours,
        "seconds": {key: float(np.median(values)) for key, values in taken.items()},
        "times_faster": {key: float(np.median(v / taken[ours])) for key, v in taken.items() if key != ours},
        "largest_relative_difference": difference,
    }


def recurrent(rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    network = CTRNN(3, 300, 3)
    x, _ = TwoAlternative().batch(32, torch.Generator().manual_seed(0))
    weights = [network.recurrent.weight]
    contenders = {
        "structure (ours)": lambda: tangent_kernel(network, x, "recurrent"),
        "one backward for each output": lambda: loop_kernel(network, x, weights),
    }
    return compare("recurrent network, 768 outputs", contenders, "structure (ours)", rounds, same=True)


def layers(rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 8))
    x = torch.randn(64, 64)
    weights = list(net.parameters())
    contenders: dict[str, Callable[[], Any]] = {
        "layerwise (ours)": lambda: tangent_kernel(net, x),
        "one backward for each output": lambda: loop_kernel(net, x, weights),
        "torch.func, vmap of jacrev": lambda: functional_kernel(net, x),
    }
    if importlib.util.find_spec("nngeometry") is not None:
        contenders["nngeometry"] = lambda: nngeometry_kernel(net, x)
    return compare("linear layers, 512 outputs", contenders, "layerwise (ours)", rounds, same=True)


def functional_kernel(net: nn.Module, x: Tensor) -> Tensor:
    """The recipe of torch.func: each sample's Jacobian by vmap of jacrev."""
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def one(p: dict[str, Tensor], sample: Tensor) -> Tensor:
        return torch.func.functional_call(net, p, (sample[None],))[0]

    made = torch.func.vmap(torch.func.jacrev(one), (None, 0))(parameters, x)
    jacobian = torch.cat([each.flatten(2) for each in made.values()], 2).flatten(0, 1)
    return jacobian @ jacobian.T


def nngeometry_kernel(net: nn.Module, x: Tensor) -> Tensor:
    from nngeometry.gram import GramMatrix
    from nngeometry.layercollection import LayerCollection
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(x.clone()), batch_size=len(x))
    made = GramMatrix(net, loader, function=lambda d: net(d), layer_collection=LayerCollection.from_model(net))
    tensor = made.data  # (class, sample, class, sample)
    return tensor.permute(1, 0, 3, 2).reshape(512, 512).detach()


def tasks(rounds: int) -> dict[str, Any] | str:
    task, generator = TwoAlternative(), torch.Generator().manual_seed(0)
    if importlib.util.find_spec("neurogym") is None:
        return "neurogym is not installed: its generator is not compared"
    try:
        import neurogym

        timing = {"fixation": 0, "stimulus": 700, "delay": 0, "decision": 100}
        dataset = neurogym.Dataset(
            "PerceptualDecisionMaking-v0", env_kwargs={"dt": 100, "timing": timing}, batch_size=32, seq_len=8
        )
        dataset()
    except Exception as error:  # an installed neurogym that does not run is no contender
        return f"neurogym is installed and does not run ({type(error).__name__}: {error}): not compared"

    def repeat(call: Callable[[], Any]) -> Callable[[], None]:
        return lambda: [call() for _ in range(50)] and None

    contenders = {
        "vectorised (ours)": repeat(lambda: task.batch(32, generator)),
        "neurogym": repeat(dataset),
    }
    return compare("50 batches of 32 two-alternative trials", contenders, "vectorised (ours)", rounds, same=False)


def memory() -> dict[str, float]:
    """Peak growth of the process over the kernel of the recurrent network, in MB: ours, and the Jacobian's size."""
    network = CTRNN(3, 300, 3)
    x, _ = TwoAlternative().batch(32, torch.Generator().manual_seed(0))
    process = psutil.Process()
    tangent_kernel(network, x[:, :2], "recurrent")
    before = process.memory_info().rss
    tangent_kernel(network, x, "recurrent")
    return {
        "ours_rss_growth_mb": (process.memory_info().rss - before) / 2**20,
        "kernel_mb": 768 * 768 * 4 / 2**20,
        "jacobian_mb": 768 * 300 * 300 * 4 / 2**20,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| work | contender | ms | ours is faster by | largest relative difference |", "|---|---|---:|---:|---:|"]
    for row in rows:
        for name, seconds in row["seconds"].items():
            is_ours = name == row["ours"]
            ratio = "" if is_ours else f"{row['times_faster'][name]:.1f}×"
            difference = "" if is_ours or "batches" in row["work"] else f"{row['largest_relative_difference']:.1e}"
            lines.append(f"| {row['work']} | {name} | {1e3 * seconds:.2f} | {ratio} | {difference} |")
    return "\n".join(lines)


def target(row: dict[str, Any]) -> str:
    """Whether the target is met."""
    ratio, difference = row["times_faster"]["one backward for each output"], row["largest_relative_difference"]
    is_met = ratio >= TARGET_RATIO and difference <= TARGET_DIFFERENCE
    return (
        f"Target: {TARGET_RATIO:g} times faster than one backward pass for each output on the recurrent network, same "
        f"kernel to {TARGET_DIFFERENCE:g}: {ratio:.1f} times, {difference:.1e}: {'met' if is_met else 'not met'}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    options = parser.parse_args()
    size = memory()
    made = [recurrent(options.rounds), layers(options.rounds), tasks(options.rounds)]
    rows = [each for each in made if isinstance(each, dict)]
    notes = [target(rows[0]), *(each for each in made if isinstance(each, str))]
    notes.append(
        f"Memory: the process grew by {size['ours_rss_growth_mb']:.0f} MB over the recurrent network's kernel "
        f"({size['kernel_mb']:.1f} MB itself); the Jacobian that is not formed takes {size['jacobian_mb']:.0f} MB."
    )
    where = environment("nngeometry", "neurogym", precision="float32", threads=1)
    print(table(rows), *notes, sep="\n\n")
    if options.write:
        title = "rich-lazy: tangent kernels and tasks"
        keep("rich_lazy", title, where, table(rows), notes, rounds=options.rounds, rows=rows, memory=size)


if __name__ == "__main__":
    main()
