"""Time BiDO's term against the official form with two inverses, and HSIC against hyppo.

    python benchmarks/bido.py [--write]

One thread, contenders in turn, forward and backward. The term: batch 64, inputs 3 × 64 × 64, the outputs of three
blocks with 16, 32 and 64 channels at half the width each time (or a quarter, strided), float32; the official form
computes the kernels of inputs, layers and labels anew for each layer and term, centres one side, and inverts two
matrices. HSIC: 1,000 rows of 10 features, plain and biased, by us in float64, from scikit-learn's kernels, and by hyppo
where it can be imported. Prints seconds and ratios; --write keeps them with the environment in
benchmarks/results/bido.{json,md}.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from sklearn.metrics import pairwise_distances
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.papers.bido import BiDO, hsic
from workingpapers.parts.timing import interleaved, single_thread

BATCH, CLASSES, LAMBDA_X, LAMBDA_Y, EPS, SIGMA = 64, 10, 0.05, 0.5, 1e-5, 5.0
TARGET = 4.0


class Layers(nn.Module):
    """Gives out given tensors as the outputs of named layers, so that the term alone is timed."""

    def __init__(self, outputs: list[Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Identity() for _ in outputs)
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        for layer, output in zip(self.layers, self.outputs, strict=True):
            layer(output)
        return x.new_zeros(len(x), CLASSES)


def official_operator(kernel: Tensor) -> Tensor:
    rows = len(kernel)
    eye = torch.eye(rows, dtype=kernel.dtype)
    centred = kernel @ (eye - torch.ones_like(eye) / rows)
    return centred @ torch.inverse(centred + EPS * rows * eye)


def gaussian(z: Tensor) -> Tensor:
    squares = (z * z).sum(1, keepdim=True)
    distances = (squares - 2 * z @ z.T + squares.T).abs()
    return torch.exp(-distances / (2 * SIGMA**2 * z.shape[1]))


def official_term(x: Tensor, labels: Tensor, layers: list[Tensor]) -> Tensor:
    """Every kernel and both inverses anew for each layer and term."""
    total = x.new_zeros(())
    for z in layers:
        total = total + LAMBDA_X * (official_operator(gaussian(x)) * official_operator(gaussian(z)).T).sum()
        total = total - LAMBDA_Y * (official_operator(gaussian(z)) * official_operator(labels @ labels.T).T).sum()
    return total


def term(rounds: int, work: str, sizes: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(BATCH, 3 * 64 * 64, generator=generator)
    y = torch.randint(CLASSES, (BATCH,), generator=generator)
    labels = functional.one_hot(y, CLASSES).float()
    outputs = [torch.randn(BATCH, c * w * w, generator=generator).requires_grad_() for c, w in sizes]
    net = Layers(outputs)
    bido = BiDO("hsic", [f"layers.{i}" for i in range(3)], LAMBDA_X, LAMBDA_Y).attach(net)

    def ours() -> Tensor:
        net(x)
        value = bido.loss(x, y)
        value.backward()
        return value.detach()

    def official() -> Tensor:
        value = official_term(x, labels, outputs)
        value.backward()
        return value.detach()

    truth = official_term(x.double(), labels.double(), [each.detach().double() for each in outputs])
    contenders = {"BiDO (ours)": ours, "official form, two inverses": official}
    row = compare(work, contenders, "BiDO (ours)", rounds)
    row["relative_error"] = {key: abs(float(call() / truth) - 1) for key, call in contenders.items()}
    return row


def statistic(rounds: int) -> tuple[dict[str, Any], list[str]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 10))
    y = np.sin(x) + rng.normal(size=(1000, 10))
    first, second = torch.from_numpy(x), torch.from_numpy(y)
    notes = []

    def ours() -> float:
        return float(hsic(first, second, sigma="median", normalized=False)) * 999**2 / 1000**2

    def plain() -> float:
        kernels = []
        for values in (x, y):
            distances = pairwise_distances(values)
            width = np.median(distances[np.triu_indices(1000, 1)])
            kernels.append(np.exp(-(distances**2) / (2 * width**2)))
        centring = np.eye(1000) - 1 / 1000
        return float(np.trace(kernels[0] @ centring @ kernels[1] @ centring) / 1000**2)

    contenders: dict[str, Callable[[], Any]] = {"hsic (ours)": ours, "numpy and scikit-learn": plain}
    try:
        from hyppo.independence import Hsic

        Hsic(bias=True).statistic(x[:20], y[:20])
        contenders["hyppo"] = lambda: float(Hsic(bias=True).statistic(x, y))
    except Exception as error:  # an installed hyppo that does not run is no contender
        notes.append(f"hyppo is not compared ({type(error).__name__}: {str(error).splitlines()[0]}).")
    row = compare("HSIC of 1,000 rows", contenders, "hsic (ours)", rounds)
    truth = plain()
    row["relative_error"] = {key: abs(call() / truth - 1) for key, call in contenders.items()}
    return row, notes


def compare(work: str, contenders: dict[str, Callable[[], Any]], ours: str, rounds: int) -> dict[str, Any]:
    """Median seconds, and median ratios within a round."""
    with single_thread():
        taken = interleaved(contenders, rounds=rounds, warmup=3)
    return {
        "work": work,
        "seconds": {key: float(np.median(values)) for key, values in taken.items()},
        "times_faster": {key: float(np.median(v / taken[ours])) for key, v in taken.items() if key != ours},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| work | contender | ms | ours is faster by | relative error |", "|---|---|---:|---:|---:|"]
    for row in rows:
        for name, taken in row["seconds"].items():
            ratio = f"{row['times_faster'][name]:.1f}×" if name in row["times_faster"] else ""
            lines.append(
                f"| {row['work']} | {name} | {1e3 * taken:.2f} | {ratio} | {row['relative_error'][name]:.1e} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=31, help="measured rounds")
    options = parser.parse_args()
    wide = term(options.rounds, "three layers, 28,672 features", ((16, 32), (32, 16), (64, 8)))
    narrow = term(options.rounds, "three layers, 7,168 features", ((16, 16), (32, 8), (64, 4)))
    second, notes = statistic(max(3, options.rounds // 5))
    found = [row["times_faster"]["official form, two inverses"] for row in (wide, narrow)]
    verdicts = [f"{ratio:.1f} times, {'met' if ratio >= TARGET else 'not met'}" for ratio in found]
    notes.insert(0, f"Target: {TARGET:g} times faster than the official form: {'; '.join(verdicts)}.")
    notes.append(
        "Relative error: of the term against the official form in float64, of HSIC against numpy. Most of the time of "
        "the term goes into products of features with features, which are at the speed of the processor: inputs once "
        "forward, layers once forward and once backward. The official form multiplies each layer six times and the "
        "inputs three times, which bounds the ratio where layers are wide."
    )
    where = environment("scikit-learn", "hyppo", threads=1)
    print(table([wide, narrow, second]), *notes, sep="\n\n")
    if options.write:
        keep(
            "bido",
            "bido: the regulariser's term and HSIC",
            where,
            table([wide, narrow, second]),
            notes,
            rows=[wide, narrow, second],
        )


if __name__ == "__main__":
    main()
