"""The geometry of the forest plot, read back from its SVG."""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

from workingpapers.bench.predicates import parse
from workingpapers.bench.protocols import Verdict
from workingpapers.bench.report.forest import describe, forest_svg
from workingpapers.bench.report.forest_axis import axis_for

SVG = "{http://www.w3.org/2000/svg}"
Make = Callable[..., Verdict]


class Drawing:
    """Places of a row's parts, in per cent of its width."""

    def __init__(self, verdict: Verdict) -> None:
        self.root = ElementTree.fromstring(forest_svg(verdict))

    def find(self, tag: str, *classes: str) -> list[ElementTree.Element]:
        return [e for e in self.root.iter(SVG + tag) if set(classes) <= set(e.get("class", "").split())]

    def point(self, arm: str) -> float:
        (circle,) = self.find("circle", f"wp-{arm}")
        return number(circle, "cx")

    def interval(self, arm: str) -> tuple[float, float]:
        (line,) = self.find("line", f"wp-{arm}", "wp-interval")
        return number(line, "x1"), number(line, "x2")

    def region(self) -> tuple[float, float]:
        (area,) = self.find("rect", "wp-region")
        return number(area, "x"), number(area, "x") + number(area, "width")


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "").removesuffix("%"))


CASES = [
    ("< 1.25", (1.05, 1.01, 1.09), (1.9, 1.8, 2.0)),
    ("> 0", (12.1, -3.2, 27.4), (-0.4, -5.1, 4.3)),
    ("in [0.99, 1.01]", (1.0, 0.9999999, 1.0000001), (1.2, 1.1, 1.3)),
    ("within 0.05 of 1", (1.02, 1.0, 1.04), (0.2, 0.1, 0.3)),
    ("< 1e-8", (3e-12, 1e-12, 5e-12), (0.4, 0.3, 0.5)),
    (">= 10", (5e-3, 4e-3, 6e-3), (22.0, 20.0, 24.0)),
    ("== true", (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
    ("== 5", (5.0, 5.0, 5.0), (6.0, 6.0, 6.0)),
]


@pytest.mark.parametrize(("predicate", "measured", "control"), CASES)
def test_left_means_smaller(verdict: Make, predicate: str, measured: tuple, control: tuple) -> None:
    made = verdict(measured=measured, control=control, predicate=predicate, published_value=None)
    drawing = Drawing(made)
    assert (drawing.point("measured") < drawing.point("control")) == (measured[0] < control[0])
    low, high = drawing.interval("measured")
    assert low <= drawing.point("measured") <= high
    assert 0 <= low <= high <= 100


@pytest.mark.parametrize(("predicate", "measured", "control"), CASES)
def test_points_lie_in_the_region_iff_they_satisfy_it(
    verdict: Make, predicate: str, measured: tuple, control: tuple
) -> None:
    drawing = Drawing(verdict(measured=measured, control=control, predicate=predicate, published_value=None))
    left, right = drawing.region()
    for arm, value in (("measured", measured[0]), ("control", control[0])):
        inside = left - 0.01 <= drawing.point(arm) <= right + 0.01
        assert inside == parse(predicate).accepts(value)


@pytest.mark.parametrize(
    ("predicate", "edges"), [("< 1", (0, None)), ("> 1", (None, 100)), ("in [0, 2]", (None, None))]
)
def test_unbounded_regions_reach_the_edge(verdict: Make, predicate: str, edges: tuple) -> None:
    drawing = Drawing(verdict(measured=(1.5, 1.4, 1.6), predicate=predicate))
    for place, edge in zip(drawing.region(), edges, strict=True):
        assert place == edge if edge is not None else 0 < place < 100
    assert len(drawing.find("line", "wp-bound")) == sum(edge is None for edge in edges)


def test_wide_positive_spans_are_logarithmic(verdict: Make) -> None:
    made = verdict(measured=(1e-9, 5e-10, 2e-9), control=(0.1, 0.1, 0.1), predicate="< 1e-5", published_value=None)
    axis = axis_for(made, parse(made.claim.predicate))
    assert axis is not None
    assert axis.log
    middle = (axis.place(1e-9) + axis.place(0.1)) / 2
    assert axis.place(1e-5) == pytest.approx(middle)
    assert all(math.log10(value) == pytest.approx(round(math.log10(value))) for value, _ in axis.ticks)


def test_exact_zero_has_a_place_left_of_the_decades(verdict: Make) -> None:
    made = verdict(measured=(0.0, 0.0, 0.0), control=(0.4, 0.3, 0.5), predicate="< 1e-8", published_value=None)
    axis = axis_for(made, parse(made.claim.predicate))
    assert axis is not None
    assert axis.log
    assert axis.ticks[0] == (0.0, "0")
    assert 0 <= axis.place(0.0) < axis.place(1e-8) < axis.place(0.4) <= 1


def test_narrow_spans_and_zero_bounds_are_linear(verdict: Make) -> None:
    for predicate in ("< 1.25", "> 0"):
        made = verdict(measured=(0.01, 0.01, 0.01), control=(5.0, 4.0, 6.0), predicate=predicate)
        axis = axis_for(made, parse(predicate))
        assert axis is not None
        assert axis.log == (predicate == "< 1.25")


@pytest.mark.parametrize("ends", [(-1e9, 1e9), (-math.inf, math.inf)])
def test_huge_intervals_are_cut_off_with_arrows(verdict: Make, ends: tuple[float, float]) -> None:
    made = verdict(measured=(1.02, *ends), control=None, predicate="within 0.05 of 1", published_value=None)
    drawing = Drawing(made)
    assert drawing.interval("measured") == (0, 100)
    assert len(drawing.find("path", "wp-measured", "wp-arrow")) == 2
    left, right = drawing.region()
    assert right - left > 5


def test_published_value_is_marked(verdict: Make) -> None:
    drawing = Drawing(verdict(measured=(1.1, 1.0, 1.2), published_value=0.5))
    (line,) = drawing.find("line", "wp-published")
    assert number(line, "x1") < drawing.point("measured")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_draw_no_point(verdict: Make, value: float) -> None:
    drawing = Drawing(verdict(measured=(value, math.nan, math.nan), control=None))
    assert drawing.find("circle") == []
    assert "nan" not in forest_svg(verdict(measured=(value, math.nan, math.nan), control=None)).lower()


def test_without_numbers_the_predicate_is_drawn(verdict: Make) -> None:
    drawing = Drawing(verdict("not tested", None, None, published_value=None))
    assert drawing.find("circle") == []
    assert 0 < drawing.region()[1] < 100


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
@pytest.mark.parametrize("spread", [0.0, 1e-13, 1e-3, 10.0])
def test_any_size_can_be_drawn(verdict: Make, scale: float, spread: float) -> None:
    for sign in (1, -1):
        value = sign * scale
        reach = abs(value) * spread
        made = verdict(measured=(value, value - reach, value + reach), control=(0.0, 0.0, 0.0), published_value=-scale)
        text = forest_svg(made).lower()
        ElementTree.fromstring(text)
        assert "nan" not in text
        assert '"inf' not in text


def test_ticks_are_few_apart_and_in_order(verdict: Make) -> None:
    for measured in ((1e9, 1e9 - 1, 1e9 + 1), (0.5, 0.4, 0.6), (-7e-5, -8e-5, -6e-5)):
        made = verdict(measured=measured, control=None, predicate=f"in [{measured[1]!r}, {measured[2]!r}]")
        made = verdict(measured=measured, control=None, predicate=made.claim.predicate, published_value=None)
        axis = axis_for(made, parse(made.claim.predicate))
        assert axis is not None
        labels = [label for _, label in axis.ticks]
        assert 2 <= len(labels) <= 7
        assert len(set(labels)) == len(labels)
        places = [axis.place(value) for value, _ in axis.ticks]
        assert places == sorted(places)
        assert all(0 <= place <= 1 for place in places)


def test_is_accessible_and_escaped(verdict: Make) -> None:
    made = verdict(id="a <b>", published="<script>", predicate="< 1.25")
    text = forest_svg(made)
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    named = {child.get("id") for child in root.iter() if child.tag in (SVG + "title", SVG + "desc")}
    assert set(root.get("aria-labelledby", "").split()) == named
    assert "<script>" not in text


def test_says_in_words_what_it_shows(verdict: Make) -> None:
    said = describe(verdict())
    assert "Value 1.05, 95 % interval [1.01, 1.09], inside" in said
    assert "Control 1.9, 95 % interval [1.8, 2], outside" in said
    assert "Published: 1.0." in said
