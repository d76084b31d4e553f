"""From numbers to verdicts."""

import dataclasses
import math
from typing import Any

import pytest

from workingpapers.bench.protocols import Claim, ClaimValue, Verdict
from workingpapers.bench.verdicts import Evidence, judge

EVIDENCE = Evidence("laptop", "run-1", "abc", {"python": "3.11"})


def claim(predicate: str = "> 2", **changes: Any) -> Claim:
    given: dict[str, Any] = {"control": "nothing removed", "interval": "exact" if "==" in predicate else "student"}
    return Claim("c", "says", "ratio", "metric", predicate, "section 1", **(given | changes))


def verdict(
    values: list[float], controls: list[float] | None = None, *, scale: Any = "laptop", of: Claim | None = None
) -> Verdict:
    pairs = zip(values, controls or [None] * len(values), strict=True)
    reported = [ClaimValue("c", value, control) for value, control in pairs]
    return judge(of or claim(), reported, range(len(values)), dataclasses.replace(EVIDENCE, scale=scale))


def test_holds_needs_the_whole_interval_and_a_control_that_does_not_pass() -> None:
    assert verdict([3.0, 3.1, 2.9], [1.0, 1.1, 0.9]).name == "holds"


def test_a_control_that_only_straddles_does_not_pass() -> None:
    assert verdict([3.0, 3.1, 2.9], [0.0, 5.0, 2.0]).name == "holds"


def test_a_control_that_passes_forbids_holds() -> None:
    found = verdict([3.0, 3.1, 2.9], [4.0, 4.1, 3.9])
    assert found.name == "undecided"
    assert "control passes" in (found.reason or "")
    assert found.control is not None
    assert found.control.passes


def test_a_missing_control_forbids_holds() -> None:
    assert verdict([3.0, 3.1, 2.9]).name == "undecided"


def test_does_not_hold_when_the_whole_interval_violates() -> None:
    assert verdict([1.0, 1.1, 0.9], [1.0, 1.0, 1.0]).name == "does not hold"


def test_across_is_undecided() -> None:
    found = verdict([1.0, 3.0, 2.2], [1.0, 1.0, 1.0])
    assert found.name == "undecided"
    assert "partly" in (found.reason or "")


def test_too_few_seeds_say_how_many_more() -> None:
    found = verdict([3.0, 3.1], [1.0, 1.0], of=claim(seeds=5))
    assert found.name == "undecided"
    assert found.reason == "needs 3 more seeds: 2 of at least 5"


def test_smoke_never_decides_even_with_many_seeds() -> None:
    found = verdict([3.0] * 9, [1.0] * 9, scale="smoke")
    assert found.name == "not tested"
    assert found.measured is not None  # the numbers are shown all the same


def test_below_its_scale_a_claim_is_not_tested() -> None:
    at_paper = claim(judged_from="paper", reason="needs ImageNet")
    assert verdict([3.0] * 3, [1.0] * 3, of=at_paper).name == "not tested"
    assert verdict([3.0] * 3, [1.0] * 3, of=at_paper, scale="paper").name == "holds"
    assert verdict([3.0] * 3, [1.0] * 3, of=claim(judged_from="never", reason="r"), scale="paper").name == "not tested"


def test_an_exact_claim_speaks_of_every_seed() -> None:
    exact = claim("== true", control=None, no_control="mathematics", seeds=1)
    assert verdict([1.0], of=exact).name == "holds"
    assert verdict([1.0, 1.0, 0.0], of=exact).name == "does not hold"
    bound = claim("< 0.05", interval="exact", control=None, no_control="mathematics", seeds=1)
    assert verdict([0.01, 0.049], of=bound).name == "holds"
    assert verdict([0.01, 0.051], of=bound).name == "does not hold"


def test_equivalence_is_two_one_sided_tests() -> None:
    band = claim("within 0.05 of 1", control=None, no_control="r")
    inside = verdict([1.0, 1.001, 0.999, 1.002], of=band)
    assert inside.name == "holds"
    assert inside.measured is not None
    assert inside.measured.equivalence_p is not None
    assert inside.measured.equivalence_p < 0.025
    wide = verdict([0.9, 1.1, 1.0, 1.05], of=band)
    assert wide.name == "undecided"  # no difference is found, and that is not equivalence
    assert verdict([1.2, 1.21, 1.19, 1.2], of=band).name == "does not hold"


def test_a_control_that_is_not_finite_forbids_holds_and_hides_no_refutation() -> None:
    nan = math.nan
    assert verdict([3.0, 3.1, 2.9], [nan, 1.0, 1.0]).name == "undecided"
    assert verdict([1.0, 1.1, 0.9], [nan, nan, nan]).name == "does not hold"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_decide_nothing(bad: float) -> None:
    found = verdict([3.0, 3.1, bad], [1.0, 1.0, 1.0])
    assert found.name == "undecided"
    assert "not finite" in (found.reason or "")


def test_no_number_is_not_tested_with_the_trials_own_reason() -> None:
    found = judge(claim(), [ClaimValue("c", None, None, "bring CelebA"), None], [1, 2], EVIDENCE)
    assert (found.name, found.reason, found.n) == ("not tested", "bring CelebA", 0)


def test_failed_trials_do_not_count() -> None:
    values = [ClaimValue("c", 3.0, 1.0), None, ClaimValue("c", 3.1, 1.0), ClaimValue("c", 2.9, 1.0)]
    found = judge(claim(), values, [10, 11, 12, 13], EVIDENCE)
    assert (found.n, found.seeds) == (3, (10, 12, 13))


def test_a_verdict_is_frozen_and_needs_its_evidence() -> None:
    found = verdict([3.0, 3.1, 2.9], [1.0, 1.0, 1.0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.name = "holds"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Verdict(claim=claim(), name="holds")  # type: ignore[call-arg]
