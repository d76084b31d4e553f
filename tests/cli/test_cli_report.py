"""`report`: which files it writes, and where."""

import json
import shutil
from pathlib import Path


def test_without_output_all_three_lie_beside_the_run(cli, store: Path) -> None:
    (folder,) = (store / "sample-room").glob("run-*")
    for path in folder.glob("report.*"):
        path.unlink()
    ran = cli("report", "sample-room")
    assert ran.code == 0
    for suffix in (".html", ".json", ".md"):
        path = folder / f"report{suffix}"
        assert path.is_file()
        assert f"report  {path}\n" in ran.out


def test_the_ending_of_the_file_says_what_it_becomes(cli, store: Path, tmp_path: Path) -> None:
    for suffix, start in ((".html", "<!doctype html>"), (".json", "{"), (".md", "# Shrinking")):
        path = tmp_path / f"a{suffix}"
        ran = cli("report", "sample-room", "--output", path, "--format", "quiet")
        assert ran.out == f"{path}\n"
        assert path.read_text().lower().startswith(start.lower())
    assert json.loads((tmp_path / "a.json").read_text())["counts"]["holds"] == 2


def test_markdown_links_to_the_figures_from_where_it_lies(cli, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    cli("report", "sample-room", "--output", path)
    (folder,) = (store / "sample-room").glob("run-*")
    assert (folder / "figures" / "errors.png").relative_to(tmp_path).as_posix() in path.read_text()


def test_json_names_the_files(cli, store: Path, tmp_path: Path) -> None:
    ran = cli("report", "sample-room", "--output", tmp_path / "a.html", "--format", "json")
    assert ran.json["files"] == [str(tmp_path / "a.html")]
    assert ran.json["scale"] == "laptop"


def test_a_shipped_result_is_reported_into_the_users_store(cli, store: Path, tmp_path: Path) -> None:
    shutil.move(store, tmp_path / "shipped")
    before = sorted(path for path in (tmp_path / "shipped").rglob("*"))
    ran = cli("report", "sample-room")
    assert ran.code == 0
    assert ran.err.startswith("note: shipped result")
    text = (store / "sample-room" / "shipped" / "report.html").read_text()
    assert "data:image/png;base64," in text
    assert "shipped result" in text
    assert sorted(path for path in (tmp_path / "shipped").rglob("*")) == before


def test_a_folder_is_no_file(cli, store: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").mkdir()
    ran = cli("report", "sample-room", "--output", tmp_path / "a.html")
    assert ran.code == 2
    assert "is a folder; name a file" in ran.err
