"""The app in this process, with no rooms but those that tests add, and one finished run to read."""

import functools
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workingpapers.bench import registry, results
from workingpapers.bench.store import Store
from workingpapers.cli.main import main


@dataclass(frozen=True)
class Ran:
    """What a command printed and returned."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _third_party_rooms_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rooms of the package come and go; the sample room stays as it is."""

    @functools.cache
    def scan() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        papers, broken = original.__wrapped__()
        foreign = tuple(room for room in broken if room.problem.startswith("entry point"))
        return tuple(paper for paper in papers if not paper.shipped), foreign

    original = registry._scan
    monkeypatch.setattr(registry, "_scan", scan)
    monkeypatch.setattr(results, "shipped_store", lambda: Store(tmp_path / "shipped"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _own_database(_database_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKINGPAPERS_DATABASE", str(_database_path))


@pytest.fixture(scope="session")
def _database_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, so that the catalogue is embedded once."""
    return tmp_path_factory.mktemp("database") / "daily.sqlite"


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line and returns what came out."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("finished")
    assert main(["run", "sample-room", "--jobs", "0", "--store", str(root), "--format", "quiet"]) == 0
    return root


@pytest.fixture
def store(_finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one complete laptop run of the sample room; the command line's default."""
    root = tmp_path / "store"
    shutil.copytree(_finished, root)
    monkeypatch.setenv("WORKINGPAPERS_RUNS", str(root))
    return root


@pytest.fixture
def add_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Installs one more room, as a package would."""
    names: list[str] = []

    def add(slug: str, experiment: str, toml: str | None = None) -> Path:
        name = slug.replace("-", "_")
        names.append(name)
        site = tmp_path / "site"
        folder = site / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "page.md").write_text("# Page\n\n## How it works\n\nSomehow.\n")
        (folder / "experiment.py").write_text(textwrap.dedent(experiment))
        (folder / "paper.toml").write_text(toml if toml is not None else TOML.replace("SLUG", slug))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {slug}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[workingpapers.papers]\n{slug} = {name}\n")
        monkeypatch.syspath_prepend(site)
        registry.refresh()
        return folder

    yield add
    for module in list(sys.modules):
        if module.partition(".")[0] in names:
            del sys.modules[module]


TOML = """
slug = "SLUG"
title = "Another Paper"
arxiv = "2601.00002"
published = "2026-01-02"
authors = ["José Núñez"]
topics = ["queries", "time series"]
summary = "About losses."
usage = "pass"

[[claims]]
id = "works"
says = "It works."
kind = "exact"
metric = "whether"
predicate = "== true"
source = "section 1"
no_control = "nothing to remove"
"""
