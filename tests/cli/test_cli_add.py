"""`add`: papers from servers and files, what is said of them, and what is said when it does not work."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
  <opensearch:totalResults>1</opensearch:totalResults>
  <entry>
    <id>http://arxiv.org/abs/2406.06581v3</id>
    <published>2024-06-04T16:09:13Z</published>
    <title>Set-Based Prompting</title>
    <summary>About order.</summary>
    <author><name>A. Author</name></author>
  </entry>
</feed>"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What an arXiv and a Hub on this machine were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            if parts.path == "/arxiv":
                body = FEED
            elif parts.path == "/api/daily_papers" and query["p"] != ["0"]:
                body = "[]"
            elif query.get("date") == ["2026-11-19"]:
                self.send_error(400, "Bad Request")
                return
            else:
                title = "From Search" if "search" in parts.path else "From the Hub"
                body = json.dumps([{"paper": {"id": "2611.00001", "title": title, "upvotes": 5}}])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("WORKINGPAPERS_ARXIV_API", f"{address}/arxiv")
    monkeypatch.setenv("WORKINGPAPERS_HF_ENDPOINT", address)
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a test; the command line's default."""
    path = tmp_path / "daily.sqlite"
    monkeypatch.setenv("WORKINGPAPERS_DATABASE", str(path))
    return path


def test_from_arxiv_by_id(cli, asked: list[str]) -> None:
    ran = cli("add", "arxiv", "https://arxiv.org/abs/2406.06581v1")
    assert ran.code == 0
    assert ran.out == (
        "added     2406.06581  Set-Based Prompting\n1 added, 0 updated, 0 unchanged\n\nnext: workingpapers serve\n"
    )
    assert asked == ["/arxiv?id_list=2406.06581&max_results=1"]
    again = cli("add", "arxiv", "2406.06581", "--format", "json")
    assert again.json == {
        "added": [],
        "updated": [],
        "unchanged": [{"key": "2406.06581", "title": "Set-Based Prompting"}],
        "passed_over": [],
    }


def test_from_arxiv_by_query(cli, asked: list[str]) -> None:
    ran = cli("add", "arxiv", "--query", "ti:order", "--max", "7", "--order", "relevance", "--format", "quiet")
    assert (ran.code, ran.out) == (0, "2406.06581\n")
    (query,) = (parse_qs(urlsplit(one).query) for one in asked)
    assert query == {
        "search_query": ["ti:order"],
        "start": ["0"],
        "max_results": ["7"],
        "sortBy": ["relevance"],
        "sortOrder": ["descending"],
    }


def test_from_hugging_face(cli, asked: list[str]) -> None:
    assert cli("add", "hf", "--date", "2026-11-20", "--format", "quiet").out == "2611.00001\n"
    assert asked == [
        "/api/daily_papers?date=2026-11-20&p=0&limit=100",
        "/api/daily_papers?date=2026-11-20&p=1&limit=100",
    ]
    assert "unchanged" in cli("add", "hf", "--week", "2026-W47").out
    assert cli("add", "hf", "--search", "state space", "--max", "3").code == 0
    assert asked[-1] == "/api/papers/search?q=state+space&limit=3"


def test_the_format_may_stand_before_the_source(cli, asked: list[str]) -> None:
    assert cli("add", "--format", "json", "hf").json["added"][0]["key"] == "2611.00001"
    assert cli("--format", "json", "add", "hf").json["unchanged"][0]["key"] == "2611.00001"
    assert cli("add", "--format", "loud", "hf").code == 2


def test_what_a_server_refuses(cli, asked: list[str], path: Path) -> None:
    ran = cli("add", "hf", "--date", "2026-11-19")
    assert (ran.code, ran.out) == (1, "")
    assert "answers 400 Bad Request to /api/daily_papers?date=2026-11-19" in ran.err
    ran = cli("add", "arxiv", "2406.06581", "2406.99999")
    assert ran.code == 2
    assert "arXiv has no paper 2406.99999; check the number, or leave it out" in ran.err
    assert "0 rows" not in ran.err
    assert cli("export", "--format", "quiet").out.count('"table": "papers"') == 0


def test_from_bibtex(cli, tmp_path: Path) -> None:
    file = tmp_path / "library.bib"
    file.write_text("@article{a, title={A {B}}, year=2020}\n@article{b, year=2020}\n")
    ran = cli("add", "bibtex", file)
    assert ran.code == 0
    assert ran.out.startswith("added     p1  A B\n1 added")
    assert ran.err == f"warning: {file}, line 2: passed over, because 'b' has no title\n"
    assert cli("add", "bibtex", file, "--format", "json").json["passed_over"] == [
        f"{file}, line 2: passed over, because 'b' has no title"
    ]


def test_from_json(cli, tmp_path: Path) -> None:
    file = tmp_path / "papers.json"
    file.write_text(json.dumps([{"title": f"Paper {number}"} for number in range(25)]))
    ran = cli("add", "json", file)
    assert ran.code == 0
    assert ran.out.count("added     ") == 20
    assert "          and 5 more\n25 added, 0 updated, 0 unchanged\n" in ran.out
    assert cli("add", "json", file).out.startswith("0 added, 0 updated, 25 unchanged\n")


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ("arxiv", 2, "give ids or --query; neither was given"),
        ("arxiv 2406.06581 --query x", 2, "give ids or --query; both were given"),
        ("arxiv hello", 2, "'hello' is no arXiv id; give one such as 2406.06581"),
        ("arxiv --query x --max many", 2, "--max 'many' is not a whole number"),
        ("arxiv --query x --max 0", 2, "0 papers cannot be asked for"),
        ("arxiv --query x --order oldest", 2, "order 'oldest' is unknown; allowed are newest, relevance"),
        ("hf --date 2026-11-20 --week 2026-W47", 2, "--date and --week exclude each other; give one of them"),
        ("hf --search x --month 2026-11", 2, "--month and --search exclude each other"),
        ("hf --week 47", 2, "'47' is no week; give one such as"),
        ("bibtex none.bib", 2, "'none.bib' cannot be read: No such file or directory; name another file"),
        ("json", 2, "missing argument 'FILE' (see `workingpapers add json --help`)"),
        ("rss", 2, "no such command 'rss'. Verbs are arxiv, hf, bibtex, json (see `workingpapers add --help`)"),
    ],
)
def test_what_cannot_be_asked_for(cli, words: str, code: int, reason: str) -> None:
    ran = cli("add", *words.split())
    assert (ran.code, ran.out) == (code, "")
    assert reason in " ".join(ran.err.split())


def test_a_server_that_cannot_be_reached(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKINGPAPERS_ARXIV_API", "arxiv.org")
    ran = cli("add", "arxiv", "2406.06581")
    assert ran.code == 2
    assert "$WORKINGPAPERS_ARXIV_API 'arxiv.org' is no address; give one with http or https" in ran.err


def test_add_alone_shows_help(cli) -> None:
    ran = cli("add")
    assert ran.code == 0
    assert "$ workingpapers add arxiv 2406.06581" in ran.out
    for source in ("arxiv", "hf", "bibtex", "json"):
        helped = cli("add", source, "--help")
        assert helped.code == 0
        assert f"$ workingpapers add {source}" in helped.out
        assert max(map(len, helped.out.splitlines())) <= 80
