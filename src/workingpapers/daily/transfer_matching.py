"""Which row of an export is which row of the database that it comes into."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, String, cast, func, select, update
from sqlalchemy.orm import Session

from workingpapers.daily.database import now
from workingpapers.daily.merging import gone_up_to, remember_highest
from workingpapers.daily.tables import LOCAL_PERSON
from workingpapers.daily.transfer_rows import columns, table
from workingpapers.errors import DamagedRecordError

_FILLED = ("summary", "authors", "author_count", "published", "url", "code_url", "usage")
"""Columns of a paper that an import fills where they are empty; for the rest what is there stays."""

_NUMBER_KEY = re.compile(r"p([1-9][0-9]{0,17})", re.ASCII)
_NEVER = datetime.min.replace(tzinfo=UTC)
_Row = Mapping[str, Any]
_Key = Callable[[_Row], Hashable]


class Matching:
    """Finds each row of an export among those that were there, or gives it a number of its own.

    Args:
        session: A writing session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers: dict[str, dict[int, int]] = defaultdict(dict)
        """By table: the number in the export, and the one here."""
        self._taken: dict[str, set[int]] = {}
        self._there: dict[str, dict[_Key, dict[Hashable, list[int]]]] = {}
        self._papers: _Papers | None = None
        self._measured: set[int] | None = None
        self.changed: set[int] = set()
        """Papers here whose text index and score must be made anew."""
        self.reworded: set[int] = set()
        """Papers with new text: here before, or brought in with it."""
        self._new: set[int] = set()
        self._gone = gone_up_to(session)

    def finish(self) -> None:
        """Note when papers that were here before got another text."""
        papers, ids = table("papers"), json.dumps(sorted(self.reworded - self._new))
        here = papers.c.id.in_(select(func.json_each(ids).table_valued("value").c.value))
        self._session.execute(update(papers).where(here).values(changed=now()))

    def number(self, name: str, old: int) -> int:
        """The number here of a row of the export; raises `DamagedRecordError` where it was not among the lines."""
        try:
            return self._numbers[name][old]
        except KeyError:
            raise DamagedRecordError(f"it refers to number {old} of {name}, which is not in the file") from None

    def take(self, name: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """The row to bring in, with its numbers of this database; None where it is here already."""
        match name:
            case "papers":
                return self._paper(values)
            case "marks":
                return self._mark(values)
            case "runs":
                return self._run(values)
            case "issues":
                values["papers"] = [self._name(one) for one in values["papers"]]
        if name not in _KEYS:
            return values
        known = self._known(name)
        for key in _KEYS[name]:
            if found := known[key].get(key(values)):
                # of jobs, two alike are two: each stands for one that was there
                here = self._numbers[name][values["id"]] = found.pop(0) if name == "jobs" else found[0]
                if name == "people":
                    self._fill_person(here, values)
                return None
        row = self._numbered(name, values)
        if name == "issues":  # two subscriptions of the export may be one here
            known[_issue][_issue(row)].append(row["id"])
        return row

    def _numbered(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """The row with a number that is free here: its own, if it can be."""
        old = values["id"]
        if old in self._numbers[name]:
            raise DamagedRecordError(f"number {old} of {name} is there twice")
        if name not in self._taken:
            self._taken[name] = set(self._session.scalars(select(table(name).c.id)))
        taken = self._taken[name]
        gone = self._gone if name == "papers" else 0
        new = old if old > gone and old not in taken else max(gone, max(taken, default=0)) + 1
        taken.add(new)
        self._numbers[name][old] = new
        return {**values, "id": new}

    def _known(self, name: str) -> dict[_Key, dict[Hashable, list[int]]]:
        """The rows of a table that were here before, by each of their keys."""
        if name not in self._there:
            known: dict[_Key, dict[Hashable, list[int]]] = {key: defaultdict(list) for key in _KEYS[name]}
            for row in self._session.execute(select(*columns(name)).order_by(table(name).c.id)).mappings():
                for key, found in known.items():
                    if (called := key(dict(row))) is not None:
                        found[called].append(row["id"])
            self._there[name] = known
        return self._there[name]

    def _paper(self, values: dict[str, Any]) -> dict[str, Any] | None:
        if self._papers is None:
            self._papers = _Papers(self._session)
        found = self._papers.find(values)
        if found is None:
            row = self._numbered("papers", values)
            self._new.add(row["id"])
            self.changed.add(row["id"])
            return row
        if values["id"] in self._numbers["papers"]:
            raise DamagedRecordError(f"number {values['id']} of papers is there twice")
        self._numbers["papers"][values["id"]] = found
        filled = {name: values[name] for name in self._papers.lacking[found] if values[name]}
        if values["upvotes"] > self._papers.upvotes[found]:
            filled["upvotes"] = values["upvotes"]
        if "summary" in filled:
            filled["summary_kind"] = values["summary_kind"]
        if filled:
            papers = table("papers")
            self._session.execute(update(papers).where(papers.c.id == found).values(filled))
            self.changed.add(found)
            self.reworded.add(found)
        return None

    def _fill_person(self, here: int, values: _Row) -> None:
        """Give somebody who is here the name and the earlier beginning that the export knows; roles stay."""
        people = table("people")
        row = self._session.execute(select(people).where(people.c.id == here)).mappings().one()
        filled = {"name": row["name"] or values["name"], "created": min(row["created"], values["created"])}
        self._session.execute(update(people).where(people.c.id == here).values(filled))

    def _mark(self, values: dict[str, Any]) -> dict[str, Any] | None:
        """A mark to bring in; of two marks for the same paper, both stars count, and the newer note."""
        marks = table("marks")
        same = (marks.c.paper_id == values["paper_id"]) & (marks.c.person_id == values["person_id"])
        here = self._session.execute(select(marks).where(same)).mappings().one_or_none()
        if here is None:
            return values
        filled = {name: values[name] for name in ("starred", "read") if values[name] and not here[name]}
        newer = (values["note_changed"] or _NEVER) > (here["note_changed"] or _NEVER)
        if values["note"] and (newer or not here["note"]):
            filled |= {"note": values["note"], "note_changed": values["note_changed"]}
        if filled:
            self._session.execute(update(marks).where(same).values(filled))
        return None

    def _run(self, values: dict[str, Any]) -> dict[str, Any]:
        """A run; where its paper has a newest one here already, that one stays the newest."""
        if self._measured is None:
            runs = table("runs")
            self._measured = set(self._session.scalars(select(runs.c.paper_id).where(runs.c.newest)))
        if values["paper_id"] in self._measured:
            values["newest"] = False
        return values

    def _name(self, key: str) -> str:
        """A paper's name in an address, in which its number may stand."""
        match = _NUMBER_KEY.fullmatch(key)
        if match is None:
            return key
        number = int(match[1])
        if number not in self._numbers["papers"]:  # that paper is gone, and no other may get its number
            remember_highest(self._session, self._numbered("papers", {"id": number})["id"])
        return f"p{self._numbers['papers'][number]}"


class _Papers:
    """The papers that were here before the import, as they are recognised: slug, arXiv id, then title."""

    def __init__(self, session: Session) -> None:
        papers, others = table("papers"), table("other_titles")
        self.slugs: dict[str, int] = {}
        self.arxiv: dict[str, int] = {}
        self.titles: dict[str, list[int]] = defaultdict(list)
        self.with_arxiv: set[int] = set()
        self.upvotes: dict[int, int] = {}
        self.lacking: dict[int, list[str]] = {}
        """Columns that are empty and that an import may fill."""
        wanted = select(papers.c.id, papers.c.slug, papers.c.arxiv, papers.c.title_key, papers.c.upvotes)
        empty = [_is_empty(papers.c[name]).label(f"no_{name}") for name in _FILLED]
        for id_, slug, arxiv, title, upvotes, *lacks in session.execute(
            wanted.add_columns(*empty).order_by(papers.c.id)
        ):
            self.upvotes[id_] = upvotes
            self.lacking[id_] = [name for name, lacking in zip(_FILLED, lacks, strict=True) if lacking]
            if slug is not None:
                self.slugs[slug] = id_
            if arxiv is not None:
                self.arxiv[arxiv] = id_
                self.with_arxiv.add(id_)
            self.titles[title].append(id_)
        for title, id_ in session.execute(select(others.c.title_key, others.c.paper_id)):
            self.titles[title].append(id_)

    def find(self, values: _Row) -> int | None:
        """The number of the paper here that a row of an export is, or None."""
        if (found := self.slugs.get(values["slug"] or "")) is not None:
            return found
        if (found := self.arxiv.get(values["arxiv"] or "")) is not None:
            return found
        for found in self.titles.get(values["title_key"], ()):
            if values["arxiv"] is None or found not in self.with_arxiv:
                return found
        return None


def _is_empty(column: Column[Any]) -> ColumnElement[bool]:
    return func.coalesce(cast(column, String), "").in_(("", "0", "[]"))


def _person(row: _Row) -> Hashable:
    if row["email"] is not None:
        return str(row["email"])
    return LOCAL_PERSON if row["id"] == LOCAL_PERSON else None


def _topic(row: _Row) -> Hashable:
    return row["slug"]


def _event(row: _Row) -> Hashable:
    return row["run_id"], row["claim"]


def _subscription_key(row: _Row) -> Hashable:
    return row["unsubscribe_key"]


def _subscription(row: _Row) -> Hashable:
    if row["status"] not in ("pending", "active"):
        return None
    wanted = json.dumps([row["topics"], row["query"]])
    return row["email"], row["frequency"], row["selection"], wanted


def _issue(row: _Row) -> Hashable:
    return row["subscription_id"], row["issue"]


def _job(row: _Row) -> Hashable:
    return row["slug"], row["scale"], row["seeds"], row["requested"], row["requested_by"]


_KEYS: Mapping[str, tuple[_Key, ...]] = {
    "people": (_person,),
    "topics": (_topic,),
    "events": (_event,),
    "subscriptions": (_subscription_key, _subscription),
    "issues": (_issue,),
    "jobs": (_job,),
}
"""By table: what makes a row the same row, the surest first."""
