"""`new`: a working room inside a checkout, a working package elsewhere, nothing overwritten."""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import workingpapers.papers
from workingpapers.bench import registry
from workingpapers.bench.paper_file import read_paper

REPOSITORY = Path(__file__).parents[2]
ROOM = {"__init__.py", "method.py", "experiment.py", "paper.toml", "page.md"}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a checkout; we are somewhere inside of it."""
    root = tmp_path / "checkout"
    (root / "src" / "workingpapers" / "papers").mkdir(parents=True)
    (root / "src" / "workingpapers" / "__init__.py").write_text("")
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    (root / "docs").mkdir()
    monkeypatch.chdir(root / "docs")
    return root


@pytest.fixture
def forget() -> Iterator[Callable[[str], None]]:
    """Takes names of packages that must not stay imported."""
    names: list[str] = []
    yield names.append
    for module in list(sys.modules):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            del sys.modules[module]


def _check_lint(root: Path) -> None:
    """The project's own lint and format find nothing in what was written."""
    ours = 'lint.isort.known-first-party=["workingpapers"]'  # only a part of the package lies in this checkout
    for words in (["check", "--config", ours], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache"]
        done = subprocess.run([*command, "."], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_package_of_its_own_works(cli, outside: Path, monkeypatch: pytest.MonkeyPatch, forget) -> None:
    forget("my_paper")
    ran = cli("new", "my-paper")
    assert ran.code == 0
    home = outside / "my-paper"
    assert {path.name for path in (home / "src" / "my_paper").iterdir()} == ROOM
    assert 'my-paper = "my_paper"' in (home / "pyproject.toml").read_text()
    assert ran.out.splitlines()[-1] == "next: pip install -e my-paper && workingpapers run my-paper --scale smoke"
    assert ran.out.count("written  ") == 8

    paper = read_paper(home / "src" / "my_paper" / "paper.toml", "my_paper", shipped=False)
    assert paper.slug == "my-paper"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=home,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    info = outside / "my_paper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-paper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[workingpapers.papers]\nmy-paper = my_paper\n")
    monkeypatch.syspath_prepend(outside)
    monkeypatch.syspath_prepend(home / "src")
    registry.refresh()
    assert cli("run", "my-paper", "--scale", "smoke", "--jobs", 0).code == 0
    ran = cli("run", "my-paper", "--seeds", 3, "--jobs", 0, "--format", "json")
    assert ran.code == 0
    assert [claim["verdict"] for claim in ran.json["claims"]] == ["holds", "holds"]
    assert all(claim["control"]["passes"] is False for claim in ran.json["claims"])


def test_a_room_in_a_checkout_works(cli, checkout: Path, monkeypatch: pytest.MonkeyPatch, forget) -> None:
    forget("workingpapers.papers.my_paper")
    ran = cli("new", "my-paper", "--format", "json")
    assert ran.code == 0
    room = checkout / "src" / "workingpapers" / "papers" / "my_paper"
    assert ran.json["module"] == "workingpapers.papers.my_paper"
    assert ran.json["room"] == str(room)
    assert {path.name for path in room.iterdir()} == ROOM
    tests = checkout / "tests" / "papers" / "my_paper"
    assert {path.name for path in tests.iterdir()} == {"contract.py", "test_my_paper.py"}
    assert (checkout / "benchmarks" / "my_paper.py").is_file()
    _check_lint(checkout)

    monkeypatch.setattr(workingpapers.papers, "__path__", [*workingpapers.papers.__path__, str(room.parent)])
    paper = read_paper(room / "paper.toml", "workingpapers.papers.my_paper")
    experiment = registry.experiment(paper)
    assert set(experiment.SCALES) == {"smoke", "laptop", "paper"}
    namespace: dict[str, object] = {}
    exec((tests / "contract.py").read_text(), namespace)
    bad_inputs = namespace["BAD_INPUTS"]
    assert isinstance(bad_inputs, list)
    for _, call, error, message in bad_inputs:
        with pytest.raises(error, match=message):
            call()
    exec(paper.usage, {})
    for name in importlib.import_module(paper.module).__all__:
        assert "Returns:" in getattr(importlib.import_module(paper.module), name).__doc__


def test_into_makes_a_package_even_in_a_checkout(cli, checkout: Path, tmp_path: Path) -> None:
    ran = cli("new", "my-paper", "--into", tmp_path / "rooms", "--format", "quiet")
    assert ran.code == 0
    assert ran.out == f"{tmp_path / 'rooms' / 'my-paper' / 'src' / 'my_paper'}\n"
    assert list((checkout / "src" / "workingpapers" / "papers").iterdir()) == []


@pytest.mark.parametrize(
    "slug", ["my paper", "My-Paper", "2nd-one", "my_paper", "-paper", "paper-", "a--b", "päper", ""]
)
def test_bad_slugs(cli, outside: Path, slug: str) -> None:
    ran = cli("new", "--", slug)
    assert ran.code == 2
    assert f"error: slug {slug!r} cannot be used: write lower-case words" in ran.err
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        ("class", "slug 'class' cannot be used: it is a word of Python; try `class-paper`"),
        ("json", "slug 'json' cannot be used: Python has a module 'json' already"),
        ("torch", "slug 'torch' cannot be used: Python has a module 'torch' already"),
        ("sample-room", "slug 'sample-room' is taken by the room in "),
        ("a" * 41, "is 41 characters long; 40 are allowed"),
    ],
)
def test_slugs_that_are_taken(cli, outside: Path, slug: str, message: str) -> None:
    ran = cli("new", slug)
    assert ran.code == 2
    assert message in ran.err
    assert list(outside.iterdir()) == []


def test_nothing_is_overwritten(cli, outside: Path) -> None:
    (outside / "my-paper").mkdir()
    ran = cli("new", "my-paper")
    assert ran.code == 2
    assert ran.err == (
        "error: my-paper exists already, and nothing is overwritten; choose another slug or remove it first\n"
    )
    assert list((outside / "my-paper").iterdir()) == []


def test_neither_are_a_checkout_s_tests(cli, checkout: Path) -> None:
    (checkout / "tests" / "papers" / "my_paper").mkdir(parents=True)
    ran = cli("new", "my-paper")
    assert ran.code == 2
    assert "tests/papers/my_paper exists already" in ran.err
    assert list((checkout / "src" / "workingpapers" / "papers").iterdir()) == []


def test_a_place_that_cannot_be_written(cli, outside: Path) -> None:
    (outside / "file").write_text("")
    ran = cli("new", "my-paper", "--into", "file")
    assert ran.code == 1
    assert ran.err.startswith("error: cannot write to file/my-paper")
    assert ran.err.count("\n") == 1
    assert "--into" in ran.err
