"""Time closed forms against refitting, CKA from features against Gram matrices, stacked training against a loop.

    python benchmarks/representational_geometry.py [--write]

One thread, contenders in turn. Prints seconds and ratios; --write keeps them with the environment in
benchmarks/results/representational_geometry.{json,md}. Where rsatoolbox is installed its CKA is timed too, on the
same data (it compares n x n matrices).
"""

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from torch.nn.functional import softplus

from workingpapers.papers.representational_geometry import (
    BinaryFactorTask,
    OneHiddenLayerNet,
    ccgp,
    kernel_alignment,
    train_stack,
)
from workingpapers.parts.timing import interleaved, single_thread

SAMPLES, UNITS = 20_000, 256
SEEDS, STEPS = 20, 200
TARGETS = {"CCGP, mean-difference": 50.0, "CCGP, LDA": 50.0, "CKA": 20.0, "training": 4.0}


def compare(
    name: str, work: str, ours: Callable[[], object], peer: Callable[[], object], difference: float, rounds: int
) -> dict[str, Any]:
    """Median seconds of both, the median ratio within a round, and how far the results differ."""
    with single_thread():
        taken = interleaved({"ours": ours, "peer": peer}, rounds=rounds)
    return {
        "name": name,
        "work": work,
        "ours_s": float(np.median(taken["ours"])),
        "peer_s": float(np.median(taken["peer"])),
        "times_faster": float(np.median(taken["peer"] / taken["ours"])),
        "largest_difference": difference,
        "target": TARGETS[name],
    }


def generalisation(each_condition: int, rounds: int) -> list[dict[str, Any]]:
    """All 16 splits of each of 3 bits: closed forms against a linear SVM fitted to each split."""
    task = BinaryFactorTask(noise=1.0)
    net = OneHiddenLayerNet(50, 100, 3, "tanh", generator=torch.Generator().manual_seed(0))
    x, y, condition = task.sample(12 * each_condition, torch.Generator().manual_seed(1))
    # As many of each condition: then scikit-learn's class means are the means over conditions
    keep = torch.cat([torch.nonzero(condition == each)[:each_condition, 0] for each in range(8)])
    z, y, condition = net.features(x[keep]).detach(), y[keep], condition[keep]
    models = {
        "mean-difference": NearestCentroid(),
        "lda": LinearDiscriminantAnalysis(solver="lsqr", priors=[0.5, 0.5]),
    }
    work = f"48 splits, {len(z)} × {z.shape[1]}, against LinearSVC refitted"
    rows = []
    for name, estimator in (("CCGP, mean-difference", "mean-difference"), ("CCGP, LDA", "lda")):
        ours = partial(ccgp, z, y, condition, estimator=estimator)
        gap = float(np.abs(ours() - ccgp(z, y, condition, estimator=models[estimator])).max())
        refit = partial(ccgp, z, y, condition)
        rows.append(compare(name, work, ours, refit, gap, rounds))
    return rows


def alignment(rounds: int) -> dict[str, Any]:
    """CKA of 20,000 samples: p x p products against n x n Gram matrices."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, UNITS, generator=generator, dtype=torch.float64)
    y = x[:, :64] @ torch.randn(64, UNITS, generator=generator, dtype=torch.float64)
    y = y + torch.randn(SAMPLES, UNITS, generator=generator, dtype=torch.float64)

    def by_gram() -> float:
        # 3.2 GB a matrix, as much as 20,000 samples need in double precision
        grams = []
        for each in (x, y):
            centred = each - each.mean(0)
            grams.append((centred @ centred.T).flatten())
        return float(torch.dot(*grams) / grams[0].norm() / grams[1].norm())

    difference = abs(by_gram() - kernel_alignment(x, y))
    work = f"{SAMPLES} × {UNITS}, against n x n Gram matrices"
    return compare("CKA", work, partial(kernel_alignment, x, y), by_gram, difference, rounds)


def training(rounds: int) -> dict[str, Any]:
    """20 networks as one stack against a loop over modules, on the same kind of samples."""
    task = BinaryFactorTask()

    def loop() -> None:
        for seed in range(SEEDS):
            own, source = task.with_seed(seed), torch.Generator().manual_seed(seed)
            net = OneHiddenLayerNet(50, 100, 3, "tanh", generator=source)
            descent = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
            for _ in range(STEPS):
                x, y, _ = own.sample(32, source)
                loss = softplus(-y * net(x)).mean()
                descent.zero_grad()
                loss.backward()
                descent.step()

    stacked = partial(train_stack, task, ["tanh"], range(SEEDS), steps=STEPS)
    # What both learn is compared in the tests, step by step, to 1e-10
    work = f"{SEEDS} networks, {STEPS} steps, against a loop of modules"
    return compare("training", work, stacked, loop, float("nan"), rounds)


def rsatoolbox_row() -> dict[str, Any] | None:
    """rsatoolbox's whitened cosine, which is CKA, on 500 samples, where it is installed."""
    if importlib.util.find_spec("rsatoolbox") is None:
        return None
    from rsatoolbox.rdm import RDMs
    from rsatoolbox.rdm import compare as compare_rdms
    from scipy.spatial.distance import pdist

    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(500, 64)), generator.normal(size=(500, 64))
    x[:, :8] = y[:, :8]

    def peer() -> float:
        first, second = (RDMs(pdist(each, "sqeuclidean")[None]) for each in (x, y))
        return float(compare_rdms(first, second, method="cosine_cov")[0, 0])

    row = compare("CKA", "500 × 64, against rsatoolbox", partial(kernel_alignment, x, y), peer, 0.0, 3)
    return row | {"largest_difference": abs(peer() - kernel_alignment(x, y)), "target": None}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | work | ours (ms) | peer (ms) | times faster | aim | largest difference |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        gap = "as in the tests" if np.isnan(row["largest_difference"]) else f"{row['largest_difference']:.1e}"
        aim = "none"
        if row["target"] is not None:
            aim = f"{row['target']:g}×, {'met' if row['times_faster'] >= row['target'] else 'not met'}"
        lines.append(
            f"| {row['name']} | {row['work']} | {1e3 * row['ours_s']:.2f} | {1e3 * row['peer_s']:.1f} | "
            f"{row['times_faster']:.1f}× | {aim} | {gap} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds")
    options = parser.parse_args()
    rows = [row for each in (250, 1000) for row in generalisation(each, options.rounds)]
    rows += [training(options.rounds), alignment(options.rounds)]
    if (peer := rsatoolbox_row()) is not None:
        rows.append(peer)
    print(table(rows))
    if options.write:
        where = environment("numpy", "scikit-learn", "rsatoolbox", threads=1)
        title = "representational-geometry: closed forms and stacks against refitting and loops"
        keep("representational_geometry", title, where, table(rows), [], rounds=options.rounds, rows=rows)


if __name__ == "__main__":
    main()
