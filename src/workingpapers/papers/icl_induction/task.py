"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper; the conventions were checked against descriptions of third-party ports.
Implements the task of section 2 and its three test sets, wholly on the device: no loop over sequences.
Differences from the paper: classes of a bursty context are distinct; see `InContextClassification`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.checks import real_number, whole_number

SPLITS = ("train", "ic", "ic_swapped", "iw")
# a race over all classes is exact and cheap while they are few beside the draws; above, redrawing repeats is cheaper
RACE_CLASSES_PER_DRAW = 16


@dataclass(frozen=True)
class Batch:
    """Sequences of item-label pairs, each followed by a target item.

    Args:
        tokens: `(n, 2 N + 1, P + D)`: one-hot position, then content.
        target: Correct label of the last item, `(n,)`.
        context_labels: Label of each pair, `(n, N)`.
        target_position: First pair whose item is of the target's class, `(n,)`; -1 where the context holds none.
        context_classes: Class of each pair's item, `(n, N)`; new classes are negative.
        target_class: Class of the last item, `(n,)`.
        matches: Whether a pair's item is of the target's class, `(n, N)`.

    Example:
        >>> task = InContextClassification(64, 8, 4, 16, positions=9, seed=0)
        >>> batch = task.batch(32, split="ic")
        >>> batch.tokens.shape, bool((batch.target_position >= 0).all())
        (torch.Size([32, 9, 25]), True)
    """

    tokens: Float[Tensor, "n tokens width"]
    target: Int[Tensor, "n"]
    context_labels: Int[Tensor, "n pairs"]
    target_position: Int[Tensor, "n"]
    context_classes: Int[Tensor, "n pairs"]
    target_class: Int[Tensor, "n"]
    matches: Bool[Tensor, "n pairs"]

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, rows: slice | Tensor) -> "Batch":
        """The same of some sequences: a slice, or indices `(m,)`."""
        return Batch(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


class InContextClassification:
    r"""In-context classification: N item-label pairs, then an item whose label is asked for.

    An item of class k is `x = (mu_k + eps eta) / sqrt(1 + eps^2)` with `mu_k, eta ~ N(0, I / D)`; class k has label
    `k mod L`, classes occur with `p(k) ~ k^-zipf`, and each class of a context occurs `burstiness` times in it.

    Splits: `train`; `ic` has new classes with random labels, so only the context tells; `ic_swapped` has training
    classes whose labels are moved on by one, so weights mislead; `iw` has a context without the target's class, so
    only weights tell.

    Args:
        n_classes: K, a multiple of L.
        n_labels: L.
        n_pairs: N.
        dim: Content width D.
        within_class_noise: eps.
        zipf: Exponent alpha of the class frequencies.
        burstiness: B, a divisor of N.
        p_bursty: Share of training sequences, among those of known classes, whose target is one of the context's
            classes; in the others context and target are independent draws.
        p_novel: Share of training sequences made of new classes.
        positions: P; sequences start at a random position, so that 2 N + 1 <= P.
        seed: Seed of class means and label vectors, and of the streams of `batch`.
        distinct_labels: Whether new classes of one sequence have different labels; needs N / B <= L.
        device: Where everything is drawn.
        dtype: Type of tokens.

    Raises:
        InvalidParameterError: K no multiple of L, B no divisor of N, 2 N + 1 > P, N / B > K, N / B > L with
            `distinct_labels`, a share outside [0, 1], a negative noise or exponent, a size below 1.
        InvalidTypeError: a size that is no whole number.

    Differs from the paper:
        The classes of a bursty context are distinct, so that each occurs exactly B times; the target's class is drawn
        first, so that targets follow `k^-zipf` exactly. The `iw` set leaves out chance matches. New classes have fresh
        means in each sequence.

    Example:
        >>> task = InContextClassification(1024, 32, 8, 63, burstiness=2, zipf=1.0, seed=0)
        >>> batch = task.batch(128)
        >>> batch.tokens.shape, batch.matches.sum(1).unique().tolist()
        (torch.Size([128, 17, 128]), [2])
    """

    def __init__(
        self,
        n_classes: int,
        n_labels: int,
        n_pairs: int,
        dim: int,
        *,
        within_class_noise: float | int = 0.1,
        zipf: float | int = 0.0,
        burstiness: int = 1,
        p_bursty: float | int = 1.0,
        p_novel: float | int = 0.0,
        positions: int = 65,
        seed: int = 0,
        distinct_labels: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.n_classes = whole_number("n_classes", n_classes, least=1)
        self.n_labels = whole_number("n_labels", n_labels, least=1)
        self.n_pairs, self.dim = whole_number("n_pairs", n_pairs, least=1), whole_number("dim", dim, least=1)
        self.burstiness = whole_number("burstiness", burstiness, least=1)
        self.positions = whole_number("positions", positions, least=1)
        self.within_class_noise = real_number("within_class_noise", within_class_noise, least=0)
        self.zipf = real_number("zipf", zipf, least=0)
        self.p_bursty = real_number("p_bursty", p_bursty, least=0, most=1)
        self.p_novel = real_number("p_novel", p_novel, least=0, most=1)
        self.distinct_labels = distinct_labels
        self.seed = whole_number("seed", seed, least=0)
        self._check_sizes()
        self.device = torch.device("cpu" if device is None else device)
        self.dtype = torch.get_default_dtype() if dtype is None else dtype
        fixed = self._stream(0)
        self.means = self._normal((self.n_classes, self.dim), fixed)
        self.label_vectors = self._normal((self.n_labels, self.dim), fixed)
        rank = torch.arange(1, self.n_classes + 1, device=self.device, dtype=torch.float64)
        self.class_probabilities = rank.pow(-self.zipf) / rank.pow(-self.zipf).sum()
        self._cumulative = self.class_probabilities.cumsum(0)
        self._streams = {split: self._stream(1 + number) for number, split in enumerate(SPLITS)}

    def _check_sizes(self) -> None:
        if self.n_classes % self.n_labels:
            raise InvalidParameterError(
                f"n_classes is {self.n_classes} and n_labels {self.n_labels}; each label needs equally many classes: "
                "choose n_classes as a multiple of n_labels"
            )
        if self.n_pairs % self.burstiness:
            raise InvalidParameterError(
                f"burstiness is {self.burstiness} and n_pairs {self.n_pairs}; choose a divisor of n_pairs"
            )
        if 2 * self.n_pairs + 1 > self.positions:
            raise InvalidParameterError(
                f"positions is {self.positions} and n_pairs {self.n_pairs}; a sequence has 2 n_pairs + 1 = "
                f"{2 * self.n_pairs + 1} tokens: give at least as many positions"
            )
        if self.n_distinct > self.n_classes:
            raise InvalidParameterError(
                f"n_pairs / burstiness is {self.n_distinct} and n_classes {self.n_classes}; a context cannot hold "
                "more different classes than there are"
            )
        if self.distinct_labels and self.n_distinct > self.n_labels:
            raise InvalidParameterError(
                f"n_pairs / burstiness is {self.n_distinct} and n_labels {self.n_labels}; different labels for all "
                "new classes of a sequence need as many labels: raise n_labels or drop distinct_labels"
            )

    @property
    def n_distinct(self) -> int:
        """Number of classes in a bursty context, N / B."""
        return self.n_pairs // self.burstiness

    @property
    def token_dim(self) -> int:
        """Width of a token, P + D."""
        return self.positions + self.dim

    @property
    def chance(self) -> float:
        """Accuracy of guessing, 1 / L."""
        return 1.0 / self.n_labels

    def batch(self, n: int, split: str = "train", *, generator: torch.Generator | None = None) -> Batch:
        """Draw n sequences.

        Args:
            n: Number of sequences.
            split: `train`, `ic`, `ic_swapped` or `iw`.
            generator: Source of randomness on the task's device; the split's own stream by default.

        Returns:
            The sequences, with `tokens` of shape `(n, 2 N + 1, P + D)`.

        Raises:
            InvalidParameterError: an unknown split, n below 1, or `iw` where every class may be in the context.
        """
        n = whole_number("n", n, least=1)
        if split not in SPLITS:
            raise InvalidParameterError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
        source = self._streams[split] if generator is None else generator
        if split == "iw":
            return self._independent(n, source, is_match_allowed=False)
        if split == "ic":
            return self._novel(n, source)
        if split == "ic_swapped":
            return self._bursty(n, source, shift=1)
        return self._mixture(n, source)

    def loader(self, batch_size: int = 128, split: str = "train") -> Dataset[Batch]:
        """An endless dataset of batches for `torch.utils.data.DataLoader(..., batch_size=None)`.

        Each worker of a loader, and each pass, draws from a stream of its own, so no two give the same sequences.

        Args:
            batch_size: Sequences in a batch.
            split: As in `batch`.

        Raises:
            InvalidParameterError: as in `batch`.
        """
        whole_number("batch_size", batch_size, least=1)
        if split not in SPLITS:
            raise InvalidParameterError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
        return _Endless(self, batch_size, split)

    def _mixture(self, n: int, source: torch.Generator) -> Batch:
        kinds = torch.rand(2, n, generator=source, device=self.device)
        is_novel = kinds[0] < self.p_novel
        is_bursty = kinds[1] < self.p_bursty
        parts: list[tuple[Tensor, Batch]] = []
        if self.p_novel > 0:
            parts.append((is_novel, self._novel(n, source)))
        if self.p_novel < 1 and self.p_bursty > 0:
            parts.append((~is_novel & is_bursty, self._bursty(n, source, shift=0)))
        if self.p_novel < 1 and self.p_bursty < 1:
            parts.append((~is_novel & ~is_bursty, self._independent(n, source, is_match_allowed=True)))
        if len(parts) == 1:
            return parts[0][1]
        return _choose(parts)

    def _bursty(self, n: int, source: torch.Generator, shift: int) -> Batch:
        distinct = self._distinct_classes(n, source)  # the first is the target's
        slots = self._shuffled_slots(n, source)
        context = distinct.gather(1, slots)
        items, query = self._items(context, distinct[:, :1], source)
        labels = (context + shift) % self.n_labels
        return self._assemble(
            items, query, labels, (distinct[:, 0] + shift) % self.n_labels, context, distinct[:, 0], source
        )

    def _novel(self, n: int, source: torch.Generator) -> Batch:
        count = self.n_distinct
        means = self._normal((n, count, self.dim), source)
        if self.distinct_labels:
            race = torch.rand(n, self.n_labels, generator=source, device=self.device)
            of_class = race.topk(count, dim=1).indices
        else:
            of_class = torch.randint(self.n_labels, (n, count), generator=source, device=self.device)
        slots = self._shuffled_slots(n, source)
        items = self._noisy(means.gather(1, slots[..., None].expand(-1, -1, self.dim)), source)
        query = self._noisy(means[:, :1], source)
        # new classes have no number among the known ones: -1 - (place in the sequence)
        first = torch.full((n,), -1, device=self.device, dtype=torch.long)
        return self._assemble(items, query, of_class.gather(1, slots), of_class[:, 0], -1 - slots, first, source)

    def _independent(self, n: int, source: torch.Generator, is_match_allowed: bool) -> Batch:
        context = self._classes((n, self.n_pairs), source)
        target = self._classes((n,), source)
        if not is_match_allowed:
            self._refuse_one_class()
            is_match = context == target[:, None]
            while bool(is_match.any()):  # only the context is redrawn, so that targets keep their frequencies
                context[is_match] = self._classes((int(is_match.sum()),), source)
                is_match = context == target[:, None]
        items, query = self._items(context, target[:, None], source)
        return self._assemble(items, query, context % self.n_labels, target % self.n_labels, context, target, source)

    def _refuse_one_class(self) -> None:
        if self.n_classes < 2:
            raise InvalidParameterError(
                f"n_classes is {self.n_classes}; the split 'iw' needs a class outside of the context: give 2 or more"
            )

    def _classes(self, shape: tuple[int, ...], source: torch.Generator) -> Int[Tensor, "..."]:
        if self.zipf == 0.0:
            return torch.randint(self.n_classes, shape, generator=source, device=self.device)
        uniform = torch.rand(shape, generator=source, device=self.device, dtype=torch.float64)
        return torch.searchsorted(self._cumulative, uniform).clamp_(max=self.n_classes - 1)

    def _distinct_classes(self, n: int, source: torch.Generator) -> Int[Tensor, "n distinct"]:
        """Draws one after the other without replacement."""
        count = self.n_distinct
        if self.n_classes <= RACE_CLASSES_PER_DRAW * count:
            # exponential clocks with rates p(k): their order is the order of draws without replacement
            uniform = torch.rand(n, self.n_classes, generator=source, device=self.device, dtype=torch.float64)
            clocks = -torch.log1p(-uniform) / self.class_probabilities
            return clocks.topk(count, dim=1, largest=False).indices
        drawn = self._classes((n, count), source)
        earlier = torch.ones(count, count, dtype=torch.bool, device=self.device).tril(-1)
        while True:
            is_repeat = ((drawn[:, :, None] == drawn[:, None, :]) & earlier).any(2)
            if not bool(is_repeat.any()):
                return drawn
            drawn[is_repeat] = self._classes((int(is_repeat.sum()),), source)

    def _shuffled_slots(self, n: int, source: torch.Generator) -> Int[Tensor, "n pairs"]:
        """For each pair the place of its class among the distinct ones; each place occurs B times."""
        order = torch.rand(n, self.n_pairs, generator=source, device=self.device).argsort(1)
        return order // self.burstiness

    def _items(
        self, context: Int[Tensor, "n pairs"], target: Int[Tensor, "n one"], source: torch.Generator
    ) -> tuple[Float[Tensor, "n pairs dim"], Float[Tensor, "n one dim"]]:
        return self._noisy(self.means[context], source), self._noisy(self.means[target], source)

    def _noisy(self, means: Float[Tensor, "n items dim"], source: torch.Generator) -> Float[Tensor, "n items dim"]:
        eps = self.within_class_noise
        if eps == 0.0:
            return means
        return torch.add(means, self._normal(means.shape, source), alpha=eps).mul_((1.0 + eps * eps) ** -0.5)

    def _assemble(
        self,
        items: Float[Tensor, "n pairs dim"],
        query: Float[Tensor, "n one dim"],
        labels: Int[Tensor, "n pairs"],
        target: Int[Tensor, "n"],
        context: Int[Tensor, "n pairs"],
        target_class: Int[Tensor, "n"],
        source: torch.Generator,
    ) -> Batch:
        n, pairs = labels.shape
        length = 2 * pairs + 1
        tokens = torch.zeros(n, length, self.token_dim, device=self.device, dtype=self.dtype)
        content = tokens[..., self.positions :]
        content[:, 0:-1:2] = items
        content[:, 1::2] = self.label_vectors[labels]
        content[:, -1:] = query
        start = torch.randint(self.positions - length + 1, (n, 1), generator=source, device=self.device)
        where = start + torch.arange(length, device=self.device)
        tokens[..., : self.positions].scatter_(2, where[..., None], 1.0)
        matches = context == target_class[:, None]
        position = torch.where(matches.any(1), matches.int().argmax(1), -1)
        return Batch(tokens, target, labels, position, context, target_class, matches)

    def _stream(self, number: int) -> torch.Generator:
        # spread the seeds: neighbouring seeds of a task must not share a stream with another's split
        return torch.Generator(self.device).manual_seed((self.seed * 1_000_003 + number * 7919) % 2**63)

    def _normal(self, shape: tuple[int, ...] | torch.Size, source: torch.Generator) -> Tensor:
        return torch.randn(shape, generator=source, device=self.device, dtype=self.dtype).mul_(self.dim**-0.5)


class _Endless(IterableDataset[Batch]):
    """Batches without end; a worker's seed comes from the loader."""

    def __init__(self, task: InContextClassification, batch_size: int, split: str) -> None:
        self.task, self.batch_size, self.split = task, batch_size, split
        self.passes = 0

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number = 0 if worker is None else 1 + worker.id
        # a loader's workers get fresh seeds at each pass; without workers we count the passes
        fresh = self.passes if worker is None else worker.seed
        self.passes += 1
        seed = (
            self.task.seed * 1_000_003 + 104_729 * (1 + number) + 15_485_863 * fresh + SPLITS.index(self.split)
        ) % 2**63
        source = torch.Generator(self.task.device).manual_seed(seed)
        while True:
            yield self.task.batch(self.batch_size, self.split, generator=source)


def _choose(parts: list[tuple[Tensor, Batch]]) -> Batch:
    """Row by row the batch whose mask is set; exactly one is."""
    chosen = parts[0][1]
    for mask, other in parts[1:]:
        chosen = Batch(
            **{
                field.name: torch.where(
                    mask.view(-1, *([1] * (getattr(other, field.name).dim() - 1))),
                    getattr(other, field.name),
                    getattr(chosen, field.name),
                )
                for field in fields(Batch)
            }
        )
    return chosen
