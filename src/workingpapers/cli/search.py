"""`workingpapers search`: papers by meaning and by words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from workingpapers.cli.options import DatabaseOption, DebugOption, FormatOption, examples, output
from workingpapers.cli.output import Output
from workingpapers.cli.rooms import warn_of_broken
from workingpapers.errors import InvalidParameterError, StoreError

if TYPE_CHECKING:
    from workingpapers.daily.database import Database
    from workingpapers.daily.search.results import Mode


@dataclass(frozen=True)
class Found:
    """A hit as it is printed; in JSON with these keys."""

    slug: str | None
    title: str
    score: float
    matched: list[str]
    key: str
    arxiv: str | None
    built: bool
    similarity: float | None
    snippet: str | None


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "search",
        epilog=examples(
            "workingpapers search how networks forget",
            'workingpapers search "order invariance" --mode words',
            "workingpapers search fourier mixing --limit 3 --format json",
        ),
    )(search)


def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What to look for.", show_default=False)],
    mode: Annotated[
        str, typer.Option("--mode", metavar="hybrid|words|meaning", help="By words, by meaning, or by both.")
    ] = "hybrid",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Most papers to show, up to 100.")] = 10,
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Search the catalogue and all imported papers; the best hit comes first, with the words that explain it.

    Without the extra `web` only the installed papers are searched, by words.
    """
    out = output(context, format_)
    text = " ".join(query)
    if not any(character.isalnum() for character in text):
        raise InvalidParameterError(f"query {text!r} holds no word; give one or more words, such as `time series`")
    if not 1 <= limit <= 100:
        raise InvalidParameterError(f"--limit {limit} is not allowed; give 1 to 100")
    warn_of_broken(out)
    if find_spec("sqlalchemy") is not None:
        hits, engine = _in_database(text, mode, limit, database, out)
    else:
        if mode == "meaning":
            raise InvalidParameterError("--mode meaning needs `pip install 'workingpapers[web,search]'`")
        if database is not None:
            out.note("a database needs `pip install 'workingpapers[web]'`; only installed papers are searched")
        hits, engine = _in_rooms(text, limit), "words of installed papers"
    out.deliver(
        data=lambda: [asdict(hit) for hit in hits],
        values=lambda: (hit.key for hit in hits),
        view=lambda: _view(text, hits, engine, out),
    )
    built = next((hit.slug for hit in hits if hit.built), None)
    out.hint(f"workingpapers show {built}" if built else "workingpapers list")
    return 0


def _in_database(text: str, mode: str, limit: int, path: str | None, out: Output) -> tuple[list[Found], str]:
    from workingpapers.cli.progress import bar
    from workingpapers.daily.catalogue import sync_catalogue
    from workingpapers.daily.search.engine import SearchEngine
    from workingpapers.daily.search.results import MODES
    from workingpapers.daily.tables import LOCAL_PERSON

    known: dict[str, Mode] = {name: name for name in MODES}
    if mode not in known:
        raise InvalidParameterError(f"--mode {mode!r} is unknown; allowed are {', '.join(MODES)}")
    with _opened(path, out) as database:
        sync_catalogue(database)
        engine = SearchEngine(database)
        if mode != "words":
            with bar(out, "reading new papers", "papers") as progress:
                engine.ensure(progress)
        page = engine.search(text, person_id=LOCAL_PERSON, per_page=limit, mode=known[mode])
    hits = [
        Found(
            slug=hit.card.slug,
            title=hit.card.title,
            score=round(hit.score, 4),
            matched=list(hit.why),
            key=hit.card.key,
            arxiv=hit.card.arxiv,
            built=hit.card.built,
            similarity=None if hit.similarity is None else round(hit.similarity, 4),
            snippet="".join(part for part, _ in hit.snippet),
        )
        for hit in page.hits
    ]
    return hits, "words (BM25)" if mode == "words" else f"{mode}, {page.engine}"


@contextmanager
def _opened(path: str | None, out: Output) -> "Iterator[Database]":
    """The database; where the default one cannot be written, one that is gone afterwards."""
    from workingpapers.cli.databases import opened
    from workingpapers.daily.database import default_path

    if path is None and not _is_writable(default_path()):
        out.note(f"{default_path()} cannot be written; only the catalogue is searched")
        with TemporaryDirectory() as folder, opened("search", str(Path(folder) / "daily.sqlite")) as database:
            yield database
        return
    with opened("search", path) as database:
        yield database


def _is_writable(path: Path) -> bool:
    """Whether the database at this place can be opened and changed."""
    from workingpapers.daily.database import Database

    try:
        database = Database(path)
        try:
            with database.write():
                return True
        finally:
            database.close()
    except StoreError:
        return False


def _in_rooms(text: str, limit: int) -> list[Found]:
    from workingpapers.bench import registry
    from workingpapers.bench.search import search as find

    return [
        Found(
            slug=hit.paper.slug,
            title=hit.paper.title,
            score=round(hit.score, 4),
            matched=list(hit.matched),
            key=hit.paper.slug,
            arxiv=hit.paper.arxiv,
            built=True,
            similarity=None,
            snippet=None,
        )
        for hit in find(registry.papers(), text)[:limit]
    ]


def _view(text: str, hits: list[Found], engine: str, out: Output) -> None:
    if not hits:
        out.line("", f"no paper fits {text!r}")
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Paper", no_wrap=True, style="bold")
    table.add_column("Title", ratio=2)
    table.add_column("Alike", justify="right", no_wrap=True)
    table.add_column("Matched", ratio=1, style="green")
    for hit in hits:
        alike = "" if hit.similarity is None else f"{hit.similarity:.2f}"
        table.add_row(hit.key, hit.title, alike, ", ".join(hit.matched))
    out.show(table)
    out.line("", f"searched by {engine}")
