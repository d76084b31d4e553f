"""The papers there are: the rooms of this package and those that other packages add.

Finding and reading a room imports none of its code, only the parents of a dotted third-party module. A third-party
package adds a room by an entry point in the group `workingpapers.papers` whose name is the slug and whose value is
the room's module.
"""

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import workingpapers
from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.protocols import Experiment, Paper
from workingpapers.errors import InvalidPaperError, MissingExtraError, UnknownNameError

ENTRY_POINT_GROUP = "workingpapers.papers"


@dataclass(frozen=True)
class BrokenRoom:
    """A room that cannot be used, and why; it never hides the others."""

    name: str
    problem: str


@functools.cache
def _scan() -> tuple[tuple[Paper, ...], tuple[BrokenRoom, ...]]:
    found: dict[str, Paper] = {}
    broken: list[BrokenRoom] = []
    rooms = Path(workingpapers.__file__).parent / "papers"
    sources = [
        (path.parent.name, path, f"workingpapers.papers.{path.parent.name}") for path in rooms.glob("*/paper.toml")
    ]
    for name, path, module in sorted(sources):
        try:
            paper = read_paper(path, module)
            if paper.slug.replace("-", "_") != name:
                raise InvalidPaperError(f'{path}: slug "{paper.slug}" does not fit the folder "{name}"')
            found[paper.slug] = paper
        except InvalidPaperError as error:
            broken.append(BrokenRoom(name.replace("_", "-"), str(error)))
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            paper = read_paper(_room_folder(point.value) / "paper.toml", point.value, shipped=False)
            if paper.slug in found:
                raise InvalidPaperError(f'slug "{paper.slug}" is taken by {found[paper.slug].module}')
            found[paper.slug] = paper
        except (Exception, SystemExit) as error:  # a foreign package may fail in any way; the others go on
            broken.append(BrokenRoom(point.name, f"entry point {point.value!r}: {error}"))
    return tuple(sorted(found.values(), key=lambda paper: paper.slug)), tuple(broken)


def _room_folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise InvalidPaperError("no such package is installed")
    return Path(next(iter(spec.submodule_search_locations)))


def papers() -> tuple[Paper, ...]:
    """All usable papers, by slug."""
    return _scan()[0]


def broken() -> tuple[BrokenRoom, ...]:
    """The rooms that cannot be used."""
    return _scan()[1]


def refresh() -> None:
    """Forget what was read, for example after a room was added."""
    _scan.cache_clear()


def find(name: str) -> Paper:
    """The paper of a slug or arXiv id (underscores, a version and `arxiv:` are accepted).

    Raises:
        UnknownNameError: there is none; the three nearest slugs are given.
        InvalidPaperError: the room is there and cannot be used.
    """
    wanted = name.strip().lower().removeprefix("arxiv:").replace("_", "-")
    for paper in papers():
        if wanted == paper.slug or wanted.partition("v")[0] == paper.arxiv.partition("v")[0]:
            return paper
    for room in broken():
        if wanted == room.name:
            raise InvalidPaperError(f"the room of {wanted!r} cannot be used: {room.problem}")
    slugs = [paper.slug for paper in papers()]
    near = difflib.get_close_matches(wanted, slugs, n=3, cutoff=0.0)
    known = f"the nearest are {', '.join(near)}" if near else "there is none yet"
    raise UnknownNameError(
        f"no paper is called {name!r}; {known}. `workingpapers list` shows all, and an arXiv id works too"
    )


def experiment(paper: Paper) -> Experiment:
    """Import a paper's experiment.

    Raises:
        MissingExtraError: it needs a package that is not installed.
        InvalidPaperError: it lacks `SCALES`, `measure` or `figures`.
    """
    try:
        module = importlib.import_module(f"{paper.module}.experiment")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith(paper.module):
            raise InvalidPaperError(f"{paper.slug}: {paper.folder} holds no experiment.py") from error
        raise MissingExtraError(
            f"the experiment of {paper.slug} needs the package {error.name!r}, which is not installed; install it"
        ) from error
    for needed in ("SCALES", "measure", "figures"):
        if not hasattr(module, needed):
            raise InvalidPaperError(f"{paper.folder / 'experiment.py'}: no `{needed}`; an experiment has {needed}")
    return module
