"""A run read back from a store: its trials, its verdicts, and what a reader must know about it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import workingpapers
from workingpapers.bench.code_hash import code_hash
from workingpapers.bench.protocols import Claim, Paper, Scale, Verdict
from workingpapers.bench.settings import check_scale, from_plain
from workingpapers.bench.store import RunManifest, Store
from workingpapers.bench.trial_file import StoredTrial
from workingpapers.bench.verdicts import Evidence, judge
from workingpapers.errors import DamagedRecordError, InvalidPaperError

if TYPE_CHECKING:
    import pandas as pd

Origin = Literal["store", "shipped"]


def claims_hash(claims: Sequence[Claim]) -> str:
    """Hash of the claims as they stand, so that a later change of a predicate shows."""
    return hashlib.sha256(json.dumps([asdict(claim) for claim in claims]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class LoadedRun:
    """Implements the `Results` protocol.

    Args:
        paper: The paper as it is now.
        manifest: The run as it was.
        trials: Its trials in the order of `manifest.seeds`; None where one failed.
        folder: Where its figures and report lie.
        origin: The user's store, or the results that are shipped with the package.
        damage: What could not be read in newer runs.
    """

    paper: Paper
    manifest: RunManifest
    trials: tuple[StoredTrial | None, ...]
    folder: Path
    origin: Origin = "store"
    damage: tuple[str, ...] = ()

    @property
    def scale(self) -> Scale:
        """Scale of the run."""
        return check_scale(self.manifest.scale)

    @cached_property
    def settings(self) -> Any:
        """The settings as the experiment's own dataclass; imports the experiment."""
        from workingpapers.bench import registry

        return from_plain(registry.experiment(self.paper), self.scale, self.manifest.settings)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict per claim, judged from the stored numbers."""
        evidence = Evidence(self.scale, self.manifest.id, self.manifest.code, self.manifest.environment)
        return tuple(
            judge(
                claim,
                [trial.claim_values.get(claim.id) if trial else None for trial in self.trials],
                self.manifest.seeds,
                evidence,
            )
            for claim in self.paper.claims
        )

    def frame(self, name: str) -> "pd.DataFrame":
        """The records called `name`, one row each."""
        import pandas as pd

        rows = [
            {"seed": trial.seed, "repetition": trial.repetition, "value": record.value, **record.axes}
            for trial in self.trials
            if trial
            for record in trial.records
            if record.name == name
        ]
        return pd.DataFrame(rows, columns=None if rows else ["seed", "repetition", "value"])

    @cached_property
    def data(self) -> tuple[Mapping[str, str], ...]:
        """The loaded data sets with origin and hash, each once."""
        seen = {tuple(sorted(entry.items())): entry for trial in self.trials if trial for entry in trial.data}
        return tuple(seen.values())

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """What a reader must know before trusting the numbers."""
        marks = []
        if self.origin == "shipped":
            marks.append("shipped result: measured by the authors of this package, not on this machine")
        try:
            if self.manifest.code != code_hash(self.paper.module, self.paper.folder):
                marks.append("older code: measured with another version of this paper's code; run it again to renew it")
        except InvalidPaperError as error:
            marks.append(f"broken code: {error}")
        if self.manifest.claims != claims_hash(self.paper.claims):
            marks.append("changed claims: the claims were edited after this run")
        if self.manifest.failed:
            marks.append(f"incomplete: {len(self.manifest.failed)} of {len(self.manifest.keys)} trials failed")
        names = [entry["name"] for entry in self.data]
        for name in sorted({name for name in names if names.count(name) > 1}):
            marks.append(f"mixed data: the trials used different contents of {name}")
        return (*marks, *self.damage)


def shipped_store() -> Store:
    """The results that come with the package."""
    return Store(Path(workingpapers.__file__).parent / "shipped")


def load_run(
    paper: Paper, store: Store, manifest: RunManifest, origin: Origin = "store", damage: Sequence[str] = ()
) -> LoadedRun:
    """Read all trials of a run.

    Raises:
        DamagedRecordError: a finished trial's file is missing, truncated or changed.
    """
    trials: list[StoredTrial | None] = []
    for key in manifest.keys:
        trial = None if key in manifest.failed else store.read(paper.slug, key)
        if trial is None and key not in manifest.failed:
            raise DamagedRecordError(f"{store.folder(paper.slug, key)}: missing; run {manifest.id} needs it")
        trials.append(trial)
    folder = store.run_folder(paper.slug, manifest.id)
    return LoadedRun(paper, manifest, tuple(trials), folder, origin, tuple(damage))


def latest(paper: Paper, store: Store, scale: Scale | None = None) -> LoadedRun | None:
    """The newest complete run of a paper: from the user's store, else the shipped one, else None.

    A run whose records are damaged is passed over, and the answer says so.

    Raises:
        DamagedRecordError: there are runs, and all are damaged.
    """
    damage: list[str] = []
    places: tuple[tuple[Store, Origin], ...] = ((store, "store"), (shipped_store(), "shipped"))
    for place, origin in places:
        damage += [
            f"damaged: {path} does not match its checksum and is passed over" for path in place.damaged_runs(paper.slug)
        ]
        for manifest in place.runs(paper.slug):
            if manifest.status != "complete" or (scale is not None and manifest.scale != scale):
                continue
            try:
                return load_run(paper, place, manifest, origin, damage)
            except DamagedRecordError as error:
                damage.append(
                    f"damaged: a newer run was passed over: {error}; `workingpapers run {paper.slug}` repairs it"
                )
    if damage:
        raise DamagedRecordError(damage[0])
    return None
