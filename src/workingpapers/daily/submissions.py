"""A reader names a paper that the page lacks: by its arXiv id or its address."""

from dataclasses import replace
from urllib.parse import urlsplit

from sqlalchemy import select

from workingpapers.daily.database import Database
from workingpapers.daily.identity import arxiv_id, paper_key
from workingpapers.daily.importers import arxiv, cleaning, hugging_face
from workingpapers.daily.importers.adding import import_papers
from workingpapers.daily.importers.client import BRIEF, Client
from workingpapers.daily.tables import PaperRow


def submit(database: Database, person_id: int, text: str, client: Client | None = None) -> str:
    """Add the paper that somebody named, into today's feed; one that is here already stays as it is.

    Args:
        database: Where to.
        person_id: Who named it.
        text: An arXiv id, or the paper's address at arxiv.org or huggingface.co/papers. What describes it is asked of
            the one that is named.
        client: Asks; None asks with little patience, because somebody waits.

    Returns:
        The paper's name in an address.

    Raises:
        InvalidParameterError: the text names no paper of arXiv.
        UnknownNameError: there is no such paper.
        FetchError: the other server did not answer.
    """
    identifier = arxiv_id(text)
    with database.read() as session:
        known = session.scalar(select(PaperRow).where(PaperRow.arxiv == identifier))
        if known is not None:
            return paper_key(known)
    if client is None:
        with Client(database, patience=BRIEF) as own:
            return submit(database, person_id, text, own)
    if _at_hugging_face(text):
        entry = hugging_face.by_id(client, identifier)
    else:
        (entry,) = arxiv.by_ids(client, [identifier])
    entry = replace(entry, arxiv=identifier, source="submitted", listed=cleaning.today())
    report = import_papers(database, [entry], submitted_by=person_id)
    with database.read() as session:
        return paper_key(session.get_one(PaperRow, (report.added + report.updated + report.unchanged)[0]))


def _at_hugging_face(text: str) -> bool:
    address = text.strip() if "://" in text else f"https://{text.strip()}"
    return (urlsplit(address).hostname or "") in ("huggingface.co", "www.huggingface.co", "hf.co")
