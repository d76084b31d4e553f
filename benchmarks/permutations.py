"""Time the closed-form moments against kernel libraries, and the batched ensemble against a loop of modules.

    python benchmarks/permutations.py [--write] [--step 17]

One thread where a contender has threads of its own to set; seconds are CPU seconds of the whole process, so that
threads that a library starts are counted. neural-tangents (with jax) and nngeometry are compared where they are
installed; what is not installed is named. neural-tangents' kernel is jitted; compiling is left out in one row and
counted in the other, where every length is new, as it is for whoever wants the moments of all lengths. Both are
measured once more on every --step-th length from 2 to 512; 1 takes them all, and minutes of compiling. Prints
seconds and ratios; --write keeps them with the environment in benchmarks/results/permutations.{json,md}.
"""

import argparse
import copy
import importlib.metadata
import importlib.util
import itertools
import sys
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from torch import Tensor, nn

from workingpapers.papers.permutations import (
    PermutationNetwork,
    empirical_kernel,
    permutation_kernels,
    permutation_moments,
)
from workingpapers.papers.permutations.method import default_steps
from workingpapers.papers.permutations.networks import train_networks
from workingpapers.parts.timing import single_thread

LENGTHS = tuple(2**i for i in range(1, 10))
_NAME = "moments, k = 2, 4, 8 … 512, every number of ones, compiled ahead"
Call = Callable[[], Any]


def timed(contenders: dict[str, Call], rounds: int) -> dict[str, np.ndarray]:
    """Process CPU seconds of each contender, in turn, after one round that is thrown away."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    with single_thread():
        for turn in range(rounds + 1):
            for name, call in contenders.items():
                start = time.process_time()
                call()
                if turn:
                    taken[name].append(time.process_time() - start)
    return {name: np.array(values) for name, values in taken.items()}


def compare(
    work: str, contenders: dict[str, Call], ours: str, rounds: int, allowed: float, repeats: int = 1
) -> dict[str, Any]:
    """Median seconds, median ratios within a round, and the largest difference of the results from ours.

    `repeats` is how often our call is made within one measurement, so that it is long enough to be timed.
    """
    with single_thread():
        results = {name: np.asarray(call()) for name, call in contenders.items()}
    difference = {name: float(np.abs(each - results[ours]).max()) for name, each in results.items() if name != ours}
    call_ours = contenders[ours]
    run = {**contenders, ours: lambda: [call_ours() for _ in range(repeats)]}
    taken = timed(run, rounds)
    taken[ours] = taken[ours] / repeats
    return {
        "work": work,
        "ours": ours,
        "seconds": {name: float(np.median(values)) for name, values in taken.items()},
        "times_faster": {name: float(np.median(v / taken[ours])) for name, v in taken.items() if name != ours},
        "largest_difference": difference,
        "allowed_difference": allowed,
    }


def closed_form(lengths: Sequence[int] = LENGTHS) -> np.ndarray:
    """Means and variance at every number of ones, for all lengths, `(3, sum of lengths)`."""
    return np.concatenate([np.array(permutation_moments(k, np.arange(1, k + 1))) for k in lengths], axis=1)


def staircase(k: int) -> np.ndarray:
    """One input of each number of ones, `(k, k)`."""
    return np.tri(k)


def dense_solve() -> np.ndarray:
    """The same from the kernel matrices, by a solve for each length."""
    made = []
    for k in LENGTHS:
        test, basis = staircase(k), np.eye(k)
        among, across, prior = (
            permutation_kernels(basis),
            permutation_kernels(test, basis),
            permutation_kernels(test).nngp,
        )
        weights = np.linalg.solve(among.ntk, across.ntk.T).T
        cross = weights @ across.nngp.T
        covariance = prior + weights @ among.nngp @ weights.T - cross - cross.T
        made.append(_three_rows(k, weights, covariance))
    return np.concatenate(made, axis=1)


def _three_rows(k: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    zero = mean[:, -1].copy()
    zero[-1] = permutation_moments(k, k).mean_zero  # no coordinate must be 0 there
    return np.array([mean[:, 0], zero, np.diag(covariance)])


def neural_tangents_call() -> Callable[[Sequence[int]], np.ndarray] | str:
    """The same by neural-tangents in float64, its kernel jitted; or why not."""
    if importlib.util.find_spec("neural_tangents") is None or importlib.util.find_spec("jax") is None:
        return (
            "neural-tangents is not installed: `pip install neural-tangents==0.6.5 jax==0.4.38` in a folder of its own."
        )
    # its TensorFlow bridge is not needed, and TensorFlow weighs gigabytes
    sys.modules.setdefault("neural_tangents.experimental", types.ModuleType("neural_tangents.experimental"))
    import jax

    jax.config.update("jax_enable_x64", True)
    import neural_tangents as nt
    from neural_tangents import stax

    def dense() -> Any:
        return stax.Dense(1, b_std=None, parameterization="ntk")

    kernel = jax.jit(stax.serial(dense(), stax.Relu(), dense())[2], static_argnames="get")

    def call(lengths: Sequence[int]) -> np.ndarray:
        made = []
        for k in lengths:
            test = staircase(k) / np.sqrt(np.arange(1, k + 1))[:, None]
            predict = nt.predict.gradient_descent_mse_ensemble(kernel, np.eye(k), np.eye(k), diag_reg=0.0)
            found = predict(x_test=test, get="ntk", compute_cov=True)
            made.append(_three_rows(k, np.asarray(found.mean), np.asarray(found.covariance)))
        return np.concatenate(made, axis=1)

    return call


def moments(rounds: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Closed form against a dense solve and neural-tangents."""
    contenders: dict[str, Call] = {"closed form (ours)": closed_form, "dense solve, numpy": dense_solve}
    peer = neural_tangents_call()
    if isinstance(peer, str):
        return [compare(_NAME, contenders, "closed form (ours)", rounds, 1e-9, repeats=20)], [peer]
    known = peer
    contenders["neural-tangents"] = lambda: known(LENGTHS)
    compiled = compare(_NAME, contenders, "closed form (ours)", rounds, 1e-9, repeats=20)

    def on_new_lengths(function: Callable[[Sequence[int]], np.ndarray]) -> Call:
        turn = itertools.count()

        def call() -> np.ndarray:
            step = next(turn)
            return function((20 + step, 180 + step, 500 - step))

        return call

    fresh = {"closed form (ours)": on_new_lengths(closed_form), "neural-tangents": on_new_lengths(known)}
    name = "moments, three lengths from 20 to 500 that are new, every number of ones, compiling counted"
    # equal inputs have a cosine of 1 up to rounding there, of which the arc cosine makes the square root
    note = (
        "With new lengths, results are compared to 1e-8: neural-tangents finds angles of about 1e-8 between equal "
        "inputs where 1/k is no binary fraction. The dense solve, which does not, agrees as the table says."
    )
    return [compiled, compare(name, fresh, "closed form (ours)", rounds, 1e-8)], [note]


def evenly_spaced(rounds: int, step: int) -> list[dict[str, Any]]:
    """Closed form against neural-tangents from k = 2 to 512: first calls for each length, and those that follow."""
    peer = neural_tangents_call()
    if isinstance(peer, str):
        return []
    lengths, ours, theirs = range(2, 513, step), "closed form (ours)", "neural-tangents"
    closed_form(lengths)
    made = []
    names = ("compiling counted", "compiled ahead")
    for name, turns in zip(names, (1, rounds), strict=True):
        seconds: dict[str, list[float]] = {ours: [], theirs: []}
        for _ in range(turns):
            for contender, call, repeats in ((theirs, peer, 1), (ours, closed_form, 20)):
                with single_thread():
                    start = time.process_time()
                    results = [call(lengths) for _ in range(repeats)]
                    seconds[contender].append((time.process_time() - start) / repeats)
                if contender == theirs:
                    found = results[0]
        difference = float(np.abs(found - closed_form(lengths)).max())
        made.append(
            {
                "work": f"moments, k = 2, {2 + step} … {lengths[-1]} ({len(lengths)} lengths), every m, {name}",
                "ours": ours,
                "seconds": {each: float(np.median(taken)) for each, taken in seconds.items()},
                "times_faster": {theirs: float(np.median(np.divide(seconds[theirs], seconds[ours])))},
                "largest_difference": {theirs: difference},
                "allowed_difference": 1e-8,  # see the note in `moments`
            }
        )
    return made


def training(rounds: int, k: int = 8, width: int = 500, count: int = 50) -> dict[str, Any]:
    """As many networks, started from the same weights, for as many steps, all at once or one after the other."""
    lr = k / (1 - 1 / (2 * np.pi) + k / (2 * np.pi))
    steps = default_steps(k, lr)
    targets, basis = torch.eye(k).flip(0), torch.eye(k)
    drawn = train_networks(targets, count, width=width, steps=0, lr=lr, seed=0)
    start = []
    for first, second in zip(drawn.first, drawn.second, strict=True):
        module = PermutationNetwork(k, width)
        with torch.no_grad():
            module.first.copy_(first)
            module.second.copy_(second)
        start.append(module)

    def loop() -> Tensor:
        outputs = []
        for fresh in start:
            module = copy.deepcopy(fresh)
            optimizer = torch.optim.SGD(module.parameters(), lr=lr)
            for _ in range(steps):
                optimizer.zero_grad()
                (0.5 * (module(basis) - targets).square().sum()).backward()
                optimizer.step()
            outputs.append(module(basis[:2] + basis[2:4]).detach())
        return torch.stack(outputs)

    def batched() -> Tensor:
        networks = train_networks(targets, count, width=width, steps=steps, lr=lr, seed=0)
        return networks.outputs(nn.functional.normalize(basis[:2] + basis[2:4]))

    contenders = {"one batch (ours)": batched, "loop over nn.Module with SGD": loop}
    return compare(f"training {count} networks, k = {k}, width {width}", contenders, "one batch (ours)", rounds, 1e-4)


def finite_kernel(rounds: int, k: int = 8, width: int = 500) -> tuple[dict[str, Any], list[str]]:
    """The tangent kernel of a finite network on k inputs, with all outputs."""
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(k, width, bias=False), nn.ReLU(), nn.Linear(width, k, bias=False))
    x = torch.randn(32, k, generator=generator)
    parameters = dict(net.named_parameters())

    def ours() -> np.ndarray:
        return empirical_kernel(net, x, outputs="full").numpy()

    def jacobians() -> np.ndarray:
        def one(values: dict[str, Tensor], row: Tensor) -> Tensor:
            out: Tensor = torch.func.functional_call(net, values, (row[None],))
            return out[0]

        found = torch.func.vmap(torch.func.jacrev(one), (None, 0))(parameters, x)
        flat = torch.cat([each.flatten(2) for each in found.values()], 2).detach()
        return torch.einsum("aip,bjp->abij", flat, flat).numpy()

    contenders: dict[str, Call] = {"empirical_kernel (ours)": ours, "torch.func, jacrev and vmap": jacobians}
    notes = []
    if importlib.util.find_spec("nngeometry") is None:
        notes.append("nngeometry is not installed: `pip install --no-deps nngeometry==0.4` in a folder of its own.")
    else:
        from nngeometry.gram import GramMatrix

        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, torch.zeros(len(x))), batch_size=len(x))

        def nngeometry() -> np.ndarray:
            made = GramMatrix(net, loader, function=lambda rows, _: net(rows)).to_torch()  # (k, n, k, n)
            return made.detach().permute(1, 3, 0, 2).numpy()

        contenders["nngeometry"] = nngeometry
    name = f"tangent kernel of a network, k = {k}, width {width}, 32 inputs, all outputs"
    return compare(name, contenders, "empirical_kernel (ours)", rounds, 1e-3), notes


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| work | contender | ms | ours is faster by | largest difference |", "|---|---|---:|---:|---:|"]
    for row in rows:
        for name, seconds in row["seconds"].items():
            own = name == row["ours"]
            ratio = "" if own else f"{row['times_faster'][name]:.1f}×"
            difference = "" if own else f"{row['largest_difference'][name]:.1e}"
            lines.append(f"| {row['work']} | {name} | {1e3 * seconds:.3g} | {ratio} | {difference} |")
    return "\n".join(lines)


def target(row: dict[str, Any], contender: str, ratio: float) -> str:
    """Whether a target is met."""
    if contender not in row["times_faster"]:
        return f"Target ({row['work']}): {ratio:g} times faster than {contender}: not measured."
    reached, difference = row["times_faster"][contender], row["largest_difference"][contender]
    is_met = reached >= ratio and difference <= row["allowed_difference"]
    return (
        f"Target ({row['work']}): {ratio:g} times faster than {contender}, same result to "
        f"{row['allowed_difference']:g}: {reached:.1f} times, {difference:.1e}: {'met' if is_met else 'not met'}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds")
    parser.add_argument("--step", type=int, default=17, help="of the lengths from 2 to 512")
    options = parser.parse_args()
    made, notes = moments(options.rounds)
    made += evenly_spaced(options.rounds, options.step)
    second = training(options.rounds)
    third, more = finite_kernel(options.rounds)
    rows = [*made, second, third]
    targets = [
        *(target(row, "neural-tangents", 1000.0) for row in made),
        target(second, "loop over nn.Module with SGD", 5.0),
    ]
    notes = [*targets, *notes, *more]
    precision = "moments float64, networks float32"
    where = environment("numpy", "neural-tangents", "jax", "nngeometry", precision=precision, threads=1)
    print(table(rows), *notes, sep="\n\n")
    if options.write:
        title = "permutations: moments, training and kernels"
        keep("permutations", title, where, table(rows), notes, rounds=options.rounds, rows=rows)


if __name__ == "__main__":
    main()
