"""Speed of AR-Net's solvers against their peers: `python benchmarks/arnet.py [--write]`.

Every round times each solver once, in turn, on one thread, in CPU seconds; a ratio is taken within a round. The exact
solver must give AutoReg's coefficients to 1e-8. A last part fits a million values with 1 440 lags.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from measured_on import environment, keep

from workingpapers.papers.arnet import ARNet, ar_generate, sparse_ar_coefficients
from workingpapers.papers.arnet.cost_study import autoreg, levinson, plain_least_squares
from workingpapers.parts.timing import interleaved, single_thread

SIZE, ORDERS = 20_000, (10, 50, 200, 500)
LONG_SIZE, LONG_ORDER, LONG_LIMIT_S = 1_000_000, 1440, 10.0
TOLERANCE = 1e-8
NAMES = {
    "exact": "ARNet, exact",
    "autoreg": "statsmodels AutoReg",
    "lstsq": "lstsq on the lag matrix",
    "levinson": "Levinson (Yule–Walker)",
    "sgd": "ARNet, SGD, 10 epochs",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/arnet.json and .md")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows, long = fits(arguments.rounds), long_fit()
    notes = targets(rows, long)
    print(table(rows), *notes, sep="\n\n")
    if arguments.write:
        where = environment("numpy", "scipy", "scikit-learn", "statsmodels", threads=1)
        title = f"AR-Net: fits of {SIZE:,} values, one thread, CPU seconds"
        keep("arnet", title, where, table(rows), notes, fits=rows, long=long)


def fits(rounds: int) -> list[dict[str, Any]]:
    """Seconds of each solver, its ratio to AutoReg, and its largest difference to AutoReg's coefficients."""
    y = ar_generate(SIZE, sparse_ar_coefficients(3), seed=0)
    rows = []
    with single_thread():
        for p in ORDERS:
            solvers: dict[str, Callable[[], np.ndarray]] = {
                "autoreg": partial(autoreg, y, p),
                "lstsq": partial(plain_least_squares, y, p),
                "levinson": partial(levinson, y, p),
                "exact": lambda p=p: ARNet(p).fit(y).coef_,
                "sgd": lambda p=p: ARNet(p, solver="sgd", random_state=0).fit(y).coef_,
            }
            taken = interleaved(solvers, rounds=rounds, warmup=1)
            reference = solvers["autoreg"]()
            for name, seconds in taken.items():
                ratio = taken["autoreg"] / seconds
                rows.append(
                    {
                        "order": p,
                        "solver": name,
                        "seconds": float(np.median(seconds)),
                        "autoreg_over_it": float(np.median(ratio)),
                        "ratio_range": [float(ratio.min()), float(ratio.max())],
                        "largest_difference": float(np.abs(solvers[name]() - reference).max()),
                    }
                )
    return rows


def long_fit() -> dict[str, Any]:
    """Seconds of the exact fit, and of one pass of SGD, on a million values with 1 440 lags."""
    y = ar_generate(LONG_SIZE, sparse_ar_coefficients(3), seed=0)
    with single_thread():
        taken = interleaved(
            {
                "exact": lambda: ARNet(LONG_ORDER).fit(y),
                "sgd": lambda: ARNet(LONG_ORDER, solver="sgd", epochs=1, batch_size=512, random_state=0).fit(y),
            },
            rounds=1,
            warmup=0,
        )
    return {"size": LONG_SIZE, "order": LONG_ORDER, **{name: float(seconds[0]) for name, seconds in taken.items()}}


def table(rows: list[dict[str, Any]]) -> str:
    """The fits as a Markdown table."""
    lines = [
        "| order p | solver | seconds | AutoReg takes … times as long (range) | largest difference to AutoReg |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["ratio_range"]
        lines.append(
            f"| {row['order']} | {NAMES[row['solver']]} | {row['seconds']:.4f} | {row['autoreg_over_it']:.3g} "
            f"({low:.3g} … {high:.3g}) | {row['largest_difference']:.1e} |"
        )
    return "\n".join(lines)


def targets(rows: list[dict[str, Any]], long: dict[str, Any]) -> list[str]:
    """What is asked for, and whether it is reached."""
    exact = {row["order"]: row for row in rows if row["solver"] == "exact"}
    equal = max(row["largest_difference"] for row in exact.values())
    return [
        f"{long['size']:,} values, {long['order']:,} lags: exact {long['exact']:.2f} s "
        f"(at most {LONG_LIMIT_S:g} s: {_met(long['exact'] < LONG_LIMIT_S)}), one pass of SGD {long['sgd']:.2f} s.",
        f"Exact fit at p = 200 at least 100 times as fast as AutoReg: {_met(exact[200]['autoreg_over_it'] >= 100)}. "
        f"Coefficients equal to {TOLERANCE:g}: {_met(equal < TOLERANCE)}.",
    ]


def _met(condition: bool) -> str:
    return "met" if condition else "missed"


if __name__ == "__main__":
    main()
