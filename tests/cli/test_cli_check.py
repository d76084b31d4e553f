"""`check`: the fixed JSON, the exit codes, and what is said of results that are shipped, older or damaged."""

import shutil
from pathlib import Path

from workingpapers.bench.store import Store


def _mark_as_older(root: Path) -> None:
    """Give the run the hash of other code, as if the room had been changed since."""
    store = Store(root)
    (manifest,) = store.runs("sample-room")
    store.put_run(type(manifest)(**{**manifest.__dict__, "code": "0" * 16}))


def test_the_fixed_json(cli, store: Path) -> None:
    ran = cli("check", "sample-room", "--format", "json")
    assert ran.code == 0
    assert list(ran.json) == ["slug", "scale", "run", "claims"]
    assert ran.json["slug"] == "sample-room"
    assert ran.json["scale"] == "laptop"
    assert ran.json["run"] == Store(store).runs("sample-room")[0].id
    claims = {claim["id"]: claim for claim in ran.json["claims"]}
    assert list(claims) == ["lower-error", "higher-error", "always-smaller", "needs-data"]
    keys = "id says kind predicate published verdict value interval n control reason"
    assert all(list(claim) == keys.split() for claim in claims.values())
    lower = claims["lower-error"]
    assert (lower["kind"], lower["predicate"], lower["published"]) == ("ratio", "> 2", "four times")
    assert (lower["verdict"], lower["n"], lower["reason"]) == ("holds", 4, None)
    low, high = lower["interval"]
    assert 2 < low < lower["value"] < high
    assert lower["control"] == {"value": 1.0, "interval": [1.0, 1.0], "passes": False}
    assert claims["higher-error"]["verdict"] == "does not hold"
    assert claims["needs-data"] | {"says": ""} == {
        "id": "needs-data",
        "says": "",
        "kind": "bound",
        "predicate": "< 1",
        "published": None,
        "verdict": "not tested",
        "value": None,
        "interval": [None, None],
        "n": 0,
        "control": None,
        "reason": "judged from the paper scale on: the data has to be brought",
    }


def test_strict_gives_3_only_where_a_claim_does_not_hold(cli, store: Path) -> None:
    assert cli("check", "sample-room").code == 0
    for mode in ("human", "json", "quiet"):
        ran = cli("check", "sample-room", "--strict", "--format", mode)
        assert ran.code == 3
        assert "does not hold" in ran.out
    assert cli("run", "sample-room", "--scale", "smoke", "--jobs", 0).code == 0
    assert cli("check", "sample-room", "--strict").code == 0  # the newest run tests nothing
    assert cli("check", "sample-room", "--strict", "--scale", "laptop").code == 3
    undecided = ("run", "sample-room", "--seeds", 2, "--jobs", 0, "--format", "json")
    verdicts = {claim["verdict"] for claim in cli(*undecided).json["claims"][:2]}
    assert verdicts == {"undecided"}
    assert cli("check", "sample-room", "--strict").code == 0


def test_the_newest_complete_run_of_a_scale(cli, store: Path) -> None:
    assert cli("run", "sample-room", "--scale", "smoke", "--jobs", 0).code == 0
    assert cli("check", "sample-room", "--format", "json").json["scale"] == "smoke"
    assert cli("check", "sample-room", "--scale", "laptop", "--format", "json").json["scale"] == "laptop"


def test_without_a_result_it_says_to_run(cli, tmp_path: Path) -> None:
    for verb in ("check", "report"):
        ran = cli(verb, "sample-room", "--scale", "laptop")
        assert ran.code == 1
        assert ran.out == ""
        assert ran.err == (
            f"error: there is no complete run of sample-room at the laptop scale in '{tmp_path / 'runs'}', and none is "
            "shipped; `workingpapers run sample-room --scale laptop` makes one\n"
        )
    assert cli("check", "sample-room", "--format", "json").json["error"]["type"] == "NoResultError"


def test_a_shipped_result_is_labelled(cli, store: Path, tmp_path: Path) -> None:
    shutil.move(store, tmp_path / "shipped")
    ran = cli("check", "sample-room")
    assert ran.code == 0
    assert "note: shipped result: measured by the authors of this package" in " ".join(ran.out.split())
    assert ran.out.splitlines()[-1] == "next: workingpapers run sample-room"
    assert "laptop, shipped" in " ".join(cli("list").out.split())
    shown = cli("show", "sample-room")
    assert "Claims (laptop, shipped)" in shown.out
    assert "note: shipped result" in shown.out
    ran = cli("check", "sample-room", "--format", "json")
    assert ran.json["scale"] == "laptop"
    assert ran.err.startswith("warning: shipped result")
    assert cli("show", "sample-room", "--format", "json").json["result"]["origin"] == "shipped"


def test_older_code_is_labelled(cli, store: Path) -> None:
    _mark_as_older(store)
    assert "note: older code: measured with another version" in " ".join(cli("check", "sample-room").out.split())
    words = " ".join(cli("list").out.split())
    assert "older" in words
    assert "Claims (laptop, older code)" in cli("show", "sample-room").out


def test_a_damaged_run_is_passed_over_and_said_so(cli, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "shipped")
    record = next((store / "sample-room").glob("*/trial.jsonl"))
    record.write_text(record.read_text()[:-30])
    ran = cli("check", "sample-room")
    assert ran.code == 0
    words = " ".join(ran.out.split())
    assert "note: damaged: a newer run was passed over" in words
    assert "note: shipped result" in words
    assert "damaged" in " ".join(cli("list").out.split())
