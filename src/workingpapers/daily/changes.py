"""What changed: the claims that were measured for the first time at a scale, and those whose verdict moved there."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from workingpapers.daily import trending
from workingpapers.daily.tables import EventRow, RunRow, VerdictRow

CHANGED_SETTINGS = "changed settings"
"""How the mark begins of a run that was made with other settings than the scale's own."""


def decides(run: RunRow, needed: int) -> bool:
    """Whether a run says something about its paper: above smoke, with the scale's settings and enough seeds.

    Args:
        run: The run.
        needed: The most seeds that one of the paper's claims asks for.
    """
    if run.scale == "smoke" or run.seeds < needed:
        return False
    return not any(mark.startswith(CHANGED_SETTINGS) for mark in run.marks)


def renew_events(session: Session, needed: Mapping[int, int]) -> None:
    """Bring the table `events` to what the tables `runs` and `verdicts` say, for some papers.

    A claim's first verdict at a scale is an event, and so is each later one that differs from the one before it. A
    claim that is not tested makes none until it is; runs that decide nothing are passed over.

    Args:
        session: A writing one.
        needed: The papers by id, with the most seeds that one of a paper's claims asks for.
    """
    wanted = _wanted(session, needed)
    there = {
        (row.run_id, row.claim): row for row in session.scalars(select(EventRow).where(EventRow.paper_id.in_(needed)))
    }
    same = {
        key
        for key, row in there.items()
        if key in wanted and all(getattr(row, name) == value for name, value in wanted[key].items())
    }
    if stale := {row.id: row.paper_id for key, row in there.items() if key not in same}:
        session.execute(delete(EventRow).where(EventRow.id.in_(stale)))
    if new := [{"run_id": key[0], "claim": key[1], **values} for key, values in wanted.items() if key not in same]:
        session.execute(insert(EventRow), new)
    trending.refresh(session, {*stale.values(), *(row["paper_id"] for row in new)})


def _wanted(session: Session, needed: Mapping[int, int]) -> dict[tuple[str, str], dict[str, Any]]:
    verdicts: dict[str, list[tuple[str, str]]] = {}
    runs = select(RunRow).where(RunRow.paper_id.in_(needed)).order_by(RunRow.finished, RunRow.id)
    of_them = select(VerdictRow).join(RunRow).where(RunRow.paper_id.in_(needed))
    for row in session.scalars(of_them.order_by(VerdictRow.run_id, VerdictRow.claim)):
        verdicts.setdefault(row.run_id, []).append((row.claim, row.verdict))
    last: dict[tuple[int, str, str], str] = {}
    events: dict[tuple[str, str], dict[str, Any]] = {}
    for run in session.scalars(runs):
        if not decides(run, needed[run.paper_id]):
            continue
        for claim, after in verdicts.get(run.id, ()):
            place = run.paper_id, run.scale, claim
            before = last.get(place)
            if after == before or (before is None and after == "not tested"):
                continue
            last[place] = after
            about = {"paper_id": run.paper_id, "at": run.finished, "scale": run.scale, "before": before}
            events[run.id, claim] = {**about, "after": after}
    return events
