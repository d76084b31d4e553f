"""The trending score: what weighs how much, how it fades, and why that keeps the order still.

Every part of a score fades with one half-life, so the order of two papers changes only when something happens to one
of them, never by waiting. A paper's `heat` is the base-2 logarithm of its score carried back to a fixed moment; the
feed sorts by it through an index, and the score at any moment follows from it.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from workingpapers.daily.database import now
from workingpapers.errors import UnknownNameError

HALF_LIFE_DAYS = 7.0
LISTED = 1.0
"""Of being listed, on the day of the feed."""
VOTE = 1.0
"""Of each vote here."""
ELSEWHERE = 0.5
"""Of log2(1 + votes elsewhere), on the day of the feed."""
MEASURED = 2.0
"""Of each run that measured claims of the paper for the first time at its scale."""
CHANGED = 4.0
"""Of each claim whose verdict changed."""

FORMULA = (
    f"score = {LISTED:g} · f(listed) + {ELSEWHERE:g} · log2(1 + votes elsewhere) · f(listed) + {VOTE:g} · Σ f(vote) "
    f"+ {MEASURED:g} · Σ f(run that measured claims for the first time) + {CHANGED:g} · Σ f(claim whose verdict "
    f"changed), where f(moment) = 2^(−age / {HALF_LIFE_DAYS:g} days)"
)
"""The formula in words, as the page prints it."""

_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
_HALF_LIFE = timedelta(days=HALF_LIFE_DAYS)
_AT_ONCE = 20_000


@dataclass(frozen=True)
class Part:
    """One summand of a score.

    Args:
        name: What it counts, in words.
        count: How many of them there are.
        weight: What each weighs when it is fresh; for votes elsewhere, the weight of their logarithm.
        points: What they add at the moment asked for.
    """

    name: str
    count: int
    weight: float
    points: float


@dataclass(frozen=True)
class Explanation:
    """Why a paper stands where it does."""

    score: float
    parts: tuple[Part, ...]


def heat_of(weights: Iterable[tuple[float, datetime]]) -> float:
    """The base-2 logarithm of weights that began at moments, carried to the origin; it cannot overflow."""
    exponents = [math.log2(weight) + _half_lives(moment) for weight, moment in weights if weight > 0]
    largest = max(exponents)
    return largest + math.log2(math.fsum(2.0 ** (exponent - largest) for exponent in exponents))


def first_heat(listed: date, added: datetime, upvotes: int) -> float:
    """The heat of a paper to which nothing has happened here yet."""
    return heat_of([(LISTED + _elsewhere(upvotes), _start(listed, added))])


def score_of(heat: float, at: datetime) -> float:
    """The score at a moment."""
    return _score(heat - _half_lives(at))


def scores(session: Session, at: datetime | None = None) -> dict[int, float]:
    """The score of every paper by its id.

    Args:
        session: Where to read.
        at: The moment to which everything has faded; now where it is None.
    """
    faded = _half_lives(at or now())
    return {paper: _score(heat - faded) for paper, heat in session.execute(text("SELECT id, heat FROM papers")).all()}


def explain(session: Session, paper_id: int, at: datetime | None = None) -> Explanation:
    """The parts of one paper's score.

    Raises:
        UnknownNameError: there is no such paper.
    """
    moment = at or now()
    for _, listed, added, upvotes in _listings(session, [paper_id]):
        happened = _happened(session, [paper_id]).get(paper_id, [])
        start = _start(listed, added)
        parts = [
            Part("listed", 1, LISTED, LISTED * fade(start, moment)),
            Part("votes elsewhere", upvotes, ELSEWHERE, _elsewhere(upvotes) * fade(start, moment)),
        ]
        for name, weight in (("votes", VOTE), ("runs with new verdicts", MEASURED), ("changed verdicts", CHANGED)):
            moments = [when for kind, when in happened if kind == name]
            parts.append(Part(name, len(moments), weight, weight * math.fsum(fade(when, moment) for when in moments)))
        return Explanation(math.fsum(part.points for part in parts), tuple(parts))
    raise UnknownNameError(f"there is no paper with the number {paper_id}")


def fade(moment: datetime, at: datetime) -> float:
    """What is left at `at` of a weight of one that began at `moment`."""
    return _score((moment - at) / _HALF_LIFE)


def refresh(session: Session, paper_ids: Iterable[int] | None = None) -> None:
    """Make the heat of papers anew from what happened to them; of all papers where no ids are given.

    To be called in the transaction that wrote votes or events, or changed when a paper was listed.
    """
    ids = session.scalars(text("SELECT id FROM papers")).all() if paper_ids is None else sorted(set(paper_ids))
    session.flush()
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        happened = _happened(session, some)
        values = [
            {"id": paper_id, "heat": heat_of(_weights(_start(listed, added), upvotes, happened.get(paper_id, [])))}
            for paper_id, listed, added, upvotes in _listings(session, some)
        ]
        if values:
            session.execute(text("UPDATE papers SET heat = :heat WHERE id = :id AND heat IS NOT :heat"), values)


def _weights(start: datetime, upvotes: int, happened: list[tuple[str, datetime]]) -> Iterator[tuple[float, datetime]]:
    yield LISTED + _elsewhere(upvotes), start
    weight = {"votes": VOTE, "runs with new verdicts": MEASURED, "changed verdicts": CHANGED}
    for kind, moment in happened:
        yield weight[kind], moment


def _listings(session: Session, ids: Iterable[int]) -> Iterator[tuple[int, date, datetime, int]]:
    found = session.execute(
        text("SELECT id, listed, added, upvotes FROM papers WHERE id IN (SELECT value FROM json_each(:ids))"),
        {"ids": json.dumps(list(ids))},
    )
    for row in found:
        yield row.id, date.fromisoformat(row.listed), datetime.fromisoformat(row.added), row.upvotes


_HAPPENED = text(
    """
    SELECT paper_id, 'votes' AS kind, at FROM votes WHERE paper_id IN (SELECT value FROM json_each(:ids))
    UNION ALL
    SELECT paper_id, 'runs with new verdicts', min(at) FROM events
    WHERE before IS NULL AND paper_id IN (SELECT value FROM json_each(:ids)) GROUP BY paper_id, run_id
    UNION ALL
    SELECT paper_id, 'changed verdicts', at FROM events
    WHERE before IS NOT NULL AND paper_id IN (SELECT value FROM json_each(:ids))
    """
)


def _happened(session: Session, ids: Iterable[int]) -> dict[int, list[tuple[str, datetime]]]:
    happened: dict[int, list[tuple[str, datetime]]] = {}
    for row in session.execute(_HAPPENED, {"ids": json.dumps(list(ids))}):
        happened.setdefault(row.paper_id, []).append((row.kind, datetime.fromisoformat(row.at)))
    return happened


def _start(listed: date, added: datetime) -> datetime:
    """The moment from which being listed fades: a paper dated into the future begins when it came here."""
    return min(datetime.combine(listed, time(), UTC), added)


def _elsewhere(upvotes: int) -> float:
    return ELSEWHERE * math.log2(1 + upvotes)


def _half_lives(moment: datetime) -> float:
    return (moment - _ORIGIN) / _HALF_LIFE


def _score(exponent: float) -> float:
    """Two to a power; at moments long before everything it stays finite."""
    return 2.0 ** min(exponent, 1000.0)
