"""`export` and `import`: a database out to a file or a pipe, and into another one."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def old(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with two papers; the command line's default."""
    file = tmp_path / "papers.json"
    file.write_text(json.dumps([{"title": "Grüße", "arxiv": "2406.06581"}, {"title": "Two", "topics": ["vision"]}]))
    path = tmp_path / "old.sqlite"
    monkeypatch.setenv("WORKINGPAPERS_DATABASE", str(path))
    assert cli("add", "json", file).code == 0
    return path


def test_out_and_in(cli, old: Path, tmp_path: Path) -> None:
    house, again = tmp_path / "house.jsonl", tmp_path / "again.jsonl"
    ran = cli("export", house)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"exported  5 rows to {house}\n\nnext: workingpapers import {house} --database NEW\n"
    assert house.stat().st_mode & 0o777 == 0o600
    new = tmp_path / "new.sqlite"
    ran = cli("import", house, "--database", new)
    assert ran.code == 0
    assert ran.out.splitlines()[:4] == [
        "imported  1 topics",
        "imported  2 papers",
        "imported  1 paper topics",
        "imported  4 rows altogether; 1 were here already",
    ]
    assert cli("export", again, "--database", new, "--format", "json").json == {"file": str(again), "rows": 5}
    assert again.read_bytes() == house.read_bytes()
    assert cli("import", house, "--database", new, "--format", "quiet").out == "0\n"
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".jsonl") == ["again.jsonl", "house.jsonl"]


def test_through_a_pipe(cli, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = cli("export").out
    assert cli("export", "-", "--format", "json").out == lines
    assert json.loads(lines.splitlines()[0]) == {"workingpapers": "export", "format": 1}
    assert "Grüße" in lines
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert cli("import", "-", "--database", tmp_path / "new.sqlite").code == 0
    assert cli("export", "--database", tmp_path / "new.sqlite").out == lines


def test_a_reader_who_leaves_early(old: Path) -> None:
    command = f"{sys.executable} -m workingpapers export | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.stdout == '{"workingpapers": "export", "format": 1}\n'
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file ends after line 0 without its last line; get the whole file; nothing was imported"),
        (b"Dear Sir", "line 1: this is no export; `workingpapers export` writes one"),
        (b"\x1f\x8b\x08\x00\xff", "line 1: not in UTF-8; the file is damaged or packed; nothing was imported"),
        (b'{"workingpapers": "export", "format": 1}\n{"ta', "line 2: no JSON: Unterminated string"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(cli, content: bytes, reason: str, old: Path, tmp_path: Path) -> None:
    before = cli("export").out
    file = tmp_path / "house.jsonl"
    file.write_bytes(content)
    ran = cli("import", file)
    assert (ran.code, ran.out) == (1, "")
    assert f"error: {file}, {reason}" in ran.err
    assert cli("export").out == before


def test_places_that_cannot_be(cli, old: Path, tmp_path: Path) -> None:
    for words, code, reason in [
        (("export", tmp_path), 2, "is a folder; name a file"),
        (("export", tmp_path / "none" / "x"), 2, "there is no folder"),
        (("export", old), 2, "is the database itself; name another file"),
        (("export", "--database", tmp_path / "none.sqlite"), 1, "there is no database at"),
        (("import", tmp_path), 2, "is a folder; name the file that `workingpapers export` wrote"),
        (("import", tmp_path / "none.jsonl"), 2, "cannot be read: No such file or directory; name another file"),
        (("import", tmp_path / "papers.json", "--database", tmp_path / "papers.json"), 1, "file is not a database"),
    ]:
        ran = cli(*words)
        assert (ran.code, ran.out) == (code, ""), words
        assert reason in ran.err
    assert not (tmp_path / "none.sqlite").exists()


def test_the_verbs_import_nothing_heavy(tmp_path: Path) -> None:
    file = tmp_path / "papers.json"
    file.write_text('[{"title": "T"}]')
    code = (
        "import sys\nfrom workingpapers.cli.main import main\n"
        f"assert main(['add', 'json', {str(file)!r}, '--database', {str(tmp_path / 'd.sqlite')!r}]) == 0\n"
        "print(*[name for name in ('torch', 'numpy', 'scipy', 'pandas', 'httpx', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_without_the_extra(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['sqlalchemy'] = None\nfrom workingpapers.cli.main import main\n"
        "print([main(words.split()) for words in ('export', 'import x.jsonl', 'add hf', 'add json x.json')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 1, 1, 1]\n"
    assert done.stderr.splitlines() == [
        f"error: `{verb}` needs sqlalchemy, which is not installed; `pip install 'workingpapers[web]'`"
        for verb in ("export", "import", "add", "add")
    ]
