"""Time, memory and size of AFNO and its rivals against the number of tokens."""

import functools

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.bench.protocols import Trial
from workingpapers.papers.afno.cost import mixer_cost
from workingpapers.papers.afno.method import AFNO2d
from workingpapers.papers.afno.rivals import (
    BlockFourierOperator,
    FourierOperator,
    GlobalFilter,
    LocalPooling,
    SelfAttention,
)
from workingpapers.parts.memory import peak_bytes
from workingpapers.parts.timing import interleaved, log_log_slope

BLOCKS = 8
HEADS = 8
FNO_DIM = 64
SEGFORMER_DIM = 64  # channels of the first stage of Segformer-B3
GIGABYTE = 1e9


def _tokens(trial: Trial, side: int, dim: int) -> Tensor:
    rng = np.random.default_rng(trial.seed_for("tokens", side))
    return torch.from_numpy(rng.normal(0, 1, (1, side, side, dim)).astype(np.float32)).to(trial.device)


def _times(mixers: dict[str, nn.Module], x: Tensor, rounds: int, warmup: int = 1) -> dict[str, float]:
    def call(mixer: nn.Module) -> object:
        with torch.no_grad():
            return mixer(x)

    calls = {name: functools.partial(call, mixer.to(x.device)) for name, mixer in mixers.items()}
    return {
        name: float(taken.min())
        for name, taken in interleaved(calls, rounds=rounds, warmup=warmup, device=x.device).items()
    }


def growth_of_time(trial: Trial, dim: int, sides: tuple[int, ...], rounds: int) -> None:
    """Seconds of one forward pass of each mixer at each number of tokens."""
    taken: dict[str, list[float]] = {}
    for side in sides:
        mixers: dict[str, nn.Module] = {
            "afno": AFNO2d(dim, BLOCKS),
            "attention": SelfAttention(dim, HEADS),
            "gfn": GlobalFilter(dim, (side, side)),
            "bfno": BlockFourierOperator(dim, BLOCKS),
            "pooling": LocalPooling(dim),
        }
        # the best of `rounds` for attention on the longest sequence; of more where a round costs little
        x = _tokens(trial, side, dim)
        times = _times(mixers, x, rounds * sides[-1] // side, warmup=0)
        cheap = {name: mixer for name, mixer in mixers.items() if name != "attention"}
        again = _times(cheap, x, 5 * rounds, warmup=0)
        for name in mixers:
            best = min(times[name], again.get(name, times[name]))
            taken.setdefault(name, []).append(best)
            trial.record("forward", best, unit="s", timing=True, arm=name, tokens=side * side)
    counts = [float(side * side) for side in sides]
    # over the last two doublings of the number of tokens (one step of doubling the side)
    slope = {name: log_log_slope(counts[-2:], times[-2:]) for name, times in taken.items()}
    trial.claim("quasi-linear-time", value=slope["afno"], control=slope["attention"])
    trial.claim("attention-quadratic", value=slope["attention"], control=slope["afno"])
    longest = {name: times[-1] for name, times in taken.items()}
    trial.claim(
        "faster-than-attention",
        value=longest["attention"] / longest["afno"],
        control=longest["pooling"] / longest["afno"],
    )


def _training_bytes(mixer: nn.Module, x: Tensor) -> int:
    inputs = x.clone().requires_grad_()
    module = mixer.to(x.device)
    return peak_bytes(lambda: module(inputs).square().mean(), x.device)


def growth_of_memory(trial: Trial, dim: int, sides: tuple[int, ...], explicit_sides: tuple[int, ...]) -> None:
    """Bytes of one forward and backward pass; attention also with its N × N matrix, on fewer tokens."""
    slopes = {}
    for arm, chosen in (
        ("afno", sides),
        ("fused-attention", sides[:-1]),
        ("attention", explicit_sides),
    ):
        taken = []
        for side in chosen:
            mixer = AFNO2d(dim, BLOCKS) if arm == "afno" else SelfAttention(dim, HEADS, explicit=arm == "attention")
            taken.append(_training_bytes(mixer, _tokens(trial, side, dim)))
            trial.record("memory", taken[-1], unit="bytes", timing=True, arm=arm, tokens=side * side)
        slopes[arm] = (
            log_log_slope(np.square(chosen, dtype=float), np.array(taken, float)) if len(chosen) > 1 else float("nan")
        )
    trial.claim("linear-memory", value=slopes["afno"], control=slopes["attention"])


def _parameters(mixer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in mixer.parameters())


def fourier_savings(trial: Trial, dim: int, sides: tuple[int, ...], side: int, rounds: int) -> None:
    """Parameters, time and memory of AFNO against FNO, which has a dense matrix for each mode."""
    small, large = sides[0], sides[-1]
    tied = [_parameters(GlobalFilter(FNO_DIM, (n, n))) for n in (small, large)]
    afno = [mixer_cost(FNO_DIM, (n, n), BLOCKS)["params"] for n in (small, large)]
    built = _parameters(AFNO2d(FNO_DIM, BLOCKS))
    trial.claim(
        "parameters-independent-of-tokens",
        value=afno[0] == afno[1] == built,
        control=tied[0] == tied[1],
    )
    blocks = (1, 2, 4, 8, 16)
    counts = [_parameters(AFNO2d(dim, number)) for number in blocks]
    dense = mixer_cost(dim, (small, small), mixer="fno")["params"]
    for number, count in zip(blocks, counts, strict=True):
        trial.record("parameters", count, blocks=number)
    trial.claim(
        "parameters-fall-with-blocks",
        value=log_log_slope(np.array(blocks, float), np.array(counts, float)),
        control=log_log_slope(np.array(blocks, float), np.full(len(blocks), float(dense))),
    )
    grid = (side, side)
    x = _tokens(trial, side, FNO_DIM)
    mixers: dict[str, nn.Module] = {
        "afno": AFNO2d(FNO_DIM, BLOCKS),
        "fno": FourierOperator(FNO_DIM, grid),
        "gfn": GlobalFilter(FNO_DIM, grid),
    }
    taken = _times(mixers, x, max(rounds, 5))
    kept = {name: _training_bytes(mixer, x) for name, mixer in mixers.items()}
    for name in mixers:
        trial.record("fno-forward", taken[name], unit="s", timing=True, arm=name)
        trial.record("fno-memory", kept[name], unit="bytes", timing=True, arm=name)
        trial.record("fno-flops", mixer_cost(FNO_DIM, grid, BLOCKS, mixer=name)["flops"], arm=name)
    trial.claim("faster-than-fno", value=taken["fno"] / taken["afno"], control=taken["gfn"] / taken["afno"])
    trial.claim("smaller-than-fno", value=kept["fno"] / kept["afno"], control=kept["gfn"] / kept["afno"])


def long_sequence(trial: Trial, side: int, memory_gb: float) -> None:
    """One forward and backward pass on the longest grid, within the memory of the settings."""
    mixer = AFNO2d(SEGFORMER_DIM, BLOCKS).to(trial.device)
    x = _tokens(trial, side, SEGFORMER_DIM).requires_grad_()
    outputs: list[Tensor] = []

    def loss() -> Tensor:
        outputs.append(mixer(x))
        return outputs[0].square().mean()

    taken = peak_bytes(loss, trial.device)
    finite = bool(torch.isfinite(outputs[0]).all()) and x.grad is not None and bool(torch.isfinite(x.grad).all())
    trial.record("long-memory", taken, unit="bytes", timing=True, tokens=side * side)
    # one map of attention weights of one head, which is the least that forming the matrix needs
    matrix = 4.0 * (side * side) ** 2
    budget = memory_gb * GIGABYTE
    trial.claim("long-sequence", value=finite and taken <= budget, control=matrix <= budget)
