"""Data as JSON: whatever pages show becomes plain values, quickly and without surprises."""

import json
import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from workingpapers.web.respond import json_response, to_json


@dataclass(frozen=True)
class Inner:
    day: date
    number: float


@dataclass(frozen=True)
class Outer:
    inner: Inner
    several: tuple[Inner, ...] = ()
    named: Any = field(default_factory=dict)


DAY = date(2026, 11, 23)
MOMENT = datetime(2026, 11, 23, 15, 44, 8, tzinfo=UTC)
CASES = [
    (None, None),
    ({"a": [1, 2.5, True, "é<"]}, {"a": [1, 2.5, True, "é<"]}),
    (Inner(DAY, 1.0), {"day": "2026-11-23", "number": 1.0}),
    (Outer(Inner(DAY, 2.0), (Inner(DAY, 3.0),)), {
        "inner": {"day": "2026-11-23", "number": 2.0},
        "several": [{"day": "2026-11-23", "number": 3.0}],
        "named": {},
    }),
    (Inner(DAY, math.nan), {"day": "2026-11-23", "number": None}),
    ({"x": [math.inf, -math.inf, 1.0]}, {"x": [None, None, 1.0]}),
    ({DAY: 1, 2: MOMENT}, {"2026-11-23": 1, "2": "2026-11-23T15:44:08+00:00"}),
    ({"path": Path("a/b")}, {"path": "a/b"}),
    (MappingProxyType({"deep": MappingProxyType({"er": deque([1])})}), {"deep": {"er": [1]}}),
    ({"set": {1}}, {"set": [1]}),
]  # fmt: skip


@pytest.mark.parametrize(("value", "plain"), CASES)
def test_values_become_plain(value: Any, plain: Any) -> None:
    assert to_json(value) == plain
    assert json.loads(json_response(value).body) == plain


def test_the_answer_is_strict_compact_utf_8() -> None:
    answer = json_response({"a": "é", "b": math.nan}, status=202)
    assert answer.body == '{"a":"é","b":null}'.encode()
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
