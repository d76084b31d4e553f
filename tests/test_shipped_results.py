"""The shipped verdicts, worked out again from the raw record files by other means than the engine's."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from workingpapers.bench import registry
from workingpapers.bench.results import latest, shipped_store
from workingpapers.bench.store import Store

ROOT = Path(__file__).parents[1]
SLUGS = sorted(folder.name for folder in (ROOT / "results").iterdir() if folder.is_dir())  # a new room has none yet


def _numbers(run: dict, claim: str, side: str) -> list[float]:
    found = []
    for key in run["keys"]:
        for line in (ROOT / "results" / run["slug"] / key / "trial.jsonl").read_text().splitlines():
            entry = json.loads(line)
            if entry["kind"] == "claim" and entry["id"] == claim and entry.get(side) is not None:
                found.append(float(entry[side]))
    return found


def _inside(predicate: str, tolerance: float, x: float) -> bool:
    a, *rest = [float(each) for each in re.findall(r"[-+]?[0-9.]+(?:e[-+]?\d+)?", predicate)] or [0.0]
    match predicate.split()[0]:
        case "<":
            return x < a
        case "<=":
            return x <= a
        case ">":
            return x > a
        case ">=":
            return x >= a
        case "in":
            return a <= x <= rest[0]
        case "within":
            return abs(x - rest[0]) <= a
        case _:
            return abs(x - {"== true": 1.0, "== false": 0.0}.get(predicate, a)) <= tolerance


def _ends(values: list[float], method: str) -> tuple[float, float]:
    if method == "exact" or np.ptp(values) == 0:
        return min(values), max(values)
    assert method == "student", f"write an independent {method} interval here"
    return stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))


def _verdict(claim: dict, values: list[float], controls: list[float]) -> str:
    if claim.get("judged_from", "laptop") != "laptop" or not values:
        return "not tested"
    method = claim.get("interval", "exact" if claim["predicate"].startswith("==") else "student")
    tolerance = claim.get("tolerance", 0.0)
    low, high = _ends(values, method)
    # the predicates are convex sets and complements of one: the ends and the middle tell
    inside = [_inside(claim["predicate"], tolerance, x) for x in np.linspace(low, high, 1001)]
    if len(values) < claim.get("seeds", 1 if method == "exact" else 3):
        return "undecided"
    if not any(inside) or (method == "exact" and not all(inside)):
        return "does not hold"
    if not all(inside):
        return "undecided"
    if "control" in claim:
        ends = _ends(controls, method)
        if all(_inside(claim["predicate"], tolerance, x) for x in ends):
            return "undecided"
    return "holds"


@pytest.mark.parametrize("slug", SLUGS)
def test_verdicts_follow_from_the_raw_records(slug: str) -> None:
    run = latest(registry.find(slug), shipped_store())
    assert run is not None
    assert run.scale == "laptop"
    manifest = json.loads((run.folder / "run.json").read_text())
    toml = tomllib.loads((run.paper.folder / "paper.toml").read_text())
    for claim, verdict in zip(toml["claims"], run.verdicts, strict=True):
        values = _numbers(manifest, claim["id"], "value")
        assert verdict.name == _verdict(claim, values, _numbers(manifest, claim["id"], "control")), claim["id"]
        if values:
            assert verdict.measured is not None
            assert verdict.measured.value == pytest.approx(np.mean(values), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("slug", SLUGS)
def test_shipped_results_are_of_this_code_and_these_claims(slug: str, tmp_path: Path) -> None:
    run = latest(registry.find(slug), Store(tmp_path))
    assert run is not None
    assert [mark.partition(":")[0] for mark in run.marks] == ["shipped result"]
