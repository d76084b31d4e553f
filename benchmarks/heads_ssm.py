"""Time optimal heads by FFT against the same SSM as a Python-loop scan and as scipy.signal.dlsim.

    python benchmarks/heads_ssm.py [--write]

One thread, float64, contenders in turn, five calls each so that caches are warm for all. Prints seconds and ratios;
--write keeps them with the environment in benchmarks/results/heads_ssm.{json,md}.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy
import scipy.signal
import torch
from measured_on import environment, keep

from workingpapers.papers.heads_ssm import LinearSSM, ssm_to_heads
from workingpapers.parts.timing import interleaved, single_thread

TOKENS = (256, 1024, 4096, 16384)
HEADS = (2, 4, 8)
WIDTH = 8
CALLS = 5
TARGET_TOKENS, TARGET_RATIO, TARGET_DIFFERENCE = 4096, 10.0, 1e-8


def measure(n: int, heads: int, rounds: int) -> dict[str, Any]:
    """Median seconds of the three contenders, median ratios within a round, and how far outputs differ."""
    ssm = LinearSSM.random("dense-orthogonal", N=heads, d=WIDTH, p=WIDTH, rho=0.95, seed=0)
    mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, n, heads=heads, method="fft")
    X = torch.randn(n, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    A, B, C = (parameter.detach().numpy() for parameter in (ssm.A, ssm.B, ssm.C))
    # scipy's output reads the state before its update, ours after it
    system = (A, B, C @ A, C @ B, 1.0)
    with single_thread(), torch.no_grad():
        heads_out, scan_out = mixer(X).numpy(), ssm(X).numpy()
        dlsim_out = scipy.signal.dlsim(system, X.numpy())[1]
        taken = interleaved(
            {
                "FFT heads": partial(repeat, partial(mixer, X)),
                "Python scan": partial(repeat, partial(ssm, X)),
                "scipy.signal.dlsim": partial(repeat, partial(scipy.signal.dlsim, system, X.numpy())),
            },
            rounds=rounds,
        )
    return {
        "n": n,
        "heads": heads,
        "seconds": {name: float(np.median(values)) / CALLS for name, values in taken.items()},
        "times_faster": {
            name: float(np.median(values / taken["FFT heads"])) for name, values in taken.items() if name != "FFT heads"
        },
        "largest_difference": float(max(np.abs(heads_out - scan_out).max(), np.abs(heads_out - dlsim_out).max())),
    }


def repeat(function: Callable[[], object]) -> None:
    """Call it `CALLS` times."""
    for _ in range(CALLS):
        function()


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| n | heads = states | FFT heads (ms) | scan (ms) | dlsim (ms) | vs scan | vs dlsim | largest difference |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        seconds, faster = row["seconds"], row["times_faster"]
        cells = [f"{1e3 * seconds[name]:.2f}" for name in ("FFT heads", "Python scan", "scipy.signal.dlsim")]
        cells += [f"{faster[name]:.1f}×" for name in ("Python scan", "scipy.signal.dlsim")]
        lines.append(f"| {row['n']} | {row['heads']} | {' | '.join(cells)} | {row['largest_difference']:.1e} |")
    return "\n".join(lines)


def target(rows: Sequence[dict[str, Any]]) -> str:
    """Whether the target is met at its length."""
    judged = [row for row in rows if row["n"] == TARGET_TOKENS]
    slowest = min(ratio for row in judged for ratio in row["times_faster"].values())
    difference = max(row["largest_difference"] for row in judged)
    is_met = slowest >= TARGET_RATIO and difference <= TARGET_DIFFERENCE
    return (
        f"Target at n = {TARGET_TOKENS}, d = p = {WIDTH}: {TARGET_RATIO:g} times faster than both, same output to "
        f"{TARGET_DIFFERENCE:g}. Smallest ratio {slowest:.1f}, largest difference {difference:.1e}: "
        f"{'met' if is_met else 'not met'}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds")
    options = parser.parse_args()
    rows = [measure(n, heads, options.rounds) for n in TOKENS for heads in HEADS]
    where = environment("numpy", "scipy", precision="float64", threads=1)
    print(table(rows), target(rows), sep="\n\n")
    if options.write:
        title = "heads-ssm: FFT heads against a scan"
        work = {"width": WIDTH, "rounds": options.rounds, "calls": CALLS}
        keep("heads_ssm", title, where, table(rows), [target(rows)], **work, rows=rows)


if __name__ == "__main__":
    main()
