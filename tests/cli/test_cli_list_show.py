"""`list` and `show`: what they say with and without results."""

from pathlib import Path


def test_the_fixed_json_of_list(cli, store: Path) -> None:
    assert cli("list", "--format", "json").json == [
        {
            "slug": "sample-room",
            "title": "Shrinking a Mean",
            "arxiv": "2601.00001",
            "published": "2026-01-01",
            "authors": ["Ada Example", "Bob Example"],
            "topics": ["estimation"],
            "claims": 4,
            "verdicts": {"holds": 2, "does not hold": 1, "undecided": 0, "not tested": 1},
        }
    ]


def test_without_a_run_every_claim_is_not_tested(cli) -> None:
    (paper,) = cli("list", "--format", "json").json
    assert paper["verdicts"] == {"holds": 0, "does not hold": 0, "undecided": 0, "not tested": 4}
    words = " ".join(cli("list").out.split())
    assert "–4" in words
    assert "not run yet" in words
    assert cli("show", "sample-room").out.count("– not tested") == 4
    assert cli("show", "sample-room").out.splitlines()[-1] == "next: workingpapers run sample-room"


def test_the_strip_is_legible_without_colour(cli, store: Path) -> None:
    ran = cli("list")
    assert "✓2 ✗1 –1" in ran.out
    assert "✓ holds   ✗ does not hold   ? undecided   – not tested" in ran.out
    assert ran.err == ""


def test_topics(cli, add_room) -> None:
    add_room("other-room", "")
    assert cli("list", "--format", "quiet").out.split() == ["other-room", "sample-room"]
    for topic in ("time series", "TIME", "Queries"):
        assert cli("list", "--topic", topic, "--format", "quiet").out == "other-room\n"
    assert cli("list", "--topic", "").code == 2


def test_show_tells_it_all(cli, store: Path) -> None:
    out = cli("show", "sample-room").out
    for text in (
        "Shrinking a Mean\nAda Example, Bob Example\narXiv 2601.00001 · 2026-01-01 · estimation\n",
        "A mean that is pulled towards zero",
        "Claims (laptop)",
        "✓ holds          Shrinking lowers the squared error at least twofold.",
        "✗ does not hold  Shrinking raises the squared error.",
        "  from sample_room import shrink",
        "sample_room/page.md\n",
    ):
        assert text in out


def test_code_is_never_broken_or_cut(cli, add_room) -> None:
    line = "print(" + " + ".join(map(str, range(60))) + ")"
    path = add_room("other-room", "") / "paper.toml"
    path.write_text(path.read_text().replace('usage = "pass"', f'usage = "{line}"'))
    assert f"\n  {line}\n" in cli("show", "other-room").out


def test_show_by_arxiv_id_in_json(cli, store: Path) -> None:
    shown = cli("show", "arXiv:2601.00001v3", "--format", "json").json
    assert shown["slug"] == "sample-room"
    assert shown["usage"].startswith("from sample_room")
    assert [claim["verdict"] for claim in shown["claims"]] == ["holds", "does not hold", "holds", "not tested"]
    assert shown["result"]["scale"] == "laptop"
    assert cli("show", "sample-room", "--store", store / "none", "--format", "json").json["result"] is None


def test_an_unreadable_store_is_a_warning_in_overviews(cli, store: Path) -> None:
    record = next((store / "sample-room").glob("*/trial.jsonl"))
    record.unlink()
    record.mkdir()
    ran = cli("list")
    assert ran.code == 0
    assert ran.err.startswith("warning: cannot read ")
    assert "not run yet" in " ".join(ran.out.split())
