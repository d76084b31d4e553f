"""The fixed JSON and its fuller sibling."""

import json
from typing import Any

import pytest

from workingpapers.bench.report import ReportContent, report_json, verdict_json


def strictly(data: dict[str, Any]) -> dict[str, Any]:
    """Through JSON and back; NaN and infinity are refused."""
    return json.loads(json.dumps(data, allow_nan=False))


def test_fixed_form(content: ReportContent) -> None:
    data = strictly(verdict_json(content))
    assert list(data) == ["slug", "scale", "run", "claims"]
    assert data["claims"][0] == {
        "id": "linear-cost",
        "says": "Cost grows linearly with the order.",
        "kind": "bound",
        "predicate": "< 1.25",
        "published": "1.0",
        "verdict": "holds",
        "value": 1.05,
        "interval": [1.01, 1.09],
        "n": 3,
        "control": {"value": 1.9, "interval": [1.8, 2.0], "passes": False},
        "reason": None,
    }
    assert {tuple(claim) for claim in data["claims"]} == {tuple(data["claims"][0])}


def test_nothing_measured_is_null(content: ReportContent) -> None:
    claim = next(claim for claim in verdict_json(content)["claims"] if claim["id"] == "later")
    assert (claim["value"], claim["interval"], claim["control"], claim["n"]) == (None, [None, None], None, 0)
    assert claim["reason"] == "judged from the paper scale on"


def test_what_is_not_finite_is_null(content: ReportContent) -> None:
    claim = next(claim for claim in strictly(verdict_json(content))["claims"] if claim["id"] == "one-seed")
    assert claim["value"] is None
    assert claim["interval"] == [None, None]


def test_full_report_is_json_and_contains_the_fixed_form(content: ReportContent) -> None:
    data = strictly(report_json(content))
    for full, fixed in zip(data["claims"], verdict_json(content)["claims"], strict=True):
        assert fixed.items() <= full.items()
    assert data["claims"][0]["per_seed"] == [1.01, 1.05, 1.09]
    assert data["claims"][0]["seeds"] == [11, 12, 13]
    assert data["environment"]["packages"] == {"torch": "2.13.0"}
    assert data["environment"]["seconds"] is None
    assert data["settings"] == {"orders": [1, 3], "rate": 0.005, "path": "x"}
    assert data["data"][0]["sha256"] == "ab" * 32
    assert data["marks"] == ["measured with older code"]
    assert data["counts"] == {"holds": 2, "does not hold": 1, "undecided": 1, "not tested": 1}


@pytest.mark.parametrize("make", [verdict_json, report_json])
def test_numpy_numbers_become_plain(make: Any, content: ReportContent) -> None:
    from dataclasses import replace

    import numpy as np

    changed = replace(content, settings={"rate": np.float64(0.5), "nan": np.float64("nan"), "n": np.int64(3)})
    data = strictly(make(changed))
    if "settings" in data:
        assert data["settings"] == {"rate": 0.5, "nan": None, "n": 3}
