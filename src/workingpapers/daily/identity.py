"""What tells papers apart: the arXiv id, the folded title, and the name in an address."""

import re
import unicodedata
from typing import Protocol
from urllib.parse import urlsplit

from workingpapers.errors import InvalidParameterError

_NEW_ID = re.compile(r"([0-9]{2})(0[1-9]|1[0-2])\.([0-9]{4,5})(?:v[1-9][0-9]*)?", re.ASCII)
_OLD_ID = re.compile(r"([a-z]+(?:-[a-z]+)?)(?:\.[A-Za-z]{2})?/([0-9]{7})(?:v[1-9][0-9]*)?", re.ASCII)
_OLD_KEY = re.compile(r"([a-z]+(?:-[a-z]+)?)-([0-9]{7})", re.ASCII)
_ARXIV_PATH = re.compile(r"/(?:abs|pdf|html|format|ps|src|e-print)/(.+?)(?:\.pdf)?/?")
_PAPERS_PATH = re.compile(r"/papers/([^/]+)/?")
_DOI = re.compile(r"(?:doi:|(?:https?://)?(?:dx\.)?doi\.org/)?10\.48550/arxiv\.(.+)", re.IGNORECASE)
_NO_LETTERS = re.compile(r"[^a-z0-9]+")
_LONGEST = 300


class Named(Protocol):
    """A paper as far as its name in an address goes."""

    @property
    def id(self) -> int: ...
    @property
    def slug(self) -> str | None: ...
    @property
    def arxiv(self) -> str | None: ...


def title_key(title: str) -> str:
    """What all spellings of a title share: its letters and digits, without capitals, accents and punctuation."""
    if title.isascii():
        kept = _NO_LETTERS.sub("", title.lower())
        return kept or " ".join(title.lower().split())
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", title).casefold())
    kept = "".join(part for part in parts if part.isalnum() or _is_vowel_sign(part))
    return unicodedata.normalize("NFC", kept) or " ".join(title.casefold().split())


def arxiv_id(text: str) -> str:
    """The arXiv id in a text, without version.

    Args:
        text: An id (`2406.06581v2`, `cs/0112017`), with or without `arxiv:`, a DOI of arXiv, or an address at arxiv.org
            or huggingface.co/papers.

    Raises:
        InvalidParameterError: it holds none.
    """
    shown = text if len(text) <= 80 else f"{text[:80]}…"
    wanted = _without_address(text.strip()) if len(text) <= _LONGEST else None
    if wanted is not None:
        if match := _NEW_ID.fullmatch(wanted):
            year, month, number = match.groups()
            if len(number) == (5 if (year, month) >= ("15", "01") else 4) and (year, month) >= ("07", "04"):
                return f"{year}{month}.{number}"
        elif match := _OLD_ID.fullmatch(wanted):
            return f"{match[1]}/{match[2]}"
    raise InvalidParameterError(
        f"{shown!r} is no arXiv id; give one such as 2406.06581 or cs/0112017, or its address at arxiv.org or "
        "huggingface.co/papers"
    )


def paper_key(paper: Named) -> str:
    """The paper's name in an address: its slug, else its arXiv id with `-` for `/`, else `p` and its number."""
    if paper.slug is not None:
        return paper.slug
    return paper.arxiv.replace("/", "-") if paper.arxiv is not None else f"p{paper.id}"


def arxiv_of_key(key: str) -> str | None:
    """The arXiv id that a name in an address means, or None."""
    match = _OLD_KEY.fullmatch(key)
    try:
        return arxiv_id(f"{match[1]}/{match[2]}" if match else key)
    except InvalidParameterError:
        return None


def _without_address(text: str) -> str | None:
    """What stands where an id should, or None where it is the address of another place."""
    if match := _DOI.fullmatch(text):
        return match[1]
    if text.lower().startswith("arxiv:"):
        return text[len("arxiv:") :].strip()
    if "://" not in text and not re.match(r"[\w-]+(\.[\w-]+)*\.(org|co)/", text, re.ASCII | re.IGNORECASE):
        return text
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host = (address.hostname or "").lower()
    except ValueError:
        return None
    if address.scheme not in ("http", "https"):
        return None
    if host == "arxiv.org" or host.endswith(".arxiv.org"):
        match = _ARXIV_PATH.fullmatch(address.path)
    elif host in ("huggingface.co", "www.huggingface.co", "hf.co"):
        match = _PAPERS_PATH.fullmatch(address.path)
    else:
        return None
    return match[1] if match else None


def _is_vowel_sign(part: str) -> bool:
    """Signs that carry a vowel in some scripts are letters to a reader; accents are not."""
    return unicodedata.category(part) in ("Mc", "Mn") and unicodedata.combining(part) == 0
