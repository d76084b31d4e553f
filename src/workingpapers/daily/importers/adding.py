"""Putting imported papers into the database."""

from collections.abc import Iterable

from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.papers import ImportReport, add_papers


def import_papers(
    database: Database, entries: Iterable[PaperEntry], *, submitted_by: int | None = None
) -> ImportReport:
    """Add papers in one transaction: all of them or, after an error or a kill at any moment, none.

    Args:
        database: Where to.
        entries: What an importer gave.
        submitted_by: The person who asked for them.

    Raises:
        InvalidParameterError: an entry cannot be used; the message says which.
        StoreError: the database cannot be written.
    """
    with database.write() as session:
        return add_papers(session, entries, submitted_by=submitted_by)
