"""Papers from a BibTeX file, as reference managers and publishers' pages write them."""

import functools
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.identity import arxiv_id
from workingpapers.daily.importers import cleaning
from workingpapers.daily.importers.files import read_text
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from bibtexparser.model import Entry

_ARXIV_FIELDS = ("eprint", "arxivid", "arxiv", "doi", "url", "journal", "howpublished", "note")
_IN_TEXT = re.compile(
    r"(?:arxiv[:.\s]\s*|arxiv\.org/(?:abs|pdf)/)([a-z-]+(?:\.[A-Za-z]{2})?/\d{7}|\d{4}\.\d{4,5})", re.IGNORECASE
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LATEX = re.compile(r"[\\{}~$]|--|``|''")


def read_file(path: Path, tell: Callable[[str], object] = lambda text: None) -> list[PaperEntry]:
    """The papers of a file.

    Args:
        path: A file in UTF-8.
        tell: Is told, in one line each, what is passed over and why.

    Raises:
        InvalidParameterError: the file cannot be read, or holds nothing that can be used.
    """
    return read(read_text(path), str(path), tell)


def read(text: str, name: str, tell: Callable[[str], object] = lambda text: None) -> list[PaperEntry]:
    """As `read_file`, of a text that is called `name`."""
    from bibtexparser.entrypoint import parse_string
    from bibtexparser.model import DuplicateBlockKeyBlock, DuplicateFieldKeyBlock, Entry

    with _quiet():
        library = parse_string(text)
    found: list[PaperEntry] = []
    for block in library.blocks:
        place = f"{name}, line {(block.start_line or 0) + 1}"
        # another entry with the same key, or a field given twice: the paper itself is good
        twice = isinstance(block, DuplicateBlockKeyBlock | DuplicateFieldKeyBlock)
        inner = getattr(block, "ignore_error_block", None) if twice else block
        if isinstance(inner, Entry):
            if (entry := _entry(inner, _bare if twice else str)) is None:
                tell(f"{place}: passed over, because {inner.key!r} has no title")
            else:
                found.append(entry)
        elif block in library.failed_blocks:
            tell(f"{place}: passed over, because a brace or a quotation mark is not closed, or a comma is missing")
    if not found:
        raise InvalidParameterError(
            f"{name!r} holds no BibTeX entry with a title; give a file of @article{{...}} entries"
        )
    return found


def _entry(block: "Entry", value: Callable[[str], str]) -> PaperEntry | None:
    """One paper; None where it has no title. Of a field that is given twice the first counts."""
    fields = {field.key.lower(): value(str(field.value)) for field in reversed(block.fields)}
    title = cleaning.plain(_readable(fields.get("title", "")), cleaning.LONGEST_TITLE)
    if not title:
        return None
    authors = cleaning.names(map(_person, _people(fields.get("author", ""))), cleaning.MOST_AUTHORS)
    arxiv = _arxiv(fields)
    keywords = re.split(r"[;,]", _readable(fields.get("keywords", "")))
    return PaperEntry(
        title=title,
        summary=cleaning.plain(_readable(fields.get("abstract", "")), cleaning.LONGEST_SUMMARY),
        authors=authors,
        author_count=len(authors),
        published=_published(fields),
        arxiv=arxiv,
        topics=cleaning.names((word.lower() for word in keywords), cleaning.MOST_TOPICS),
        source="bibtex",
        url=_address(fields, arxiv),
    )


def _bare(text: str) -> str:
    """A value without what encloses it: the parser leaves that on in blocks that it finds fault with."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and (text[0], text[-1]) in (("{", "}"), ('"', '"')) else text


def _people(text: str) -> list[str]:
    """The authors, parted at each `and` that no brace protects; `others` is nobody."""
    people, depth, start = [], 0, 0
    for match in re.finditer(r"\\.|[{}]|\s+and\s+", text, re.DOTALL):
        mark = match.group()
        depth += (mark == "{") - (mark == "}")
        if depth == 0 and mark.strip() == "and":
            people.append(text[start : match.start()])
            start = match.end()
    people.append(text[start:])
    return [person.strip() for person in people if person.strip() not in ("", "others")]


def _person(text: str) -> str:
    """`Jane van Doe`, also from `van Doe, Jane` and `Doe, Jr., Jane`; a name in braces stays as it is."""
    if text.startswith("{") and text.endswith("}"):
        return _readable(text)
    last, *others = (part.strip() for part in text.split(","))
    return _readable(" ".join([*reversed(others[-1:]), last, *others[:-1]]))


def _readable(text: str) -> str:
    """Text instead of LaTeX: accents as letters, braces gone, formulas as they are."""
    if not _LATEX.search(text):
        return text
    with _quiet():
        return str(_decoder()(text))


@functools.cache
def _decoder() -> Callable[[str], str]:
    from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]  # it ships no types

    decoder = LatexNodes2Text(math_mode="verbatim")

    def decode(text: str) -> str:
        try:
            return str(decoder.latex_to_text(re.sub(r"(?<!\\)([%&#])", r"\\\1", text)))  # as a person means them
        except Exception:  # not LaTeX after all
            return text.replace("{", "").replace("}", "")

    return decode


def _arxiv(fields: dict[str, str]) -> str | None:
    """The arXiv id from wherever it is usual to write one."""
    archive = (fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv").lower()
    for name in _ARXIV_FIELDS:
        text = fields.get(name, "").strip()
        if name == "eprint" and archive != "arxiv":
            continue
        if name in ("eprint", "arxivid", "arxiv", "doi", "url"):
            try:
                return arxiv_id(text)
            except InvalidParameterError:
                pass
        if found := _IN_TEXT.search(text):
            try:
                return arxiv_id(found.group(1))
            except InvalidParameterError:
                continue
    return None


def _published(fields: dict[str, str]) -> date | None:
    """The day, filled up with the first of what is not said; None where not even a year is."""
    parts = re.match(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?", fields.get("date", "").strip())
    year, month, day = parts.groups() if parts else (fields.get("year", "").strip("{} "), None, None)
    month = month or _month(fields.get("month", "").strip("{} ").lower())
    day = day or fields.get("day", "").strip("{} ")
    if not re.fullmatch(r"[0-9]{4}", year or ""):
        return None
    for guess in ((year, month, day), (year, month, 1), (year, 1, 1)):
        try:
            return date(*(int(part) for part in guess))
        except (TypeError, ValueError):
            continue
    return None


def _month(text: str) -> str:
    return str(_MONTHS.index(text[:3]) + 1) if text[:3] in _MONTHS else text


def _address(fields: dict[str, str], arxiv: str | None) -> str | None:
    if arxiv is not None:
        return f"https://arxiv.org/abs/{arxiv}"
    doi = _readable(fields.get("doi", "")).strip()
    return _readable(fields.get("url", "")).strip() or (f"https://doi.org/{doi}" if doi.startswith("10.") else None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, the parsers log nothing: what they pass over is told by ours."""
    loggers = [logging.getLogger(name) for name in ("bibtexparser", "pylatexenc")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
