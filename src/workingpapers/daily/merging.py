"""Merging entries into the papers that are there: who is who, which source is believed, what is written."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from workingpapers.daily import trending
from workingpapers.daily.database import now
from workingpapers.daily.entries import OWN, RANK, ClaimEntry, PaperEntry, topic_slug
from workingpapers.daily.identity import title_key
from workingpapers.daily.tables import Base, ClaimRow, OtherTitleRow, PaperRow, PaperTopicRow, TopicRow

_PAPERS: Table = Base.metadata.tables[PaperRow.__tablename__]
_CLAIMS: Table = Base.metadata.tables[ClaimRow.__tablename__]
_TOPICS: Table = Base.metadata.tables[TopicRow.__tablename__]
_PAPER_TOPICS: Table = Base.metadata.tables[PaperTopicRow.__tablename__]
_OTHER_TITLES: Table = Base.metadata.tables[OtherTitleRow.__tablename__]
_PASSES = 6
_HUB = "hugging-face"
"""The source that counts votes; its number is the newest one."""
_NO_FEED = "arxiv"
"""The source without a feed of its own: of a paper it knows only when it appeared."""
_HIGHEST = "highest paper"
"""Where the database remembers the highest number that a paper ever had, once a paper is gone."""


def highest_paper(session: Session) -> int:
    """The highest number that a paper of this database has or ever had; 0 where there was none."""
    return max(session.scalar(text("SELECT max(id) FROM papers")) or 0, gone_up_to(session))


def gone_up_to(session: Session) -> int:
    """The number up to which those that no paper has may be of papers that are gone; 0 where none is gone."""
    return int(session.scalar(_REMEMBERED, {"name": _HIGHEST}) or 0)


def remember_highest(session: Session, number: int) -> None:
    """Keep every number up to this one from being given to a new paper."""
    session.execute(_REMEMBER, {"name": _HIGHEST, "value": str(max(number, highest_paper(session)))})


@dataclass
class _Known:
    """A paper in memory.

    Args:
        values: Its columns.
        topics: Slugs of its topics.
        titles: Folded titles by which it was or is known besides the one shown.
        claims: What its room judges.
    """

    values: dict[str, Any]
    topics: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)
    claims: tuple[ClaimEntry, ...] = ()

    def copy(self) -> "_Known":
        return _Known(dict(self.values), set(self.topics), set(self.titles), self.claims)


class Merge:
    """One import. `take` decides in memory; `write` brings it to the database in a few statements.

    Args:
        session: A writing session.
        entries: Everything that will be taken, checked.
        submitted_by: Kept with new papers.
    """

    def __init__(self, session: Session, entries: Sequence[PaperEntry], submitted_by: int | None) -> None:
        self._session = session
        self._submitted_by = submitted_by
        self._now = now()
        self._known: dict[int, _Known] = {}
        self._before: dict[int, _Known] = {}
        self._by_slug: dict[str, int] = {}
        self._by_arxiv: dict[str, int] = {}
        self._by_title: dict[str, set[int]] = {}
        self._seen: dict[int, None] = {}
        self._absorbed: dict[int, int] = {}
        self._topic_names: dict[str, str] = {}
        self._next_id: int = 1 + highest_paper(session)
        self._load(entries)

    def take(self, entries: Sequence[PaperEntry]) -> None:
        """Merge entries into their papers, or make papers for them.

        An entry may teach a title or an arXiv id that shows where an earlier one belongs. So they are taken again
        until nothing moves, which is why a second import of the same entries changes nothing.
        """
        for _ in range(_PASSES):
            before = {paper: known.copy() for paper, known in self._known.items()}
            self._seen.clear()
            for entry in entries:
                self._take(entry)
            if self._known == before:
                break

    def _take(self, entry: PaperEntry) -> None:
        key = title_key(entry.title)
        found = self._find(entry, key)
        if found is None:
            found = self._make(entry, key)
        self._merge(found, entry, key)
        for other in sorted(self._by_title.get(key, set())):
            if other != found and self._plain(other) and self._known[other].values["arxiv"] is None:
                self._absorb(found, other)
        self._seen[found] = None

    def write(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Write what changed; the ids of papers that are new, changed, and as before."""
        seen = [paper for paper in self._seen if paper in self._known]
        added = [paper for paper in seen if paper not in self._before]
        updated = [paper for paper in seen if paper in self._before and self._known[paper] != self._before[paper]]
        for paper in updated:
            self._known[paper].values["changed"] = self._now
        self._write_papers(added, updated)
        self._write_titles([*added, *updated])
        self._write_topics([*added, *updated])
        self._write_claims([*added, *updated])
        trending.refresh(self._session, [paper for paper in updated if self._heat_changed(paper)])
        unchanged = set(seen) - set(added) - set(updated)
        return tuple(added), tuple(updated), tuple(paper for paper in seen if paper in unchanged)

    def texts(self) -> list[int]:
        """The papers whose full text is another than before, and those that are gone."""
        return [
            *self._absorbed,
            *(
                paper
                for paper, known in self._known.items()
                if paper not in self._before or self._text(known) != self._text(self._before[paper])
            ),
        ]

    # finding

    def _find(self, entry: PaperEntry, key: str) -> int | None:
        if entry.slug is not None and entry.slug in self._by_slug:
            return self._by_slug[entry.slug]
        if entry.arxiv is not None and entry.arxiv in self._by_arxiv:
            found = self._by_arxiv[entry.arxiv]
            return found if entry.slug is None or self._plain(found) else None
        for candidate in sorted(self._by_title.get(key, set())):
            one_has_none = entry.arxiv is None or self._known[candidate].values["arxiv"] is None
            if one_has_none and (entry.slug is None or self._plain(candidate)):
                return candidate
        return None

    def _plain(self, paper: int) -> bool:
        return self._known[paper].values["slug"] is None

    def _make(self, entry: PaperEntry, key: str) -> int:
        paper, self._next_id = self._next_id, self._next_id + 1
        listed = self._come(entry.listed or entry.published or self._now.date())
        values: dict[str, Any] = {
            "id": paper,
            "slug": None,
            "arxiv": None,
            "title": entry.title,
            "title_key": key,
            "summary": "",
            "summary_kind": entry.summary_kind,
            "authors": [],
            "author_count": 0,
            "published": None,
            "listed": listed,
            "source": entry.source,
            "url": None,
            "code_url": None,
            "upvotes": entry.upvotes,
            "built": False,
            "usage": "",
            "submitted_by": self._submitted_by,
            "added": self._now,
            "changed": self._now,
        }
        self._known[paper] = _Known(values)
        self._by_title.setdefault(key, set()).add(paper)
        return paper

    # merging

    def _merge(self, paper: int, entry: PaperEntry, key: str) -> None:
        known = self._known[paper]
        row = known.values
        own_row, own = row["source"] in OWN, entry.source in OWN
        wins = RANK[entry.source] >= RANK[row["source"]]
        self._name(paper, entry)
        if wins:
            self._retitle(paper, entry.title, key)
        elif key != row["title_key"]:
            known.titles.add(key)
            self._by_title.setdefault(key, set()).add(paper)
        keeps_ours = row["summary_kind"] == "ours" and entry.summary_kind == "abstract"
        if entry.summary and (not row["summary"] or (wins and not keeps_ours)):
            row["summary"], row["summary_kind"] = entry.summary, entry.summary_kind
        if entry.authors and (wins or not row["authors"]):
            row["authors"] = list(entry.authors)
        if entry.author_count and (wins or not row["author_count"]):
            row["author_count"] = entry.author_count
        row["author_count"] = max(row["author_count"], len(row["authors"]))
        for name, value in (("published", entry.published), ("url", entry.url), ("code_url", entry.code_url)):
            if value is not None and (wins or row[name] is None):
                row[name] = value
        self._relist(row, entry)
        if entry.source == _HUB:
            row["upvotes"] = entry.upvotes or row["upvotes"]
        else:
            row["upvotes"] = row["upvotes"] or entry.upvotes
        if own or RANK[entry.source] > RANK[row["source"]]:
            row["source"] = entry.source
        if own:
            row["built"], row["usage"], known.claims = entry.built, entry.usage, entry.claims
        self._retopic(known, entry, own=own, own_row=own_row)

    def _relist(self, row: dict[str, Any], entry: PaperEntry) -> None:
        """Move the paper to another day where the entry's source may say so."""
        if entry.source in OWN:
            if day := entry.listed or entry.published:
                row["listed"] = day if day <= self._now.date() else self._come(row["listed"])
        elif entry.listed is not None and entry.source != _NO_FEED:
            day, more = self._come(entry.listed), RANK[entry.source] - RANK[row["source"]]
            if more > 0 or (more == 0 and day < row["listed"]):
                row["listed"] = day

    def _come(self, day: date) -> date:
        """The day, or today where it has not come yet."""
        return min(day, self._now.date())

    def _name(self, paper: int, entry: PaperEntry) -> None:
        """Slug and arXiv id of the entry, where no other paper has them."""
        row = self._known[paper].values
        if entry.slug is not None and row["slug"] is None:
            row["slug"] = entry.slug
            self._by_slug[entry.slug] = paper
        if entry.arxiv is None or row["arxiv"] == entry.arxiv or (row["arxiv"] is not None and entry.source not in OWN):
            return
        other = self._by_arxiv.get(entry.arxiv)
        if other is not None:
            if not self._plain(other):
                return
            self._absorb(paper, other)
        self._by_arxiv.pop(row["arxiv"], None)
        row["arxiv"] = entry.arxiv
        self._by_arxiv[entry.arxiv] = paper

    def _retitle(self, paper: int, title: str, key: str) -> None:
        known = self._known[paper]
        row = known.values
        if key != row["title_key"]:
            known.titles.add(row["title_key"])
            self._by_title.setdefault(key, set()).add(paper)
        row["title"], row["title_key"] = title, key

    def _retopic(self, known: _Known, entry: PaperEntry, *, own: bool, own_row: bool) -> None:
        names = {slug: name for name in entry.topics if (slug := topic_slug(name))}
        if own:
            known.topics = set(names)
        elif own_row:
            return
        else:
            known.topics |= names.keys()
        for slug, name in names.items():
            self._topic_names.setdefault(slug, name)

    def _absorb(self, paper: int, other: int) -> None:
        """Another row turned out to be this paper: take what is missing here, and whatever people did to it."""
        known, gone = self._known[paper], self._known.pop(other)
        row = known.values
        for name in ("published", "url", "code_url", "submitted_by"):
            row[name] = gone.values[name] if row[name] is None else row[name]
        if not row["summary"]:
            row["summary"], row["summary_kind"] = gone.values["summary"], gone.values["summary_kind"]
        row["authors"] = row["authors"] or gone.values["authors"]
        row["author_count"] = max(row["author_count"], len(row["authors"]))
        row["upvotes"] = max(row["upvotes"], gone.values["upvotes"])
        more = RANK[gone.values["source"]] - RANK[row["source"]]
        if more > 0 or (more == 0 and row["source"] not in OWN and gone.values["listed"] < row["listed"]):
            row["listed"], row["source"] = gone.values["listed"], gone.values["source"]
        if row["source"] not in OWN:
            known.topics |= gone.topics
        for key in {gone.values["title_key"], *gone.titles}:
            self._by_title[key].discard(other)
            self._by_title[key].add(paper)
            if key != row["title_key"]:
                known.titles.add(key)
        if gone.values["arxiv"] is not None:
            del self._by_arxiv[gone.values["arxiv"]]
        for earlier, target in self._absorbed.items():
            self._absorbed[earlier] = paper if target == other else target
        self._absorbed[other] = paper

    # reading

    def _load(self, entries: Sequence[PaperEntry]) -> None:
        wanted = {
            "slugs": json.dumps([entry.slug for entry in entries if entry.slug is not None]),
            "arxivs": json.dumps([entry.arxiv for entry in entries if entry.arxiv is not None]),
            "keys": json.dumps(sorted({title_key(entry.title) for entry in entries})),
        }
        ids = json.dumps(list(self._session.scalars(_WHO, wanted)))
        for found in self._session.execute(select(_PAPERS).where(_PAPERS.c.id.in_(_values(ids)))).mappings():
            row = dict(found)
            del row["heat"]  # follows from the rest and from votes
            self._known[row["id"]] = _Known(row)
            self._by_title.setdefault(row["title_key"], set()).add(row["id"])
            if row["slug"] is not None:
                self._by_slug[row["slug"]] = row["id"]
            if row["arxiv"] is not None:
                self._by_arxiv[row["arxiv"]] = row["id"]
        for paper, slug in self._session.execute(_TOPICS_OF, {"ids": ids}):
            self._known[paper].topics.add(slug)
        for paper, key in self._session.execute(_TITLES_OF, {"ids": ids}):
            self._known[paper].titles.add(key)
            self._by_title.setdefault(key, set()).add(paper)
        claims = select(_CLAIMS).where(_CLAIMS.c.paper_id.in_(_values(ids))).order_by(_CLAIMS.c.position)
        for one in self._session.execute(claims):
            entry = ClaimEntry(one.claim, one.says, one.metric, one.predicate, one.source, one.details)
            self._known[one.paper_id].claims += (entry,)
        self._before = {paper: known.copy() for paper, known in self._known.items()}

    # writing

    def _write_papers(self, added: list[int], updated: list[int]) -> None:
        gone = [paper for paper in self._absorbed if paper in self._before]
        if gone:  # their arXiv ids belong to others now
            statement = update(_PAPERS).where(_PAPERS.c.id.in_(_values(json.dumps(gone)))).values(arxiv=None)
            self._session.execute(statement)
            remember_highest(self._session, self._next_id - 1)
        if updated:
            statement = update(_PAPERS).where(_PAPERS.c.id == bindparam("key"))
            self._session.connection().execute(
                statement, [{"key": paper, **self._known[paper].values} for paper in updated]
            )
        if added:
            rows = [self._known[paper].values for paper in added]
            heats = [trending.first_heat(row["listed"], row["added"], row["upvotes"]) for row in rows]
            self._session.execute(
                insert(_PAPERS), [{**row, "heat": heat} for row, heat in zip(rows, heats, strict=True)]
            )
        for paper in gone:
            for move in _MOVES:
                self._session.execute(move, {"gone": paper, "paper": self._absorbed[paper]})
            self._session.execute(delete(_PAPERS).where(_PAPERS.c.id == paper))

    def _write_titles(self, papers: Iterable[int]) -> None:
        rows = [
            {"paper_id": paper, "title_key": key}
            for paper in papers
            for key in sorted(self._known[paper].titles - self._was(paper).titles)
        ]
        if rows:
            self._session.execute(insert(_OTHER_TITLES).prefix_with("OR IGNORE"), rows)

    def _write_topics(self, papers: Sequence[int]) -> None:
        ids = {slug: topic for topic, slug in self._session.execute(select(_TOPICS.c.id, _TOPICS.c.slug))}
        missing = [slug for slug in self._topic_names if slug not in ids]
        if missing:
            self._session.execute(insert(_TOPICS), [{"slug": s, "name": self._topic_names[s]} for s in missing])
            ids = {slug: topic for topic, slug in self._session.execute(select(_TOPICS.c.id, _TOPICS.c.slug))}
        new, old = [], []
        for paper in papers:
            now_, was = self._known[paper].topics, self._was(paper).topics
            new += [{"paper_id": paper, "topic_id": ids[slug]} for slug in sorted(now_ - was)]
            old += [{"paper": paper, "topic": ids[slug]} for slug in sorted(was - now_)]
        if new:
            self._session.execute(insert(_PAPER_TOPICS).prefix_with("OR IGNORE"), new)
        if old:
            self._session.execute(_DROP_TOPIC, old)
            self._session.execute(_DROP_EMPTY_TOPICS)

    def _write_claims(self, papers: Sequence[int]) -> None:
        changed = [paper for paper in papers if self._known[paper].claims != self._was(paper).claims]
        rows = [
            {
                "paper_id": paper,
                "claim": claim.claim,
                "position": position,
                "says": claim.says,
                "metric": claim.metric,
                "predicate": claim.predicate,
                "source": claim.source,
                "details": dict(claim.details),
            }
            for paper in changed
            for position, claim in enumerate(self._known[paper].claims)
        ]
        if changed:
            self._session.execute(delete(_CLAIMS).where(_CLAIMS.c.paper_id.in_(_values(json.dumps(changed)))))
        if rows:
            self._session.execute(insert(_CLAIMS), rows)

    def _was(self, paper: int) -> _Known:
        return self._before.get(paper, _NOTHING)

    def _text(self, known: _Known) -> tuple[Any, ...]:
        texts = tuple(known.values[name] for name in ("title", "authors", "summary"))
        return (*texts, known.topics, [claim.says for claim in known.claims])

    def _heat_changed(self, paper: int) -> bool:
        row, was = self._known[paper].values, self._before[paper].values
        moved = paper in self._absorbed.values()
        return moved or row["listed"] != was["listed"] or row["upvotes"] != was["upvotes"]


_NOTHING = _Known({})


def _values(ids: str) -> Select[Any]:
    """The numbers of a JSON list, as a query: one statement for any number of them."""
    return select(func.json_each(ids).table_valued("value").c.value)


_REMEMBERED = text("SELECT value FROM remembered WHERE name = :name")
_REMEMBER = text(
    "INSERT INTO remembered (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_WHO = text(
    """
    SELECT id FROM papers WHERE slug IN (SELECT value FROM json_each(:slugs))
    UNION SELECT id FROM papers WHERE arxiv IN (SELECT value FROM json_each(:arxivs))
    UNION SELECT id FROM papers WHERE title_key IN (SELECT value FROM json_each(:keys))
    UNION SELECT paper_id FROM other_titles WHERE title_key IN (SELECT value FROM json_each(:keys))
    """
)
_TOPICS_OF = text(
    "SELECT pt.paper_id, t.slug FROM paper_topics pt JOIN topics t ON t.id = pt.topic_id "
    "WHERE pt.paper_id IN (SELECT value FROM json_each(:ids))"
)
_TITLES_OF = text("SELECT paper_id, title_key FROM other_titles WHERE paper_id IN (SELECT value FROM json_each(:ids))")
_DROP_TOPIC = text("DELETE FROM paper_topics WHERE paper_id = :paper AND topic_id = :topic")
_DROP_EMPTY_TOPICS = text("DELETE FROM topics WHERE NOT EXISTS (SELECT 1 FROM paper_topics WHERE topic_id = topics.id)")
_MOVES = (
    text(
        "INSERT OR IGNORE INTO votes (paper_id, person_id, at) "
        "SELECT :paper, person_id, at FROM votes WHERE paper_id = :gone"
    ),
    text(
        """
        INSERT INTO marks (paper_id, person_id, starred, read, note, note_changed)
        SELECT :paper, person_id, starred, read, note, note_changed FROM marks WHERE paper_id = :gone
        ON CONFLICT (paper_id, person_id) DO UPDATE SET
            starred = coalesce(marks.starred, excluded.starred),
            read = coalesce(marks.read, excluded.read),
            note = CASE WHEN marks.note = '' THEN excluded.note WHEN excluded.note = '' THEN marks.note
                ELSE marks.note || char(10) || excluded.note END,
            note_changed = coalesce(marks.note_changed, excluded.note_changed)
        """
    ),
)
"""What people did to a paper that turned out to be another one."""
