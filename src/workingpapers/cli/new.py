"""`workingpapers new`: a room with a small working sample in it, to be replaced piece by piece."""

import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from workingpapers.cli.options import DebugOption, FormatOption, examples, output
from workingpapers.errors import InvalidParameterError

_TEMPLATES = Path(__file__).parent / "templates"
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_ROOM = ("__init__.py", "method.py", "experiment.py", "paper.toml", "page.md")


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "new",
        epilog=examples(
            "workingpapers new my-paper",
            "workingpapers new my-paper --into ~/rooms",
        ),
    )(new)


def new(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Lower-case words with hyphens.", show_default=False)],
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="PATH",
            help="Make a package of its own in this folder.",
            show_default="this checkout, else here",
        ),
    ] = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Write a new room: a working sample with method, experiment, claims, page and tests.

    In a checkout of workingpapers it becomes part of it; elsewhere, or with `--into`, an installable package.
    """
    out = output(context, format_)
    room = _room_name(slug)
    checkout = None if into is not None else _checkout(Path.cwd())
    _check_free(slug)
    if checkout is not None:
        module, next_ = f"workingpapers.papers.{room}", f"workingpapers run {slug} --scale smoke"
        files = _in_checkout(checkout, room)
    else:
        module = room
        home = Path(into or ".").expanduser() / slug
        files = _in_package(home, room)
        next_ = f"pip install -e {home} && workingpapers run {slug} --scale smoke"
    folder = next(path.parent for path, template in files.items() if template == "room/method.py")
    title = slug.replace("-", " ").capitalize()
    _write(files, {"slug": slug, "room": room, "module": module, "title": title, "today": f"{datetime.now(UTC):%F}"})
    out.deliver(
        data=lambda: {"slug": slug, "module": module, "room": str(folder), "files": [str(path) for path in files]},
        values=lambda: [str(folder)],
        view=lambda: out.lines("written  ", files),
    )
    out.hint(next_)
    return 0


def _room_name(slug: str) -> str:
    """The Python name of a slug, if it is a good one."""
    if not _SLUG.fullmatch(slug):
        raise InvalidParameterError(
            f"slug {slug!r} cannot be used: write lower-case words of letters and digits, joined by hyphens, "
            "the first beginning with a letter, such as `my-paper`"
        )
    room = slug.replace("-", "_")
    if keyword.iskeyword(room):
        raise InvalidParameterError(f"slug {slug!r} cannot be used: it is a word of Python; try `{slug}-paper`")
    if len(slug) > _LONGEST:
        raise InvalidParameterError(f"slug {slug!r} is {len(slug)} characters long; {_LONGEST} are allowed")
    return room


def _check_free(slug: str) -> None:
    from workingpapers.bench import registry

    for paper in registry.papers():
        if paper.slug == slug:
            raise InvalidParameterError(f"slug {slug!r} is taken by the room in {paper.folder}; choose another one")


def _checkout(start: Path) -> Path | None:
    """The checkout of this project that a folder lies in."""
    for folder in (start, *start.parents):
        if (folder / "src" / "workingpapers" / "papers").is_dir():
            return folder
    return None


def _in_checkout(checkout: Path, room: str) -> dict[Path, str]:
    """The files of a room in this project, each with its template."""
    folder, tests = checkout / "src" / "workingpapers" / "papers" / room, checkout / "tests" / "papers" / room
    benchmark = checkout / "benchmarks" / f"{room}.py"
    _check_absent(folder, tests, benchmark)
    return {
        **{folder / name: f"room/{name}" for name in _ROOM},
        tests / "contract.py": "tests/contract.py",
        tests / f"test_{room}.py": "tests/test_room.py",
        benchmark: "tests/benchmark.py",
    }


def _in_package(home: Path, room: str) -> dict[Path, str]:
    """The files of a package that holds one room, each with its template."""
    _check_absent(home)
    if room in sys.stdlib_module_names or importlib.util.find_spec(room) is not None:
        raise InvalidParameterError(
            f"slug {room.replace('_', '-')!r} cannot be used: Python has a module {room!r} already; choose another one"
        )
    return {
        home / "pyproject.toml": "package/pyproject.toml",
        home / "README.md": "package/README.md",
        **{home / "src" / room / name: f"room/{name}" for name in _ROOM},
        home / "tests" / f"test_{room}.py": "tests/test_room.py",
    }


def _check_absent(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise InvalidParameterError(
                f"{path} exists already, and nothing is overwritten; choose another slug or remove it first"
            )


def _write(files: Mapping[Path, str], words: Mapping[str, str]) -> None:
    from workingpapers.bench.files import explained

    for path, template in files.items():
        text = Template((_TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")).substitute(words)
        with explained("write to", path, "choose another place with --into"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
