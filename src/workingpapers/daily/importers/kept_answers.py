"""The newest answer to each address, so that the next request can ask whether anything changed since."""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from workingpapers.daily.database import Database, now
from workingpapers.daily.tables import FetchedRow

KEPT = 64
"""So many addresses have their newest answer kept."""
LARGEST = 8 << 20
"""Bytes; a longer answer is not kept."""


@dataclass(frozen=True)
class KeptAnswer:
    """An answer and what its server calls it by."""

    body: bytes
    etag: str | None
    last_modified: str | None

    @property
    def conditions(self) -> dict[str, str]:
        """Headers that ask for an answer only if it is another than this."""
        conditions = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in conditions.items() if value is not None}


class KeptAnswers:
    """Reads and writes the table `fetched`. Bodies lie there compressed.

    Args:
        database: Where; None keeps nothing.
    """

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def find(self, address: str) -> KeptAnswer | None:
        """The newest answer to an address, or None."""
        if self._database is None:
            return None
        with self._database.read() as session:
            row = session.get(FetchedRow, address)
            if row is None:
                return None
            with suppress(zlib.error):
                return KeptAnswer(zlib.decompress(row.body), row.etag, row.last_modified)
        return None

    def keep(self, address: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an answer whose server can say later whether it changed; forget the oldest ones."""
        etag, last_modified = headers.get("etag"), headers.get("last-modified")
        if self._database is None or (etag is None and last_modified is None) or len(body) > LARGEST:
            return
        values = {"etag": etag, "last_modified": last_modified, "body": zlib.compress(body), "at": now()}
        with self._database.write() as session:
            session.execute(
                insert(FetchedRow)
                .values(address=address, **values)
                .on_conflict_do_update(index_elements=["address"], set_=values)
            )
            newest = select(FetchedRow.address).order_by(FetchedRow.at.desc(), FetchedRow.address).limit(KEPT)
            session.execute(delete(FetchedRow).where(FetchedRow.address.not_in(newest)))

    def forget(self, address: str) -> None:
        """Keep nothing for an address."""
        if self._database is not None:
            with self._database.write() as session:
                session.execute(delete(FetchedRow).where(FetchedRow.address == address))
