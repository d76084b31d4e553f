"""Numbers as text: enough digits, no false ones, and never two equal ends of an unequal interval."""

import math

import pytest

from workingpapers.bench.report.numbers import format_interval, format_number, format_value, typeset


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (1.00004, "1.000"),
        (0.98714, "0.9871"),
        (-3.14159, "-3.142"),
        (0.99999, "1.000"),
        (9999.96, "10000"),
        (12345.6, "12346"),
        (999999.9, "1.000e6"),
        (3.2e-9, "3.2e-9"),
        (1.23456e12, "1.235e12"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(("value", "text"), [(1.0, "true"), (0.0, "false"), (0.8, "80 % true"), (math.nan, "–")])
def test_truth_value(value: float, text: str) -> None:
    assert format_number(value, boolean=True) == text


def test_thin_interval_keeps_its_ends_apart() -> None:
    assert format_interval(0.9999998, 1.0000003) == "[0.9999998, 1.0000003]"
    assert format_interval(1e6 - 1, 1e6 + 1) == "[999999, 1.000001e6]"
    assert format_interval(1 - 1e-12, 1.0) == "[1.000, 1]"


def test_equal_ends_and_unbounded_ends() -> None:
    assert format_interval(0.25, 0.25) == "[0.25, 0.25]"
    assert format_interval(-math.inf, math.inf) == "[-∞, ∞]"
    assert format_interval(math.nan, math.nan) == "[–, –]"


def test_interval_of_truth_values() -> None:
    assert format_interval(1.0, 1.0, boolean=True) == "[true, true]"
    assert format_interval(0.566, 1.0, boolean=True) == "[56.6 %, 100 %]"


def test_value_is_as_exact_as_its_interval(verdict) -> None:  # type: ignore[no-untyped-def]  # a factory fixture
    made = verdict(measured=(0.99999998, 0.9999996, 1.0000003))
    assert format_value(made.measured, made.claim) == "0.99999998"


@pytest.mark.parametrize(
    ("text", "set_in_type"),
    [
        ("[-3.2, 1e-9]", "[−3.2, 10⁻⁹]"),
        ("[-1e-9, 2.5e12]", "[−10⁻⁹, 2.5×10¹²]"),
        ("true", "true"),
        ("false", "false"),
        ("80 % true", "80 % true"),
        ("–", "–"),
    ],
)
def test_typeset(text: str, set_in_type: str) -> None:
    assert typeset(text) == set_in_type
