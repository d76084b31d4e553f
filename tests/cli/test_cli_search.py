"""`search`: hits in order with the words that explain them, by meaning where the extras are there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = ["slug", "title", "score", "matched", "key", "arxiv", "built", "similarity", "snippet"]


def test_hits_with_their_words(cli, add_room) -> None:
    add_room("other-room", "")
    ran = cli("search", "squared", "errors", "--format", "json")
    assert ran.code == 0
    hit = ran.json[0]
    assert list(hit) == KEYS
    assert hit["slug"] == hit["key"] == "sample-room"
    assert hit["matched"][:2] == ["squared", "error"]
    assert hit["built"] is True
    assert 0 < hit["similarity"] < hit["score"] <= 1
    assert "squared error" in hit["snippet"]
    words = " ".join(cli("search", "squared errors", "--limit", 1).out.split())
    assert "sample-room Shrinking a Mean" in words
    assert "squared, error" in words
    assert "searched by hybrid, MiniLM" in words


def test_accents_and_plurals(cli, add_room) -> None:
    add_room("other-room", "")
    for query in ("nunez", "NÚÑEZ", "query", "2601.00002"):
        ran = cli("search", query, "--format", "quiet", "--mode", "words")
        assert ran.out.split()[0] == "other-room", query


def test_papers_without_a_room_are_found_by_meaning(cli) -> None:
    ran = cli("search", "mental", "illness", "from", "voices", "--format", "json", "--limit", 1)
    (hit,) = ran.json
    assert hit["slug"] == "acoustic-landmarks"
    assert hit["built"] is False
    assert {"depression", "speech"} & set(hit["matched"])


def test_no_hit_is_no_error(cli) -> None:
    ran = cli("search", "gobbledygook", "--mode", "words")
    assert ran.code == 0
    assert ran.out == "no paper fits 'gobbledygook'\n\nnext: workingpapers list\n"
    assert cli("search", "gobbledygook", "--mode", "words", "--format", "json").json == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--limit", "0"), "--limit 0 is not allowed; give 1 to 100"),
        (("--limit", "101"), "--limit 101 is not allowed; give 1 to 100"),
        (("--mode", "magic"), "--mode 'magic' is unknown; allowed are hybrid, words, meaning"),
    ],
)
def test_what_is_not_allowed_is_refused(cli, arguments: tuple[str, ...], message: str) -> None:
    ran = cli("search", "mean", *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_a_database_that_cannot_be_opened_is_an_error(cli, tmp_path: Path) -> None:
    letter = tmp_path / "letter.sqlite"
    letter.write_text("Dear Sir or Madam, this is no database. " * 100)
    ran = cli("search", "mean", "--database", letter)
    assert ran.code == 1
    assert "cannot open the database" in ran.err


def test_where_the_default_place_cannot_be_written_the_catalogue_is_searched(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.delenv("WORKINGPAPERS_DATABASE")
    monkeypatch.setenv("WORKINGPAPERS_HOME", str(tmp_path / "file"))
    ran = cli("search", "mean", "--mode", "words")
    assert ran.code == 0
    assert "sample-room" in ran.out
    assert "only the catalogue is searched" in ran.err


def test_without_the_extra_web_installed_papers_are_searched_by_words() -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(["sqlalchemy"]))
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "sqlalchemy" else found(name, *rest)
from workingpapers.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", code, "search", *arguments]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    (hit,) = json.loads(ran("squared", "errors", "--format", "json", "--limit", "1").stdout)
    assert list(hit) == KEYS
    assert hit["slug"] == "sample-room"
    assert hit["matched"] == ["squared", "error"]
    refused = ran("squared", "--mode", "meaning")
    assert refused.returncode == 2
    assert "--mode meaning needs `pip install 'workingpapers[web,search]'`" in refused.stderr
