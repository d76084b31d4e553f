"""Moving house: out as lines of JSON and in again, whole or not at all."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from workingpapers.daily import trending
from workingpapers.daily.database import Database
from workingpapers.daily.merging import remember_highest
from workingpapers.daily.papers import PaperEntry, add_papers, index_text
from workingpapers.daily.tables import Base
from workingpapers.daily.transfer import export_lines, import_lines
from workingpapers.daily.transfer_rows import LEFT, LEFT_COLUMNS, MOVED, columns, table
from workingpapers.errors import DamagedRecordError

AT = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)
DAY = date(2026, 11, 23)
PAPER: dict[str, Any] = {
    "title": "Set Prompting", "title_key": "setprompting", "summary": "Ünïcode\nand <b>", "summary_kind": "ours",
    "authors": ["José Núñez", "A"], "author_count": 3, "published": DAY, "listed": DAY, "source": "arxiv",
    "url": "https://arxiv.org/abs/2406.06581", "code_url": "https://github.com/a/b", "upvotes": 3, "built": True,
    "usage": "pass", "submitted_by": 5, "added": AT, "changed": AT,
}  # fmt: skip
ROWS: dict[str, list[dict[str, Any]]] = {
    "people": [
        {"id": 5, "email": "ada@example.org", "name": "Ada", "role": "curator", "created": AT},
        {"id": 6, "email": "bob@example.org", "name": "", "role": "reader", "created": AT},
    ],
    "topics": [{"id": 4, "slug": "vision", "name": "Vision"}],
    "papers": [
        {**PAPER, "id": 3, "slug": "set-prompting", "arxiv": "2406.06581"},
        {**PAPER, "id": 8, "slug": None, "arxiv": "cs/0112017", "title": "Old", "title_key": "old", "published": None},
        {**PAPER, "id": 9, "slug": None, "arxiv": None, "title": "Nameless", "title_key": "nameless", "url": None},
    ],
    "other_titles": [{"title_key": "setbasedprompting", "paper_id": 3}],
    "paper_topics": [{"paper_id": 3, "topic_id": 4}, {"paper_id": 9, "topic_id": 4}],
    "claims": [
        {
            "paper_id": 3, "claim": "works", "position": 0, "says": "It works.", "metric": "gap", "predicate": "> 0",
            "source": "abstract", "details": {"control": "off", "tolerance": 0.5},
        }
    ],
    "runs": [
        {
            "id": "run-1", "paper_id": 3, "scale": "laptop", "origin": "store", "finished": AT, "code": "c0de",
            "seconds": 1.5, "seeds": 5, "folder": "/runs/1", "counts": {"holds": 1}, "marks": ["shipped"],
            "newest": True,
        }
    ],
    "verdicts": [
        {
            "run_id": "run-1", "claim": "works", "verdict": "holds", "value": 0.25, "low": 0.125, "high": float("inf"),
            "n": 5, "control": None, "reason": None,
        }
    ],
    "events": [
        {
            "id": 2, "paper_id": 3, "run_id": "run-1", "at": AT, "scale": "laptop", "claim": "works", "before": None,
            "after": "holds",
        }
    ],
    "votes": [{"paper_id": 3, "person_id": 5, "at": AT}, {"paper_id": 9, "person_id": 1, "at": AT}],
    "marks": [
        {"paper_id": 9, "person_id": 5, "starred": AT, "read": None, "note": "private\nnote", "note_changed": AT}
    ],
    "subscriptions": [
        {
            "id": 7, "email": "ada@example.org", "person_id": 5, "frequency": "weekly", "selection": "all",
            "topics": ["vision"], "query": "prompts", "time_zone": "Europe/Berlin", "hour": 8, "weekday": 2,
            "status": "active", "confirm_token": "c" * 64, "unsubscribe_key": "key", "bounces": 1, "created": AT,
            "confirmed": AT, "covered_until": AT,
        }
    ],
    "issues": [
        {
            "id": 11, "subscription_id": 7, "issue": "2026-W48", "status": "sent", "message_id": "<1@example.org>",
            "papers": ["set-prompting", "cs-0112017", "p9"], "attempts": 1, "problem": None, "covers_until": AT,
            "created": AT, "next_attempt": None, "finished": AT,
        }
    ],
    "jobs": [
        {
            "id": 12, "slug": "set-prompting", "scale": "smoke", "seeds": 2, "status": "queued", "requested_by": 5,
            "requested": AT, "started": None, "finished": None, "process": 4242, "process_started": 1.5,
            "attempts": 2, "run_id": None, "problem": None,
        },
        {
            "id": 13, "slug": "set-prompting", "scale": "smoke", "seeds": 2, "status": "done", "requested_by": 5,
            "requested": AT, "started": AT, "finished": AT, "process": None, "process_started": None,
            "attempts": 1, "run_id": "run-1", "problem": None,
        },
    ],
}  # fmt: skip


def _fill(database: Database, rows: Mapping[str, list[dict[str, Any]]] = ROWS) -> None:
    with database.write() as session:
        for name in MOVED:
            for row in rows.get(name, []):
                session.execute(insert(table(name)).values(row))
        ids = session.scalars(text("SELECT id FROM papers")).all()
        index_text(session, ids)
        trending.refresh(session)


@pytest.fixture
def full(database: Database) -> Database:
    """A database with rows in every table that moves."""
    _fill(database)
    return database


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """Another, empty one."""
    other = Database(tmp_path / "other.sqlite")
    yield other
    other.close()


def _rows(database: Database, name: str) -> list[dict[str, Any]]:
    with database.read() as session:
        found = session.execute(select(*columns(name)).order_by(*table(name).primary_key.columns)).mappings()
        return [dict(row) for row in found]


def test_every_table_moves_or_is_left_for_a_reason() -> None:
    assert sorted([*MOVED, *LEFT]) == sorted(Base.metadata.tables)
    assert {name for name, _ in LEFT_COLUMNS} <= set(MOVED)
    assert set(ROWS) == set(MOVED)
    for name, rows in ROWS.items():  # and the tests below would notice a column that did not
        assert {column for row in rows for column in row} >= {column.name for column in columns(name)}, name


def test_out_and_in_again_gives_the_same_lines(full: Database, other: Database) -> None:
    lines = list(export_lines(full))
    report = import_lines(other, lines)
    assert list(export_lines(other)) == lines
    assert report.added == {name: len(ROWS[name]) for name in MOVED}
    assert {name: count for name, count in report.present.items() if count} == {"people": 1}
    assert len(lines) == 2 + 1 + sum(map(len, ROWS.values()))
    assert json.loads(lines[0]) == {"workingpapers": "export", "format": 1}
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_what_is_computed_is_there_too(full: Database, other: Database) -> None:
    import_lines(other, export_lines(full))
    for database in (full, other):
        with database.read() as session:
            found = session.execute(text("SELECT rowid FROM paper_text WHERE paper_text MATCH 'nameless'")).scalars()
            assert found.all() == [9]
    with full.read() as before, other.read() as after:
        heat = text("SELECT id, heat FROM papers ORDER BY id")
        assert before.execute(heat).all() == after.execute(heat).all()
        assert before.scalar(text("SELECT max(heat) FROM papers")) != 0


def test_again_changes_nothing(full: Database, other: Database) -> None:
    lines = list(export_lines(full))
    import_lines(other, lines)
    for database in (other, full):
        report = import_lines(database, lines)
        assert set(report.added.values()) == {0}
        assert list(export_lines(database)) == lines


def test_what_stays_is_not_in_the_lines(full: Database) -> None:
    with full.write() as session:
        session.execute(text("INSERT INTO login_tokens VALUES ('secret1', 'a@b', 'x', 'x', NULL)"))
        session.execute(text("INSERT INTO sessions VALUES ('secret2', 5, 'x', 'x')"))
        session.execute(text("INSERT INTO remembered VALUES ('secret3', 'x')"))
    lines = "\n".join(export_lines(full))
    assert "secret" not in lines
    assert "4242" not in lines


def _house(**changes: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [] for name in MOVED} | changes


def test_two_houses_become_one(full: Database, other: Database) -> None:
    """Everything here has other numbers, and some of it is the same."""
    here = {**PAPER, "submitted_by": None, "summary": "", "authors": [], "url": "https://here.example", "upvotes": 9}
    _fill(
        other,
        _house(
            people=[{"id": 2, "email": "ada@example.org", "name": "Ada L.", "role": "admin", "created": LATER}],
            topics=[{"id": 1, "slug": "layers", "name": "layers"}, {"id": 2, "slug": "vision", "name": "vision"}],
            papers=[
                {**here, "id": 3, "slug": None, "arxiv": "cs/0112017"},
                {**here, "id": 9, "slug": "set-prompting", "arxiv": "2406.06581"},
                {**here, "id": 10, "slug": None, "arxiv": "2411.00001", "title": "Nameless", "title_key": "nameless"},
            ],
            votes=[{"paper_id": 9, "person_id": 2, "at": LATER}],
            marks=[
                {"paper_id": 10, "person_id": 2, "starred": None, "read": LATER, "note": "newer", "note_changed": LATER}
            ],
        ),
    )
    report = import_lines(other, export_lines(full))
    assert (report.added["papers"], report.present["papers"]) == (0, 3)
    papers = {row["id"]: row for row in _rows(other, "papers")}
    assert {id_: (row["slug"], row["arxiv"]) for id_, row in papers.items()} == {
        3: (None, "cs/0112017"),
        9: ("set-prompting", "2406.06581"),
        10: (None, "2411.00001"),
    }
    assert papers[9]["summary"] == "Ünïcode\nand <b>"  # it was empty here
    assert (papers[9]["url"], papers[9]["upvotes"]) == ("https://here.example", 9)
    ada, bob = 2, 6
    assert [(row["id"], row["email"], row["role"]) for row in _rows(other, "people")] == [
        (1, None, "admin"),
        (ada, "ada@example.org", "admin"),
        (bob, "bob@example.org", "reader"),
    ]
    assert [(row["paper_id"], row["person_id"], row["at"]) for row in _rows(other, "votes")] == [
        (9, ada, LATER),
        (10, 1, AT),
    ]
    assert _rows(other, "paper_topics") == [{"paper_id": 9, "topic_id": 2}, {"paper_id": 10, "topic_id": 2}]
    (mark,) = _rows(other, "marks")
    assert mark == {
        "paper_id": 10, "person_id": ada, "starred": AT, "read": LATER, "note": "newer", "note_changed": LATER,
    }  # fmt: skip
    (subscription,) = _rows(other, "subscriptions")
    assert (subscription["id"], subscription["person_id"]) == (7, ada)
    (issue,) = _rows(other, "issues")
    assert issue["papers"] == ["set-prompting", "cs-0112017", "p10"]
    assert [row["paper_id"] for row in _rows(other, "runs")] == [9]
    assert [row["requested_by"] for row in _rows(other, "jobs")] == [ada, ada]


def test_numbers_that_are_taken_are_given_anew(full: Database, other: Database) -> None:
    taken = {**PAPER, "submitted_by": None, "arxiv": None, "slug": None}
    _fill(
        other,
        _house(
            people=[{"id": 5, "email": "eve@example.org", "name": "", "role": "reader", "created": AT}],
            papers=[{**taken, "id": id_, "title": f"T{id_}", "title_key": f"t{id_}"} for id_ in (3, 8, 9)],
        ),
    )
    import_lines(other, export_lines(full))
    names = {row["title"]: row["id"] for row in _rows(other, "papers")}
    people = {row["email"]: row["id"] for row in _rows(other, "people")}
    assert len(names) == 6
    assert {names["T3"], names["T8"], names["T9"]} == {3, 8, 9}
    assert {(row["paper_id"], row["person_id"]) for row in _rows(other, "votes")} == {
        (names["Set Prompting"], people["ada@example.org"]),
        (names["Nameless"], 1),
    }
    (issue,) = _rows(other, "issues")
    assert issue["papers"] == ["set-prompting", "cs-0112017", f"p{names['Nameless']}"]


def test_no_mail_is_sent_twice_after_a_move(full: Database, other: Database) -> None:
    """A subscription that was made at both places is one afterwards, with what both sent."""
    lines = list(export_lines(full))
    here = {**ROWS["subscriptions"][0], "id": 1, "person_id": None, "unsubscribe_key": "x", "confirm_token": "x"}
    sent = {**ROWS["issues"][0], "id": 1, "subscription_id": 1, "message_id": "<here>", "papers": []}
    _fill(other, _house(subscriptions=[here], issues=[{**sent, "issue": "2026-W47"}, {**sent, "id": 2}]))
    import_lines(other, lines)
    assert [row["unsubscribe_key"] for row in _rows(other, "subscriptions")] == ["x"]
    assert [(row["issue"], row["message_id"]) for row in _rows(other, "issues")] == [
        ("2026-W47", "<here>"),
        ("2026-W48", "<here>"),
    ]


def test_two_subscriptions_that_are_one_here_keep_their_issues_apart(full: Database, other: Database) -> None:
    same = {**ROWS["subscriptions"][0], "id": 8, "person_id": None, "unsubscribe_key": "y", "confirm_token": "y"}
    issue = {**ROWS["issues"][0], "subscription_id": 8}
    with full.write() as session:
        session.execute(insert(table("subscriptions")).values(same))
        session.execute(insert(table("issues")).values({**issue, "id": 14}))
        session.execute(insert(table("issues")).values({**issue, "id": 15, "issue": "2026-W49"}))
    _fill(other, _house(subscriptions=[{**same, "id": 1, "unsubscribe_key": "x", "confirm_token": "x"}]))
    import_lines(other, export_lines(full))
    assert [row["id"] for row in _rows(other, "subscriptions")] == [1]
    assert [(row["subscription_id"], row["issue"]) for row in _rows(other, "issues")] == [
        (1, "2026-W48"),
        (1, "2026-W49"),
    ]


def test_two_jobs_alike_are_two(full: Database, other: Database) -> None:
    ada = {**ROWS["people"][0], "id": 5}
    _fill(other, _house(people=[ada], jobs=[{**ROWS["jobs"][1], "id": 1, "status": "done", "run_id": None}]))
    assert import_lines(other, export_lines(full)).added["jobs"] == 1
    assert import_lines(other, export_lines(full)).added["jobs"] == 0
    assert len(_rows(other, "jobs")) == 2


def test_the_newest_run_of_a_paper_stays_one(full: Database, other: Database) -> None:
    run = {**ROWS["runs"][0], "id": "run-0", "paper_id": 1}
    _fill(
        other,
        _house(papers=[{**PAPER, "id": 1, "slug": "set-prompting", "arxiv": None, "submitted_by": None}], runs=[run]),
    )
    import_lines(other, export_lines(full))
    assert {row["id"]: row["newest"] for row in _rows(other, "runs")} == {"run-0": True, "run-1": False}


def test_an_older_export_lacks_columns(full: Database, other: Database) -> None:
    lines = [json.loads(line) for line in export_lines(full)]
    for row in lines:
        if row.get("table") == "jobs":
            del row["attempts"], row["problem"]
    import_lines(other, _sealed(lines))
    assert [(row["attempts"], row["problem"]) for row in _rows(other, "jobs")] == [(0, None), (0, None)]


def _sealed(rows: list[dict[str, Any]]) -> list[str]:
    """Lines with a checksum that fits them."""
    import hashlib

    lines = [json.dumps(row) for row in rows[:-1]]
    digest = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    return [*lines, json.dumps({**rows[-1], "sha256": digest})]


def _number(lines: list[dict[str, Any]], name: str) -> int:
    return next(number for number, row in enumerate(lines) if row.get("table") == name)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("papers", {"listed": "yesterday"}, "papers: 'listed' is 'yesterday', where a day such as 2026-11-23 should"),
        ("papers", {"title": None}, "papers: 'title' is missing"),
        ("papers", {"title": "\ud800"}, "papers: 'title' is .*, where text should stand"),
        ("papers", {"authors": [1]}, r"papers: 'authors' is \[1\], where a list of text should stand"),
        ("papers", {"built": 1}, "papers: 'built' is 1, where true or false should stand"),
        ("papers", {"upvotes": 10**30}, "papers: 'upvotes' is 1000.*, where a whole number should stand"),
        ("papers", {"added": "2026-11-23T10:00:00"}, "papers: 'added' is .*, where a moment such as"),
        ("papers", {"source": "rumour"}, "papers: 'source' is 'rumour', none of room, catalogue"),
        ("papers", {"upvotes": -1}, r"papers: entry 3 \(Set Prompting\): upvotes is -1"),
        ("papers", {"slug": "../etc"}, r"papers: entry 3 \(Set Prompting\): slug '\.\./etc'"),
        ("papers", {"price": 3}, "papers has no 'price'; the file may be from a newer version"),
        ("papers", {"submitted_by": 99}, "it refers to number 99 of people, which is not in the file"),
        ("papers", {"table": "prices"}, "table 'prices' is unknown; .* install that"),
        ("papers", {"table": ["papers"]}, r"table \['papers'\] is unknown"),
        ("papers", {"table": "jobs"}, "jobs has no "),
        ("claims", {"details": []}, r"claims: 'details' is \[\], where an object should stand"),
        ("verdicts", {"low": "much"}, "verdicts: 'low' is 'much', where a number should stand"),
    ],
)
def test_a_value_that_is_wrong_is_named_with_its_line(
    name: str, change: dict[str, Any], reason: str, full: Database, other: Database
) -> None:
    rows = [json.loads(line) for line in export_lines(full)]
    place = _number(rows, name)
    rows[place] |= change
    empty = list(export_lines(other))
    with pytest.raises(DamagedRecordError, match=f"^line {place + 1}: {reason}"):
        import_lines(other, _sealed(rows))
    assert list(export_lines(other)) == empty


def test_papers_names_and_notes_come_in_clean(full: Database, other: Database) -> None:
    rows = [json.loads(line) for line in export_lines(full)]
    bad = "\x07\x1b[31m\ufffe"
    rows[_number(rows, "people") + 1]["name"] = f"Ada{bad}\n"
    rows[_number(rows, "topics")]["name"] = f"Vision{bad}"
    rows[_number(rows, "papers")] |= {
        "title": f"Set{bad} Prompting", "title_key": "forged", "summary": f"a{bad}\nb", "authors": [f"Ann{bad}"],
        "url": "javascript:alert(1)", "usage": f"pass{bad}\n\tpass",
    }  # fmt: skip
    rows[_number(rows, "claims")] |= {"says": bad, "details": {"a": [bad]}}
    rows[_number(rows, "marks")]["note"] = f"private{bad}\nnote"
    import_lines(other, _sealed(rows))
    assert "\x1b" not in "".join(map(str, (json.loads(line) for line in export_lines(other))))
    paper = _rows(other, "papers")[0]
    assert (paper["title"], paper["title_key"], paper["url"]) == ("Set [31m Prompting", "set31mprompting", None)
    assert (paper["summary"], paper["authors"]) == ("a  [31m\nb", ["Ann [31m"])
    assert paper["usage"] == "pass  [31m \n\tpass"
    assert [row["name"] for row in _rows(other, "people")][1] == "Ada [31m"
    assert _rows(other, "topics")[0]["name"] == "Vision [31m"
    assert _rows(other, "claims")[0]["details"] == {"a": ["  [31m "]}
    assert _rows(other, "marks")[0]["note"] == "private  [31m \nnote"


def test_a_paper_that_an_import_fills_has_changed(full: Database, other: Database) -> None:
    """Search embeds a text anew only where its paper changed."""
    empty = {**PAPER, "submitted_by": None, "summary": ""}
    same = {**PAPER, "submitted_by": None}
    _fill(
        other,
        _house(
            papers=[
                {**same, "id": 1, "slug": "set-prompting", "arxiv": "2406.06581"},
                {**empty, "id": 2, "slug": None, "arxiv": "cs/0112017", "title": "Old", "title_key": "old"},
            ],
        ),
    )
    with other.write() as session:
        session.execute(update(table("papers")).values(changed=datetime(2020, 1, 1, tzinfo=UTC)))
    import_lines(other, export_lines(full))
    changed = {row["title"]: row["changed"] for row in _rows(other, "papers")}
    assert changed["Old"] > datetime(2020, 1, 1, tzinfo=UTC)
    assert changed["Set Prompting"] > datetime(2020, 1, 1, tzinfo=UTC)  # a topic and a claim came
    assert changed["Nameless"] == AT
    with other.write() as session:
        session.execute(update(table("papers")).values(changed=AT))
    import_lines(other, export_lines(full))
    assert {row["changed"] for row in _rows(other, "papers")} == {AT}


def test_the_number_of_a_paper_that_is_gone_stays_free(full: Database, other: Database) -> None:
    """Neither one that is gone here nor one that only an old issue of the export names."""
    with full.write() as session:
        session.execute(update(table("issues")).values(papers=["p10", "p9"]))
    with other.write() as session:
        remember_highest(session, 8)
    import_lines(other, export_lines(full))
    assert {row["title"]: row["id"] for row in _rows(other, "papers")}["Set Prompting"] > 8
    (issue,) = _rows(other, "issues")
    papers = {row["id"] for row in _rows(other, "papers")}
    with other.write() as session:
        (new,) = add_papers(session, [PaperEntry("Another")]).added
    numbers = [int(name.removeprefix("p")) for name in issue["papers"]]
    assert [number in papers for number in numbers] == [False, True]
    assert new not in numbers


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("people", {"role": "king"}, "CHECK constraint failed"),
        ("verdicts", {"run_id": "run-99"}, "FOREIGN KEY constraint failed"),
        ("people", {"email": "bob@example.org"}, "UNIQUE constraint failed: people.email"),
    ],
)
def test_a_row_that_the_database_refuses_is_named_with_its_line(
    name: str, change: dict[str, Any], reason: str, full: Database, other: Database
) -> None:
    rows = [json.loads(line) for line in export_lines(full)]
    place = _number(rows, name) + (name == "people")  # the local person comes first
    rows[place] |= change
    named = place + 2 if "UNIQUE" in reason else place + 1  # of two with one address, the second
    with pytest.raises(DamagedRecordError, match=f"the row of line {named} does not fit: {reason}"):
        import_lines(other, _sealed(rows))


def test_a_file_that_was_cut_off_is_refused_wherever(full: Database, other: Database) -> None:
    lines = list(export_lines(full))
    empty = list(export_lines(other))
    for count in range(len(lines)):
        with pytest.raises(DamagedRecordError, match=f"the file ends after line {count} without its last line"):
            import_lines(other, lines[:count])
        with pytest.raises(DamagedRecordError, match=rf"^line {count + 1}: (no JSON|this is no export)"):
            import_lines(other, [*lines[:count], lines[count][:-2]])
    assert list(export_lines(other)) == empty


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda lines: [*lines[:-2], lines[-1]], "line 22: .* rows are announced and .* are there; get the whole file"),
        (lambda lines: [line.replace("Nameless", "Namelesz") for line in lines], "line 23: .* match their checksum"),
        (lambda lines: [*lines, lines[1]], "line 24: there is more after the last line"),
        (lambda lines: [*lines, *lines], "line 24: there is more after the last line"),
        (lambda lines: [*lines[:2], lines[4], *lines[2:]], "line 4: a row of people stands after those of"),
        (lambda lines: ['[{"title": "x"}]'], "line 1: this is no export; `workingpapers export` writes one"),
        (lambda lines: ["{}"], "line 1: this is no export"),
        (lambda lines: ['{"workingpapers": "export", "format": 2}'], "line 1: format 2 is none .* install a newer"),
        (lambda lines: [*lines[:3], "", *lines[3:]], "line 4: no JSON"),
        (lambda lines: [*lines[:3], "[1]", *lines[3:]], "line 4: no JSON object"),
        (lambda lines: [*lines[:3], '{"table": NaN}', *lines[3:]], "line 4: no JSON: NaN is no number"),
        (lambda lines: [], "the file ends after line 0"),
    ],
)
def test_damage_is_found(damage: Any, reason: str, full: Database, other: Database) -> None:
    lines = list(export_lines(full))
    assert len(lines) == 23
    empty = list(export_lines(other))
    with pytest.raises(DamagedRecordError, match=reason):
        import_lines(other, damage(lines))
    assert list(export_lines(other)) == empty


def test_line_ends_do_not_matter(full: Database, other: Database) -> None:
    lines = list(export_lines(full))
    import_lines(other, [line + "\r\n" for line in lines])
    assert list(export_lines(other)) == lines


def test_an_export_shows_one_state(full: Database) -> None:
    """What is written while it runs is not in it, and it is whole all the same."""
    lines = export_lines(full)
    taken = [next(lines) for _ in range(4)]
    with full.write() as session:
        session.execute(update(table("papers")).values(title="Changed"))
    taken += list(lines)
    assert not any("Changed" in line for line in taken)


_CHILD = """
import os, signal, sys
from sqlalchemy import event
from workingpapers.daily.database import Database
from workingpapers.daily.transfer import import_lines

database, last, written = Database(sys.argv[1]), int(sys.argv[3]), 0

@event.listens_for(database.engine, "before_cursor_execute")
def count(connection, cursor, statement, parameters, context, executemany):
    global written
    if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
        written += 1
        if written == last:
            os.kill(os.getpid(), signal.SIGKILL)

with open(sys.argv[2], encoding="utf-8") as lines:
    import_lines(database, lines)
print(written, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_leaves_all_or_nothing(full: Database, tmp_path: Path) -> None:
    lines = list(export_lines(full))
    (tmp_path / "house.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(name: str, last: int) -> str:
        words = [sys.executable, "-c", _CHILD, str(tmp_path / name), str(tmp_path / "house.jsonl"), str(last)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert done.returncode == -signal.SIGKILL, done.stderr
        return done.stdout

    statements = int(run("whole.sqlite", 0))
    whole = Database(tmp_path / "whole.sqlite")
    assert list(export_lines(whole)) == lines
    whole.close()
    for last in (4, statements):
        assert run("killed.sqlite", last) == ""
        with sqlite3.connect(tmp_path / "killed.sqlite") as connection:
            assert connection.execute("SELECT count(*) FROM papers").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM people").fetchone() == (1,)
