"""Time the task on the device against a loop over sequences, and the network against torch's encoder and itself.

    python benchmarks/icl_induction.py [--write]

One thread, the paper's sizes (N = 8, L = 32, D = 63, P = 65, batches of 128), contenders in turn, batches five times in
a row so that caches are warm for all. Two loops over sequences: one in NumPy, which must stay on the CPU, and the same
generator asked for one sequence at a time, which is what a loop on the device comes to. Prints milliseconds and ratios;
--write keeps them with the environment in benchmarks/results/icl_induction.{json,md}.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.papers.icl_induction import AttentionOnlyClassifier, InContextClassification, train_stacked
from workingpapers.parts.timing import interleaved, single_thread

CLASSES, LABELS, PAIRS, DIM, POSITIONS, BATCH = 1024, 32, 8, 63, 65, 128
STACKED, STACKED_STEPS = 8, 20
CALLS = 5
TARGET_GENERATOR, TARGET_STEP = 20.0, 1.0


class Loop:
    """The same sequences one by one in NumPy, as a script would write it."""

    def __init__(self, burstiness: int = 1, zipf: float = 0.0) -> None:
        self.rng = np.random.default_rng(0)
        self.burstiness = burstiness
        weights = np.arange(1, CLASSES + 1) ** -zipf
        self.frequency = weights / weights.sum() if zipf else None
        self.means = self.rng.normal(0, DIM**-0.5, (CLASSES, DIM))
        self.labels = self.rng.normal(0, DIM**-0.5, (LABELS, DIM))

    def item(self, mean: np.ndarray) -> np.ndarray:
        """One item of a class."""
        return (mean + 0.1 * self.rng.normal(0, DIM**-0.5, DIM)) / np.sqrt(1.01)

    def sequence(self, is_novel: bool) -> tuple[np.ndarray, int]:
        """One sequence and its target."""
        count = PAIRS // self.burstiness
        if is_novel:
            means, labels = self.rng.normal(0, DIM**-0.5, (count, DIM)), self.rng.integers(LABELS, size=count)
        else:
            classes = self.rng.choice(CLASSES, count, replace=False, p=self.frequency)
            means, labels = self.means[classes], classes % LABELS
        order = self.rng.permutation(np.repeat(np.arange(count), self.burstiness))
        tokens = np.zeros((2 * PAIRS + 1, POSITIONS + DIM), np.float32)
        start = self.rng.integers(POSITIONS - 2 * PAIRS)
        for place, which in enumerate(order):
            tokens[2 * place, POSITIONS:] = self.item(means[which])
            tokens[2 * place + 1, POSITIONS:] = self.labels[labels[which]]
        asked = self.rng.integers(count)
        tokens[-1, POSITIONS:] = self.item(means[asked])
        tokens[np.arange(2 * PAIRS + 1), start + np.arange(2 * PAIRS + 1)] = 1.0
        return tokens, int(labels[asked])

    def batch(self, is_novel: bool) -> tuple[Tensor, Tensor]:
        """A batch of tensors."""
        sequences = [self.sequence(is_novel) for _ in range(BATCH)]
        return torch.from_numpy(np.stack([tokens for tokens, _ in sequences])), torch.tensor([y for _, y in sequences])


class Encoder(nn.Module):
    """torch's encoder at the network's width, with the same MLP on the last token."""

    def __init__(self) -> None:
        super().__init__()
        width = POSITIONS + DIM
        layer = nn.TransformerEncoderLayer(width, 1, 128, 0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.mlp = AttentionOnlyClassifier(width, LABELS, layers=0)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(2 * PAIRS + 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the last token."""
        return self.mlp(self.encoder(tokens, mask=self.mask, is_causal=True))


def train_step(network: nn.Module, tokens: Tensor, target: Tensor, **chosen: bool) -> None:
    """Forward and backward."""
    network.zero_grad()
    given = network(tokens, **chosen)
    functional.cross_entropy(given[0] if isinstance(given, tuple) else given, target).backward()


def stacked(together: bool) -> None:
    """Train several small networks, as one stack or one after the other."""
    tasks = [InContextClassification(64, 8, 4, 32, positions=17, seed=seed) for seed in range(STACKED)]
    nets = [AttentionOnlyClassifier(49, 8) for _ in tasks]
    sizes = {"steps": STACKED_STEPS, "eval_every": STACKED_STEPS, "eval_size": 1, "batch_size": 16}
    groups = [(nets, tasks)] if together else [([net], [task]) for net, task in zip(nets, tasks, strict=True)]
    for some_nets, some_tasks in groups:
        train_stacked(some_nets, some_tasks, **sizes)


def one_at_a_time(task: InContextClassification) -> Tensor:
    """A batch made of single sequences."""
    return torch.cat([task.batch(1).tokens for _ in range(BATCH)])


def repeat(call: Callable[[], object]) -> None:
    """Call it `CALLS` times."""
    for _ in range(CALLS):
        call()


def compare(what: str, ours: str, contenders: dict[str, Callable[[], object]], rounds: int) -> list[dict[str, Any]]:
    """Rows of one comparison: median milliseconds, and median ratio to ours within a round."""
    taken = interleaved(contenders, rounds=rounds)
    return [
        {"what": what, "contender": name, "ms": 1e3 * float(np.median(values)), "is_ours": name == ours,
         "ratio": float(np.median(values / taken[ours]))}
        for name, values in taken.items()
    ]  # fmt: skip


def measure(rounds: int) -> list[dict[str, Any]]:
    """All comparisons."""
    torch.manual_seed(0)
    rows = []
    for kind, novel, zipf in (("known classes", 0.0, 0.0), ("skewed classes", 0.0, 1.0), ("new classes", 1.0, 0.0)):
        task = InContextClassification(
            CLASSES, LABELS, PAIRS, DIM, positions=POSITIONS, p_novel=novel, zipf=zipf, seed=0
        )
        contenders: dict[str, Callable[[], object]] = {
            "one batch": partial(task.batch, BATCH),
            "NumPy loop": partial(Loop(zipf=zipf).batch, novel == 1),
            "one at a time": partial(one_at_a_time, task),
        }
        repeated = {name: partial(repeat, call) for name, call in contenders.items()}
        rows += compare(f"{CALLS} batches of 128, {kind}", "one batch", repeated, rounds)
    batch = task.batch(BATCH)
    net, encoder = AttentionOnlyClassifier(POSITIONS + DIM, LABELS), Encoder()
    steps = {
        "last query only": partial(train_step, net, batch.tokens, batch.target),
        "all queries": partial(train_step, net, batch.tokens, batch.target, return_attention=True),
        "nn.TransformerEncoder": partial(train_step, encoder, batch.tokens, batch.target),
    }
    rows += compare("training step", "last query only", steps, rounds)
    trained = {"one stack": partial(stacked, True), "one after the other": partial(stacked, False)}
    rows += compare(f"{STACKED} small networks, {STACKED_STEPS} steps", "one stack", trained, rounds)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | contender | ms | times as long as ours |", "|---|---|---:|---:|"]
    for row in rows:
        ratio = "1" if row["is_ours"] else f"{row['ratio']:.2f}"
        lines.append(f"| {row['what']} | {row['contender']} | {row['ms']:.2f} | {ratio} |")
    return "\n".join(lines)


def targets(rows: list[dict[str, Any]]) -> str:
    """Whether the targets are met."""
    lowest = {
        name: min(row["ratio"] for row in rows if row["contender"] == name)
        for name in ("NumPy loop", "one at a time", "nn.TransformerEncoder")
    }
    return "\n".join(
        f"Target: {what} at least {target:g} times as fast as {peer}. Smallest ratio {lowest[name]:.2f}: "
        f"{'met' if lowest[name] >= target else 'not met'}."
        for what, name, peer, target in (
            ("a batch", "NumPy loop", "a loop over sequences in NumPy", TARGET_GENERATOR),
            ("a batch", "one at a time", "the same generator asked for one at a time", TARGET_GENERATOR),
            ("a training step", "nn.TransformerEncoder", "nn.TransformerEncoder of the same width", TARGET_STEP),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds")
    options = parser.parse_args()
    with single_thread():
        rows = measure(options.rounds)
    where = environment("numpy", precision="float32", threads=1)
    print(table(rows), targets(rows), sep="\n\n")
    if options.write:
        title = "icl-induction: the task and the network"
        keep("icl_induction", title, where, table(rows), [targets(rows)], rounds=options.rounds, rows=rows)


if __name__ == "__main__":
    main()
