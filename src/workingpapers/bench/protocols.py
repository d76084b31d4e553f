"""The nouns of the engine and the two protocols an experiment meets. Imports nothing else of ours.

`Paper` and `Claim` come from paper.toml; an experiment sees `Trial` while it measures and `Results` when it draws;
`Record` and `ClaimValue` are what a trial leaves; `Verdict` is what the engine concludes from them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # annotations only: this module stays light
    import numpy as np
    import pandas as pd
    import torch
    from matplotlib.figure import Figure

Scale = Literal["smoke", "laptop", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "laptop", "paper")

VerdictName = Literal["holds", "does not hold", "undecided", "not tested"]
VERDICTS: tuple[VerdictName, ...] = ("holds", "does not hold", "undecided", "not tested")

ClaimKind = Literal["ratio", "order", "trend", "bound", "exact", "equivalence", "description"]
IntervalKind = Literal["student", "bootstrap", "wilson", "exact"]
JudgedFrom = Literal["laptop", "paper", "never"]

AxisValue = str | int | float | bool
RecordValue = float | int | bool | str | list[Any] | None


@dataclass(frozen=True)
class Claim:
    """One falsifiable statement of a paper, written down before any run.

    Args:
        id: Name within the paper, for example `linear-cost`.
        says: The statement in our own words.
        kind: What sort of statement it is.
        metric: What number a trial reports for it.
        predicate: Condition on that number in the predicate language, for example `< 1.25`.
        published: The paper's own figure, in words, or None where it gives none.
        published_value: The same on the metric's scale, for the forest plot, where there is one.
        source: Equation, section, table or figure of the paper.
        control: The arm on which the same predicate must fail, in words.
        no_control: Why no control can be given; exactly one of `control` and `no_control` is set.
        judged_from: Smallest scale at which the claim may be decided; `never` for a description.
        reason: Why it is judged only there; required for `paper` and `never`.
        interval: How the interval over seeds is made; `exact` is the range over seeds.
        seeds: Fewest seeds with which it may be decided.
        tolerance: Allowed distance for `==` predicates.
        timing: Whether the number is a measured time or memory and so differs from run to run.
    """

    id: str
    says: str
    kind: ClaimKind
    metric: str
    predicate: str
    source: str
    published: str | None = None
    published_value: float | None = None
    control: str | None = None
    no_control: str | None = None
    judged_from: JudgedFrom = "laptop"
    reason: str | None = None
    interval: IntervalKind = "student"
    seeds: int = 3
    tolerance: float = 0.0
    timing: bool = False


@dataclass(frozen=True)
class Paper:
    """A paper as its paper.toml describes it.

    Args:
        seeds: Default number of seeds for each scale.
        module: Import path of the room; its experiment is `<module>.experiment`.
        folder: Where the room lies.
        shipped: Whether the room is part of this package (else it came through an entry point).
        usage: A few runnable lines that use the method.
    """

    slug: str
    title: str
    arxiv: str
    published: str
    authors: tuple[str, ...]
    topics: tuple[str, ...]
    summary: str
    code: str | None
    licence: str | None
    usage: str
    seeds: Mapping[Scale, int]
    claims: tuple[Claim, ...]
    module: str
    folder: Path
    shipped: bool = True

    def claim(self, claim_id: str) -> Claim:
        """The claim of that id; raises `KeyError` where there is none."""
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise KeyError(claim_id)


@dataclass(frozen=True)
class Record:
    """One measured number (or short list of numbers) with the axes it was measured on, such as arm and size."""

    name: str
    value: RecordValue
    axes: Mapping[str, AxisValue] = field(default_factory=dict)
    unit: str = ""
    timing: bool = False


@dataclass(frozen=True)
class ClaimValue:
    """What one trial says about one claim: a number for the claim, one for its control, or why there is none."""

    id: str
    value: float | None
    control: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Interval:
    """An interval over seeds: `low` and `high` are in the metric's unit."""

    low: float
    high: float
    confidence: float
    method: IntervalKind


@dataclass(frozen=True)
class Side:
    """One side of a verdict (the claim's arm or its control): everything needed to check it by hand.

    Args:
        value: Mean over seeds.
        interval: Interval over seeds.
        per_seed: The numbers, one per seed.
        passes: The whole interval satisfies the predicate.
        fails: The whole interval violates it; for an exact claim, some seed does.
        equivalence_p: For equivalence claims with Student intervals, the larger p-value of the two one-sided tests;
            below 0.025 exactly when `passes`.
    """

    value: float
    interval: Interval
    per_seed: tuple[float, ...]
    passes: bool
    fails: bool
    equivalence_p: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The conclusion on one claim. It cannot be built without the evidence it rests on.

    Args:
        claim: The claim, as it stood when the verdict was made.
        name: The conclusion.
        measured: The claim's own arm, or None where no number was reported.
        control: The control arm, or None where the claim has none or no number was reported.
        n: Number of seeds that reported a number.
        seeds: The trial seeds behind `measured.per_seed`, in the same order.
        scale: Scale of the run.
        run: Id of the run.
        code: Hash of the code that measured.
        environment: Versions, hardware, threads and date of the run.
        reason: Why it is not plainly `holds` or `does not hold`, or what a reader must know.
    """

    claim: Claim
    name: VerdictName
    measured: Side | None
    control: Side | None
    n: int
    seeds: tuple[int, ...]
    scale: Scale
    run: str
    code: str
    environment: Mapping[str, Any]
    reason: str | None = None


@runtime_checkable
class Sourced(Protocol):
    """Data with a known origin, as `workingpapers.data.load` returns it."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def sha256(self) -> str: ...


@runtime_checkable
class Trial(Protocol):
    """One seed of one paper at one scale: what `measure(settings, trial)` is given.

    Randomness comes from here only. `seed_for("data")` is the same for every arm, so arms share data;
    `seed_for("init", arm)` differs between them.
    """

    @property
    def seed(self) -> int:
        """Seed of this trial, derived from (base seed, paper, repetition)."""
        ...

    @property
    def repetition(self) -> int:
        """0 for the first trial of a run, 1 for the next."""
        ...

    @property
    def scale(self) -> Scale: ...

    @property
    def device(self) -> "torch.device": ...

    @property
    def generator(self) -> "torch.Generator":
        """The trial's torch generator, on the CPU, seeded from `seed`; the same object at each access."""
        ...

    @property
    def rng(self) -> "np.random.Generator":
        """The trial's numpy generator, seeded from `seed`; the same object at each access."""
        ...

    def seed_for(self, *names: AxisValue) -> int:
        """A seed below 2**31 for a named stream; equal names give equal seeds within a trial."""
        ...

    def seeded(self, *names: AxisValue) -> AbstractContextManager[None]:
        """Inside, torch's global generator is seeded for the named stream (for `nn.Module` initialisation and
        dropout); on leaving, its former state is back."""
        ...

    def record(self, name: str, value: Any, *, unit: str = "", timing: bool = False, **axes: AxisValue) -> None:
        """Keep one measured number, or a list of numbers, with its axes. `timing` marks what differs from run to
        run on the same machine (seconds, bytes of the process)."""
        ...

    def claim(self, claim_id: str, *, value: float | bool, control: float | bool | None = None) -> None:
        """Give this trial's number for a claim and for its control; once per claim."""
        ...

    def not_tested(self, claim_id: str, reason: str) -> None:
        """Say why this trial has no number for a claim (for example, data that the user has to bring)."""
        ...

    def uses(self, data: Sourced) -> None:
        """Note a data set that was loaded, with its origin and hash."""
        ...

    def progress(self, done: int, total: int, what: str = "") -> None:
        """Tell the person watching how far this trial is."""
        ...

    def steps(self, items: Iterable[Any], what: str = "", total: int | None = None) -> Iterator[Any]:
        """Iterate over `items` and report progress at each."""
        ...


@dataclass(frozen=True)
class Picture:
    """A figure of an experiment: `name` becomes the file's name, `caption` says what to see and how to read it."""

    name: str
    figure: "Figure"
    caption: str


@runtime_checkable
class Results(Protocol):
    """All finished trials of one run, as `figures(results)` is given them."""

    @property
    def paper(self) -> Paper: ...
    @property
    def scale(self) -> Scale: ...
    @property
    def settings(self) -> Any: ...
    @property
    def verdicts(self) -> Sequence[Verdict]: ...

    def frame(self, name: str) -> "pd.DataFrame":
        """The records called `name`: columns `seed`, `repetition`, `value` and one for each axis; empty if none."""
        ...


class Experiment(Protocol):
    """The module `<room>/experiment.py`: a frozen dataclass of settings per scale, `measure`, and `figures`."""

    SCALES: Mapping[Scale, Any]

    def measure(self, settings: Any, trial: Trial) -> None: ...
    def figures(self, results: Results) -> Iterable[Picture]: ...
