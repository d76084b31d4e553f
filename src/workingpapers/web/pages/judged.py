"""Which claims of the papers in a list hold, and which changed lately."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from workingpapers.daily.feed import PaperCard
from workingpapers.daily.identity import paper_key
from workingpapers.daily.tables import ClaimRow, EventRow, PaperRow, RunRow, VerdictRow


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with its verdict in the run that a card shows."""

    claim: str
    says: str
    verdict: str


@dataclass(frozen=True)
class Change:
    """A verdict that came, or became another one."""

    key: str
    title: str
    claim: str
    before: str | None
    after: str
    scale: str
    at: datetime


def judged_claims(session: Session, cards: Iterable[PaperCard]) -> Mapping[str, list[JudgedClaim]]:
    """The claims of every run that one of `cards` shows, in the order of the paper, by run."""
    runs = [card.run_id for card in cards if card.run_id is not None]
    if not runs:
        return {}
    rows = session.execute(
        select(VerdictRow.run_id, VerdictRow.claim, ClaimRow.says, VerdictRow.verdict)
        .join(RunRow, RunRow.id == VerdictRow.run_id)
        .join(
            ClaimRow,
            and_(ClaimRow.paper_id == RunRow.paper_id, ClaimRow.claim == VerdictRow.claim),
            isouter=True,
        )
        .where(VerdictRow.run_id.in_(runs))
        .order_by(ClaimRow.position, VerdictRow.claim)
    )
    found: dict[str, list[JudgedClaim]] = {}
    for run, claim, says, verdict in rows:
        found.setdefault(run, []).append(JudgedClaim(claim, says or claim, verdict))
    return found


def latest_changes(session: Session, count: int = 6) -> list[Change]:
    """The newest changes of a verdict; a claim that was measured for the first time did not change."""
    rows = session.execute(
        select(EventRow, PaperRow)
        .join(PaperRow, PaperRow.id == EventRow.paper_id)
        .where(EventRow.before.is_not(None))
        .order_by(EventRow.at.desc(), EventRow.id.desc())
        .limit(count)
    )
    return [
        Change(
            key=paper_key(paper),
            title=paper.title,
            claim=event.claim,
            before=event.before,
            after=event.after,
            scale=event.scale,
            at=event.at,
        )
        for event, paper in rows
    ]
