"""paper.toml: every mistake is one clear error with file, line and key."""

from pathlib import Path

import pytest

from workingpapers.bench.paper_file import read_paper
from workingpapers.errors import InvalidPaperError

HEAD = """slug = "x-y"
title = "T"
arxiv = "2601.00001"
published = "2026-01-01"
authors = ["A"]
topics = ["t"]
summary = "S"
usage = "pass"
"""
CLAIM = """
[[claims]]
id = "{id}"
says = "s"
kind = "ratio"
metric = "m"
predicate = "> 1"
source = "p. 1"
control = "c"
"""
GOOD = HEAD + CLAIM.format(id="first") + CLAIM.format(id="second")


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "paper.toml"
    path.write_text(text)
    return read_paper(path, "module")


def test_a_good_file_is_read_with_defaults(tmp_path: Path) -> None:
    paper = read_paper(_written(tmp_path, GOOD), "module")
    assert [claim.id for claim in paper.claims] == ["first", "second"]
    assert paper.seeds == {"smoke": 1, "laptop": 5, "paper": 10}
    assert paper.claims[0].interval == "student"
    assert paper.claims[0].seeds == 3


@pytest.mark.parametrize(
    ("change", "to", "message"),
    [
        (
            'topics = ["t"]',
            'topics = ["t"]\ncolour = "red"',
            r"paper\.toml:7: key `colour`: unknown; known keys are slug",
        ),
        ('predicate = "> 1"\n', "", r'paper\.toml:10: claim "first", key `predicate`: missing'),
        (
            'predicate = "> 1"',
            'predicate = "about 1"',
            r'paper\.toml:15: claim "first", key `predicate`: .*cannot be read',
        ),
        ('id = "second"', 'id = "first"', r'claim id "first" is used twice'),
        ('control = "c"\n', "", r'claim "first", key `control`: missing; name the arm'),
        ('control = "c"', 'control = "c"\nno_control = "n"', r"key `no_control`: given together"),
        ('kind = "ratio"', 'kind = "odd"', r"key `kind`: 'odd' is not allowed; allowed are ratio, order"),
        ('kind = "ratio"', 'kind = "ratio"\nweight = 1', r'claim "first", key `weight`: unknown'),
        ('kind = "ratio"', 'kind = "ratio"\njudged_from = "paper"', r"key `reason`: missing"),
        ('kind = "ratio"', 'kind = "ratio"\njudged_from = "smoke"', r"allowed are laptop, paper, never"),
        ('kind = "ratio"', 'kind = "ratio"\nseeds = 0', r"key `seeds`: 0"),
        ('kind = "ratio"', 'kind = "ratio"\ntolerance = 0.1', r"only goes with `==`"),
        ('predicate = "> 1"', 'predicate = "== true"\ninterval = "wilson"', r"does not go with an `==` predicate"),
        ('predicate = "> 1"', 'predicate = "== 1"\ntolerance = inf', r"key `tolerance`: inf"),
        ('slug = "x-y"', 'slug = "X Y"', r"paper\.toml:1: key `slug`"),
        ('arxiv = "2601.00001"', 'arxiv = "none"', r"paper\.toml:3: key `arxiv`"),
        ('title = "T"', "title = ", r"not valid TOML.*line 2"),
    ],
)
def test_each_mistake_is_one_error_with_its_place(tmp_path: Path, change: str, to: str, message: str) -> None:
    assert change in GOOD
    with pytest.raises(InvalidPaperError, match=message) as caught:
        read(tmp_path, GOOD.replace(change, to, 1))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidPaperError, match="cannot be read: No such file"):
        read_paper(tmp_path / "paper.toml", "module")


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "paper.toml"
    path.write_text(text)
    return path
