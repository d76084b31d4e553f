"""The hash of a room's code: layout does not count, meaning does."""

from pathlib import Path

import pytest

from workingpapers.bench.code_hash import code_hash
from workingpapers.errors import InvalidPaperError

IMPORT = "from workingpapers.parts.timing import seconds"
CODE = f'"""Docs."""\n{IMPORT}\n\n\ndef f(x: int) -> int:\n    """More."""\n    return x + 1\n'


def hashed(folder: Path, text: str) -> str:
    (folder / "method.py").write_text(text)
    return code_hash("room", folder)


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("Docs.", "Other words."),
        CODE.replace("More.", "Other words."),
        CODE.replace("return x + 1", "return (x\n        + 1)  # a comment"),
    ],
)
def test_words_and_layout_do_not_count(tmp_path: Path, same: str) -> None:
    assert hashed(tmp_path, CODE) == hashed(tmp_path, same)


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("x + 1", "x + 2"),
        CODE.replace("x + 1", "x - 1"),
        CODE.replace("x: int", "y: int"),
        CODE.replace(
            "from workingpapers.parts.timing import seconds", "from workingpapers.parts.plotting import PALETTE"
        ),
        CODE.replace("return x", "'text'\n    return x"),
    ],
)
def test_meaning_counts(tmp_path: Path, other: str) -> None:
    assert hashed(tmp_path, CODE) != hashed(tmp_path, other)


def test_what_is_not_python_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidPaperError, match=r"method\.py:2: not valid Python"):
        hashed(tmp_path, "x = 1\ndef (\n")


def test_another_file_of_the_room_counts(tmp_path: Path) -> None:
    before = hashed(tmp_path, CODE)
    (tmp_path / "experiment.py").write_text("x = 1\n")
    assert hashed(tmp_path, CODE) != before


def test_relative_imports_are_followed(tmp_path: Path) -> None:
    assert hashed(tmp_path, "from . import other\n") != hashed(tmp_path, "from . import another\n")
