"""The language of predicates."""

import math

import pytest

from workingpapers.bench.predicates import parse
from workingpapers.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("< 1.25", [1.24, -1e9], [1.25, 2.0]),
        ("<= 1.25", [1.25, 0.0], [1.2500001]),
        ("> 0", [1e-12], [0.0, -1.0]),
        (">= -2e-3", [-0.002, 5.0], [-0.0021]),
        ("in [0.99, 1.01]", [0.99, 1.0, 1.01], [0.9899, 1.0101]),
        ("within 0.05 of 1", [0.951, 1.049], [0.94, 1.06]),
        ("== true", [1.0], [0.0, 0.999]),
        ("== false", [0.0], [1.0]),
        ("== 4", [4.0], [4.0001]),
        ("  <1e-8 ", [9e-9], [1e-8]),
    ],
)
def test_accepts_what_it_says(text: str, inside: list[float], outside: list[float]) -> None:
    predicate = parse(text)
    assert all(predicate.accepts(value) for value in inside)
    assert not any(predicate.accepts(value) for value in [*outside, math.nan])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.25",
        "=< 1",
        "< one",
        "< 1 and > 0",
        "in [1, 2",
        "in (1, 2)",
        "within 1",
        "== maybe",
        "< inf",
        "< nan",
        "!= 3",
    ],
)
def test_anything_else_is_refused_with_the_language(text: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"cannot be read; allowed are `< x`"):
        parse(text)


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="lower end 2 is not below the upper end 1"):
        parse("in [2, 1]")
    with pytest.raises(InvalidParameterError, match="distance -1 is not positive"):
        parse("within -1 of 3")


def test_a_bound_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="too large for a float"):
        parse("< 1e400")


def test_intervals_inside_outside_and_across() -> None:
    predicate = parse("< 1")
    assert predicate.satisfied_by(0.0, 0.99)
    assert not predicate.violated_by(0.0, 0.99)
    assert predicate.violated_by(1.0, 2.0)  # the bound itself is not below it
    assert not predicate.satisfied_by(0.5, 1.5)
    assert not predicate.violated_by(0.5, 1.5)
    band = parse("within 0.1 of 0")
    assert band.violated_by(0.2, 0.3)
    assert not band.violated_by(-1.0, 1.0)  # wider than the band: it contains it
    assert not band.satisfied_by(-1.0, 1.0)
    assert not band.satisfied_by(math.nan, math.nan)
    assert not band.violated_by(math.nan, math.nan)


def test_infinite_intervals_decide_nothing() -> None:
    predicate = parse("> 0")
    assert not predicate.satisfied_by(-math.inf, math.inf)
    assert not predicate.violated_by(-math.inf, math.inf)


def test_tolerance_widens_equality_only_on_request() -> None:
    assert not parse("== 4").accepts(4.0 + 1e-9)
    assert parse("== 4", tolerance=1e-8).accepts(4.0 + 1e-9)
    assert parse("== 4").equality
    assert parse("== true").boolean
    assert parse("in [0, 1]").two_sided
    assert not parse("< 1").two_sided
