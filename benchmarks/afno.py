"""Time of AFNO2d against its peers from one run: `python benchmarks/afno.py [--write]`.

Peers: torch's scaled_dot_product_attention (alone, and with the projections of an attention layer), timm's attention
where it is installed, and AFNO written straightforwardly in complex numbers. One thread, CPU time, contenders
interleaved; a ratio above 1 means that AFNO2d is faster.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from measured_on import environment, keep
from torch import Tensor
from torch.nn import functional

from workingpapers.papers.afno import AFNO2d
from workingpapers.papers.afno.rivals import SelfAttention
from workingpapers.parts.timing import interleaved, single_thread
from workingpapers.parts.torchvision_compat import allow_torchvision_import

DIM, BLOCKS, HEADS = 256, 8, 8
SIDES = (32, 64, 128)
ROUNDS = 5
LEAST = {"scaled_dot_product_attention": 30.0, "straightforward": 1.0}  # at the longest sequence


def straightforward(mixer: AFNO2d, x: Tensor) -> Tensor:
    """The formula as it reads: complex modes, complex weights, one einsum a layer."""
    batch, height, width, dim = x.shape
    modes = torch.fft.rfft2(x, dim=(1, 2), norm="ortho").reshape(batch, height, width // 2 + 1, BLOCKS, -1)
    w1, b1, w2, b2 = (torch.complex(one[0], one[1]) for one in (mixer.w1, mixer.b1, mixer.w2, mixer.b2))
    hidden = torch.einsum("bhwki,kio->bhwko", modes, w1) + b1
    hidden = torch.complex(hidden.real.relu(), hidden.imag.relu())
    mixed = torch.einsum("bhwki,kio->bhwko", hidden, w2) + b2
    threshold = mixer.sparsity_threshold
    mixed = torch.complex(functional.softshrink(mixed.real, threshold), functional.softshrink(mixed.imag, threshold))
    mixed = mixed.reshape(batch, height, width // 2 + 1, dim)
    return torch.fft.irfft2(mixed, s=(height, width), dim=(1, 2), norm="ortho") + x


def contenders(side: int) -> dict[str, Callable[[], Tensor]]:
    """One forward pass of each on the same tokens."""
    generator = torch.Generator().manual_seed(side)
    x = torch.randn(1, side, side, DIM, generator=generator)
    mixer, half, attention = AFNO2d(DIM, BLOCKS), AFNO2d(DIM, BLOCKS, keep_fraction=0.5), SelfAttention(DIM, HEADS)
    heads = torch.randn(3, 1, HEADS, side * side, DIM // HEADS, generator=generator)
    calls: dict[str, Callable[[], Tensor]] = {
        "AFNO2d": lambda: mixer(x),
        "AFNO2d, keep_fraction=0.5": lambda: half(x),
        "straightforward": lambda: straightforward(mixer, x),
        "scaled_dot_product_attention": lambda: functional.scaled_dot_product_attention(*heads),
        "attention layer": lambda: attention(x),
    }
    allow_torchvision_import()
    try:
        from timm.layers import Attention
    except ImportError:
        return calls
    peer = Attention(DIM, num_heads=HEADS, qkv_bias=True).eval()
    flat = x.flatten(1, 2)
    calls["timm Attention"] = lambda: peer(flat)
    if not torch.allclose(straightforward(mixer, x), mixer(x), atol=1e-5):
        raise RuntimeError("the straightforward implementation and AFNO2d differ")
    return calls


def measure() -> list[dict[str, str | int | float]]:
    """Median seconds, and the median over rounds of the ratio to AFNO2d in the same round."""
    rows: list[dict[str, str | int | float]] = []
    with single_thread(), torch.no_grad():
        for side in SIDES:
            taken = interleaved(contenders(side), rounds=ROUNDS)
            for name, values in taken.items():
                ratio = values / taken["AFNO2d"]
                rows.append(
                    {
                        "tokens": side * side,
                        "contender": name,
                        "milliseconds": round(1e3 * float(np.median(values)), 3),
                        "ratio": round(float(np.median(ratio)), 3),
                        "ratio_low": round(float(ratio.min()), 3),
                        "ratio_high": round(float(ratio.max()), 3),
                    }
                )
    return rows


def table(rows: list[dict[str, str | int | float]]) -> str:
    """The rows in Markdown."""
    lines = ["| tokens | contender | ms | times AFNO2d | lowest to highest round |", "|---:|---|---:|---:|---|"]
    lines += [
        f"| {row['tokens']} | {row['contender']} | {row['milliseconds']:.2f} | {row['ratio']:.2f} "
        f"| {row['ratio_low']:.2f} to {row['ratio_high']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    chosen = parser.parse_args()
    rows = measure()
    notes = []
    for name, least in LEAST.items():
        ratio = next(row["ratio"] for row in rows if row["contender"] == name and row["tokens"] == SIDES[-1] ** 2)
        notes.append(f"{name}: {ratio} times AFNO2d at {SIDES[-1] ** 2} tokens; at least {least} is asked for.")
    print(table(rows), *notes, sep="\n\n")
    if chosen.write:
        title = f"AFNO2d against its peers: one forward pass, {DIM} channels, {BLOCKS} blocks, {HEADS} heads"
        where = environment("timm", threads=1)
        keep("afno", title, where, table(rows), notes, dim=DIM, blocks=BLOCKS, heads=HEADS, rows=rows)


if __name__ == "__main__":
    main()
