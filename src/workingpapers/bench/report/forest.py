"""The forest plot: for each claim one row of SVG, showing value, interval and control against the predicate.

The SVG has no width of its own: horizontal places are percentages and text keeps its size, so one row serves a phone
and a poster. Its look comes from `forest.css`; without it everything is drawn in `currentColor`.
"""

import math
import re
from html import escape

from workingpapers.bench.predicates import Predicate, parse
from workingpapers.bench.protocols import Side, Verdict
from workingpapers.bench.report.forest_axis import Axis, axis_for
from workingpapers.bench.report.numbers import (
    format_published,
    format_side_interval,
    format_value,
    is_boolean,
    typeset,
)
from workingpapers.bench.report.words import control_outcome, interval_name

HEIGHT = 74
_TOP, _PUBLISHED, _MEASURED, _RUG, _CONTROL, _BASE, _LABELS = 2, 8, 22, 29, 41, 52, 67
_LEFT, _WIDTH = 3.0, 94.0  # per cent: the rest is margin for tick labels at the ends


def forest_svg(verdict: Verdict, *, prefix: str = "forest") -> str:
    """One row of the forest plot as an `<svg>` element.

    Shaded is the region that satisfies the predicate; the dot with its bar is the value with its interval, the small
    strokes below it are the seeds; grey is the control; the diamond with a dotted line is the published value.

    Args:
        verdict: What to draw. Without numbers, the predicate alone is drawn.
        prefix: Start of the element ids; give each paper its own where several share a page.
    """
    claim = verdict.claim
    predicate = parse(claim.predicate, claim.tolerance)
    name = f"{prefix}-{re.sub(r'[^A-Za-z0-9_-]', '-', claim.id)}"
    axis = axis_for(verdict, predicate)
    drawn = [] if axis is None else _draw(verdict, predicate, axis)
    return "\n".join(
        [
            f'<svg class="wp-forest" xmlns="http://www.w3.org/2000/svg" width="100%" height="{HEIGHT}" role="img"'
            f' aria-labelledby="{name}-title {name}-desc" fill="none" stroke="currentColor" font-size="11">',
            f'<title id="{name}-title">{escape(claim.id)}: {escape(verdict.name)}</title>',
            f'<desc id="{name}-desc">{escape(describe(verdict))}</desc>',
            *drawn,
            "</svg>",
        ]
    )


def describe(verdict: Verdict) -> str:
    """The row in words, for readers who do not see it."""
    claim = verdict.claim
    sentences = [f"The claim needs {claim.predicate}."]
    for side, title in ((verdict.measured, "Value"), (verdict.control, "Control")):
        if side is None:
            sentences.append(f"{title}: not measured.")
        else:
            where = {(True, False): "inside", (False, True): "outside"}.get((side.passes, side.fails), "partly inside")
            sentences.append(
                f"{title} {format_value(side, claim)}, {interval_name(side)} {format_side_interval(side, claim)}, "
                f"{where} the region that satisfies it."
            )
    if verdict.control is not None:
        sentences.append(f"The control {control_outcome(verdict.control, claim)}.")
    if claim.published or claim.published_value is not None:
        sentences.append(f"Published: {format_published(claim)}.")
    return " ".join(sentences)


def _draw(verdict: Verdict, predicate: Predicate, axis: Axis) -> list[str]:
    parts = _region(predicate, axis)
    parts += [f'<line class="wp-axis" x1="0" x2="100%" y1="{_BASE}" y2="{_BASE}" stroke-opacity=".5"/>']
    for value, label in axis.ticks:
        x = _x(axis.place(value))
        parts.append(f'<line class="wp-axis" x1="{x}" x2="{x}" y1="{_BASE}" y2="{_BASE + 4}" stroke-opacity=".5"/>')
        parts.append(
            f'<text class="wp-tick" x="{x}" y="{_LABELS}" text-anchor="middle" stroke="none" fill="currentColor">'
            f"{escape(typeset(label))}</text>"
        )
    published = verdict.claim.published_value
    if published is not None and math.isfinite(published):
        parts += _published(published, axis)
    if verdict.control is not None:
        parts += _side(verdict.control, axis, "control", _CONTROL, 3.5)
    if verdict.measured is not None:
        if not is_boolean(verdict.claim):
            parts += [_rug(value, axis) for value in verdict.measured.per_seed if 0 <= axis.place(value) <= 1]
        parts += _side(verdict.measured, axis, "measured", _MEASURED, 5)
    return parts


def _region(predicate: Predicate, axis: Axis) -> list[str]:
    if predicate.boolean:  # half of the axis each: a hairline on a truth value could not be seen
        ends = (0.5, math.inf) if predicate.low == 1 else (-math.inf, 0.5)
    else:
        ends = axis.place(predicate.low), axis.place(predicate.high)
    left, right = (0.0 if ends[0] < 0 else _percent(ends[0])), (100.0 if ends[1] > 1 else _percent(ends[1]))
    parts = [
        f'<rect class="wp-region" x="{left:.2f}%" width="{max(0.0, right - left):.2f}%" y="{_TOP}"'
        f' height="{_BASE - _TOP}" stroke="none" fill="currentColor" fill-opacity=".1"/>'
    ]
    for end in ends:
        if 0 <= end <= 1:
            parts.append(f'<line class="wp-bound" x1="{_x(end)}" x2="{_x(end)}" y1="{_TOP}" y2="{_BASE}"/>')
    return parts


def _side(side: Side, axis: Axis, kind: str, y: float, radius: float) -> list[str]:
    low, high = axis.place(side.interval.low), axis.place(side.interval.high)
    parts = []
    if math.isfinite(side.value) and low <= high and high >= 0 and low <= 1:
        left, right = _x(low), _x(high)
        parts.append(f'<line class="wp-{kind} wp-interval" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        for end, x in ((low, left), (high, right)):
            if 0 <= end <= 1:
                parts.append(f'<line class="wp-{kind}" x1="{x}" x2="{x}" y1="{y - 4}" y2="{y + 4}"/>')
            else:
                parts.append(_arrow(end > 1, f"wp-{kind}", y))
    at = axis.place(side.value)
    if 0 <= at <= 1:
        fill = ' fill="currentColor"' if kind == "measured" else ""
        parts.append(f'<circle class="wp-{kind} wp-point" cx="{_x(at)}" cy="{y}" r="{radius}"{fill}/>')
    elif not math.isnan(at) and not parts:
        parts.append(_arrow(at > 1, f"wp-{kind}", y))
    return parts


def _published(value: float, axis: Axis) -> list[str]:
    at = axis.place(value)
    if not 0 <= at <= 1:
        return [_arrow(at > 1, "wp-published", _PUBLISHED)]
    x = _x(at)
    return [
        f'<line class="wp-published" x1="{x}" x2="{x}" y1="{_PUBLISHED}" y2="{_BASE}" stroke-dasharray="1 3"/>',
        f'<svg x="{x}" y="{_PUBLISHED}" overflow="visible"><path class="wp-published wp-diamond"'
        ' d="M0-5 5 0 0 5-5 0z" fill="currentColor"/></svg>',
    ]


def _arrow(right: bool, kind: str, y: float) -> str:
    """An arrow at an end of the axis: it goes on beyond."""
    x, path = ("100%", "M-7-4 0 0-7 4z") if right else ("0%", "M7-4 0 0 7 4z")
    return (
        f'<svg x="{x}" y="{y}" overflow="visible"><path class="{kind} wp-arrow" d="{path}" fill="currentColor"/></svg>'
    )


def _rug(value: float, axis: Axis) -> str:
    x = _x(axis.place(value))
    return f'<line class="wp-measured wp-seed" x1="{x}" x2="{x}" y1="{_RUG}" y2="{_RUG + 5}" stroke-opacity=".55"/>'


def _percent(fraction: float) -> float:
    return _LEFT + _WIDTH * fraction


def _x(fraction: float) -> str:
    """A place on the row; what is off the axis ends at its edge."""
    return f"{0.0 if fraction < 0 else 100.0 if fraction > 1 else _percent(fraction):.2f}%"
