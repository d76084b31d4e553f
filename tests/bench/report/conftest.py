"""A made-up paper whose verdicts cover what a report can meet."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workingpapers.bench.predicates import parse
from workingpapers.bench.protocols import Claim, Interval, Paper, Side, Verdict
from workingpapers.bench.report import ReportContent

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)

PAGE = """# A page

## How it works

Two *sums* and `a < b`.

<script>alert("page")</script>

![far picture](https://elsewhere.example/picture.png)

## What we measured

<!-- measured -->

The control is the same network without the trick.

## Cost

| size | cost |
|---|---|
| 1 | 2 |

[bad](javascript:alert(1)) and [good](https://good.example/)

## Something else

Not in the fixed list, so it belongs to Cost.
"""


def make_claim(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": "linear-cost",
        "says": "Cost grows linearly with the order.",
        "kind": "bound",
        "metric": "slope of log seconds over log order",
        "predicate": "< 1.25",
        "source": "Figure 8",
        "published": "1.0",
        "published_value": 1.0,
        "control": None if "no_control" in changes else "Classic AR",
    }
    return Claim(**(fields | changes))


def make_side(claim: Claim, value: float, low: float, high: float, method: Any = "student") -> Side:
    predicate = parse(claim.predicate, claim.tolerance)
    return Side(
        value=value,
        interval=Interval(low, high, 1.0 if method == "exact" else 0.95, method),
        per_seed=(low, value, high),
        passes=predicate.satisfied_by(low, high),
        fails=predicate.violated_by(low, high),
    )


def make_verdict(
    name: Any = "holds",
    measured: tuple[float, ...] | None = (1.05, 1.01, 1.09),
    control: tuple[float, ...] | None = (1.9, 1.8, 2.0),
    reason: str | None = None,
    method: Any = "student",
    **claim_fields: Any,
) -> Verdict:
    claim = make_claim(**claim_fields)
    return Verdict(
        claim=claim,
        name=name,
        measured=None if measured is None else make_side(claim, *measured, method=method),
        control=None if control is None else make_side(claim, *control, method=method),
        n=0 if measured is None else 3,
        seeds=() if measured is None else (11, 12, 13),
        scale="laptop",
        run="20260101-ab12",
        code="c0de",
        environment={"python": "3.11.9"},
        reason=reason,
    )


def make_paper(**changes: Any) -> Paper:
    fields: dict[str, Any] = {
        "slug": "sample",
        "title": "A Sample <script>alert('title')</script>",
        "arxiv": "1911.12436",
        "published": "2019-11-27",
        "authors": ("Ada Lovelace", "Emmy Noether & co"),
        "topics": ("time series",),
        "summary": "It says that *sums* are cheap & good.",
        "code": "github.com/owner/name",
        "licence": "MIT",
        "usage": "from sample import Method\nassert 1 < 2\n",
        "seeds": {"smoke": 1, "laptop": 3, "paper": 5},
        "claims": (),
        "module": "sample",
        "folder": Path("sample"),
    }
    return Paper(**(fields | changes))


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """Builds a verdict from (value, low, high) of both arms and fields of its claim."""
    return make_verdict


@pytest.fixture
def content() -> ReportContent:
    """A run with every verdict, with numbers that are not finite, markup in its texts, and a failed trial."""
    verdicts = (
        make_verdict(),
        make_verdict(
            "does not hold",
            (1e-9, 5e-10, 2e-9),
            (0.4, 0.3, 0.5),
            id="only-option",
            says="It is the <b>only</b> option | of all.",
            predicate="> 1e-3",
            published="<img src=x onerror=alert(1)>",
            published_value=None,
        ),
        make_verdict(
            "undecided",
            (math.nan, -math.inf, math.inf),
            None,
            reason="needs 2 more seeds: 1 of at least 3",
            id="one-seed",
            no_control="there is none",
        ),
        make_verdict("not tested", None, None, reason="judged from the paper scale on", id="later"),
        make_verdict("holds", (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), method="exact", id="exact", predicate="== true"),
    )
    return ReportContent(
        paper=make_paper(claims=tuple(verdict.claim for verdict in verdicts)),
        scale="laptop",
        run="20260101-ab12",
        verdicts=verdicts,
        pictures=(("cost curve", "Cost over order; <i>lower</i> is better.", PNG),),
        environment={
            "python": "3.11.9",
            "cpu": "A processor",
            "cores": 2,
            "gpu": None,
            "seconds": math.inf,
            "packages": {"torch": "2.13.0"},
            "surprise": "kept",
        },
        settings={"orders": (1, 3), "rate": 0.005, "path": Path("x")},
        seeds=(11, 12, 13),
        data=({"name": "sunspots", "source": "statsmodels", "sha256": "ab" * 32},),
        page=PAGE,
        marks=("measured with older code",),
        errors=({"seed": 14, "error": "ValueError: <script>bad</script>"},),
        created="2026-01-01",
    )
