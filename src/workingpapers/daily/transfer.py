"""Moving house: everything that the page knows as lines of JSON, and back into another database.

    {"workingpapers": "export", "format": 1}                        the first line
    {"table": "papers", "id": 1, "slug": "afno", …}                 one line a row
    {"end": {"people": 1, "papers": 40, …}, "sha256": "…"}          the last line: how many rows, and of all before it

Into an empty database everything goes as it was, numbers included. Into one that has rows already the two are brought
together: what is there stays, what is missing is added, and the same paper, person or subscription is not there twice.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from workingpapers.daily import trending
from workingpapers.daily.database import Database
from workingpapers.daily.papers import index_text
from workingpapers.daily.transfer_matching import Matching
from workingpapers.daily.transfer_rows import MOVED, columns, from_plain, references, table, to_plain
from workingpapers.errors import DamagedRecordError

FORMAT = 1
_AT_ONCE = 1000


@dataclass(frozen=True)
class TransferReport:
    """What an import did, in rows of each table.

    Args:
        added: New here.
        present: There already, some of them with what they lacked filled in.
    """

    added: Mapping[str, int]
    present: Mapping[str, int]


def export_lines(database: Database) -> Iterator[str]:
    """Everything but sign-ins and what is computed anew, as lines without line ends; one state of the database."""
    digest = hashlib.sha256()
    counts: Counter[str] = Counter()

    def line(row: Mapping[str, Any]) -> str:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False)
        digest.update(text.encode() + b"\n")
        return text

    yield line({"workingpapers": "export", "format": FORMAT})
    with database.read() as session:
        for name in MOVED:
            wanted = select(*columns(name)).order_by(*table(name).primary_key.columns)
            for row in session.execute(wanted.execution_options(yield_per=_AT_ONCE)).mappings():
                counts[name] += 1
                yield line(to_plain(name, dict(row)))
    yield json.dumps({"end": counts, "sha256": digest.hexdigest()})


def import_lines(
    database: Database, lines: Iterable[str], progress: Callable[[int], object] = lambda done: None
) -> TransferReport:
    """Bring the rows of an export in, in one transaction: all of them or, after an error or a kill, none.

    Args:
        database: Where to.
        lines: What `export_lines` gave, with or without line ends.
        progress: Is told how many lines are read.

    Raises:
        DamagedRecordError: the lines are not a whole export; the message says which line and why.
        StoreError: the database cannot be written.
    """
    with database.write() as session:
        moving = _Moving(session)
        number = 0
        for number, text in enumerate(lines, 1):
            try:
                moving.take(number, text.rstrip("\r\n"))
            except DamagedRecordError as error:
                raise DamagedRecordError(f"line {number}: {error}") from error
            if number % _AT_ONCE == 0:
                progress(number)
        if not moving.ended:
            raise DamagedRecordError(f"the file ends after line {number} without its last line; get the whole file")
        progress(number)
        return moving.finish()


@dataclass
class _Moving:
    """One import on its way."""

    session: Session
    started: bool = False
    ended: bool = False
    place: int = 0
    """Which of the tables comes now."""
    digest: Any = field(default_factory=hashlib.sha256)
    read: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    waiting: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Rows of one table with their lines, not written yet."""

    def __post_init__(self) -> None:
        self.matching = Matching(self.session)

    def take(self, number: int, text: str) -> None:
        """Read one line."""
        if self.ended:
            raise DamagedRecordError("there is more after the last line; two files may have been joined")
        row = _object(text) if self.started else _header(text)
        if not self.started:
            self.started = True
        elif "end" in row:
            self._end(row)
        else:
            self._row(number, row)
        self.digest.update(text.encode("utf-8", "surrogatepass") + b"\n")

    def finish(self) -> TransferReport:
        """Bring what is computed from the rows up to date."""
        self.matching.finish()
        changed = self.matching.changed
        index_text(self.session, changed)
        trending.refresh(self.session, changed)
        present = {name: self.read[name] - self.added[name] for name in MOVED}
        return TransferReport({name: self.added[name] for name in MOVED}, present)

    def _row(self, number: int, row: Mapping[str, Any]) -> None:
        name = row.get("table")
        if name not in MOVED:
            raise DamagedRecordError(
                f"table {name!r} is unknown; it is damaged, or from a newer version of workingpapers: install that"
            )
        place = MOVED.index(name)
        if place < self.place:
            raise DamagedRecordError(
                f"a row of {name} stands after those of {MOVED[self.place]}; keep the lines' order"
            )
        if place > self.place or len(self.waiting) >= _AT_ONCE:
            self._write()
            self.place = place
        values = from_plain(name, row)
        for column, other in references(name).items():
            if values[column] is not None:
                values[column] = self.matching.number(other, values[column])
        self.read[name] += 1
        fresh = self.matching.take(name, values)
        if fresh is not None:
            self.waiting.append((number, fresh))

    def _write(self) -> None:
        """Bring the waiting rows in. A row whose key is there already is left out."""
        if not self.waiting:
            return
        name = MOVED[self.place]
        target = table(name)
        numbered = "id" in target.columns and name != "runs"
        statement = insert(target) if numbered else sqlite_insert(target).on_conflict_do_nothing()
        before = self._changes()
        try:
            with self.session.begin_nested():
                self.session.execute(statement, [values for _, values in self.waiting])
        except IntegrityError:
            self._find_culprit(statement)
        if added := self._changes() - before:
            self.added[name] += added
            papers = {values["paper_id"] for _, values in self.waiting if "paper_id" in values}
            self.matching.changed |= papers
            self.matching.reworded |= papers if name in ("paper_topics", "claims") else set()
        self.waiting = []

    def _find_culprit(self, statement: Any) -> None:
        """Bring the waiting rows in one by one, to name the line that cannot be."""
        for number, values in self.waiting:
            try:
                with self.session.begin_nested():
                    self.session.execute(statement, [values])
            except IntegrityError as error:
                raise DamagedRecordError(f"the row of line {number} does not fit: {error.orig}") from error

    def _changes(self) -> int:
        return int(self.session.connection().exec_driver_sql("SELECT total_changes()").scalar_one())

    def _end(self, row: Mapping[str, Any]) -> None:
        self._write()
        if row["end"] != self.read:
            raise DamagedRecordError(
                f"{row['end']} rows are announced and {dict(self.read)} are there; get the whole file"
            )
        if row.get("sha256") != self.digest.hexdigest():
            raise DamagedRecordError("the lines do not match their checksum: something in them was changed")
        self.ended = True


def _object(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedRecordError(f"no JSON: {error}") from error
    if not isinstance(row, dict):
        raise DamagedRecordError("no JSON object")
    return row


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _header(text: str) -> dict[str, Any]:
    try:
        row = _object(text)
    except DamagedRecordError:
        row = {}
    if row.get("workingpapers") != "export":
        raise DamagedRecordError(
            "this is no export; `workingpapers export` writes one, and `workingpapers add json` reads lists of papers"
        )
    if row.get("format") != FORMAT:
        raise DamagedRecordError(
            f"format {row.get('format')!r} is none that this version reads, which is {FORMAT}; install a newer version"
        )
    return row
