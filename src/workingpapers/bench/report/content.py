"""The input of every report: one frozen object that holds all there is to say about one run of one paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workingpapers.bench.protocols import VERDICTS, Paper, Verdict, VerdictName


@dataclass(frozen=True)
class ReportContent:
    """One run of one paper, ready to be shown.

    Args:
        paper: The paper as its paper.toml describes it.
        scale: Scale of the run.
        run: Id of the run.
        verdicts: One verdict per claim, in the order of the paper.
        pictures: The experiment's figures as (name, caption, PNG bytes).
        environment: Versions, hardware, threads, code hash, seconds and the like; may be nested.
        settings: The settings of the experiment at this scale.
        seeds: Trial seeds of the run.
        data: The data sets that were used, each with `name`, `source` and `sha256`.
        page: The text of page.md, or an empty string.
        marks: Warnings that go beside every verdict, such as "measured with older code" or "shipped result".
        errors: Trials that raised, each with `seed` and `error` (the last line of the traceback).
        created: When the report was made, as an ISO date.
    """

    paper: Paper
    scale: str
    run: str
    verdicts: tuple[Verdict, ...]
    pictures: tuple[tuple[str, str, bytes], ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    data: tuple[Mapping[str, Any], ...] = ()
    page: str = ""
    marks: tuple[str, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()
    created: str = ""

    @property
    def counts(self) -> dict[VerdictName, int]:
        """How many claims got each verdict; every verdict is a key."""
        names = [verdict.name for verdict in self.verdicts]
        return {name: names.count(name) for name in VERDICTS}
