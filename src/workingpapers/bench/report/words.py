"""Words that every report shares: a verdict's sign, the groups of an environment, values of settings as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workingpapers.bench.protocols import Claim, Side, Verdict, VerdictName
from workingpapers.bench.report.numbers import format_number

SYMBOLS: dict[VerdictName, str] = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not tested": "–"}

_GROUPS = (
    ("Machine", ("platform", "cpu", "cores", "memory_gb", "gpu")),
    ("Run", ("date", "seconds", "peak_memory_mb", "threads", "jobs", "code")),
    ("Software", ("python", "packages")),
)
_LABELS = {
    "cpu": "processor",
    "memory_gb": "memory (GB)",
    "gpu": "GPU",
    "peak_memory_mb": "peak memory (MB)",
    "code": "code hash",
    "jobs": "parallel trials",
    "threads": "threads per trial",
}


def environment_groups(environment: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """An environment as titled groups of (label, text); keys that nobody foresaw come last, none is dropped."""
    known = {key for _, keys in _GROUPS for key in keys}
    groups = [*_GROUPS, ("Other", tuple(key for key in environment if key not in known))]
    shown = []
    for title, keys in groups:
        rows = [row for key in keys if key in environment for row in _rows(key, environment[key])]
        if rows:
            shown.append((title, rows))
    return shown


def as_text(value: Any) -> str:
    """A setting or a fact of the environment as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_number(value, digits=6)
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {as_text(item)}" for key, item in value.items())
    return str(value)


def shared_reason(verdicts: Sequence[Verdict]) -> str | None:
    """The reason that all verdicts give, where there are several and they agree: it is said once, not at each."""
    reasons = {verdict.reason for verdict in verdicts}
    return reasons.pop() if len(verdicts) > 1 and len(reasons) == 1 else None


def control_outcome(control: Side | None, claim: Claim) -> str:
    """How the control arm fared, in words; a control that passes takes the claim's footing away."""
    if control is None:
        return "none given" if claim.no_control else "not measured"
    if control.passes:
        return "passes too"
    return "fails" if control.fails else "partly passes"


def interval_name(side: Side | None) -> str:
    """What the interval is: `95 % interval`, or the range over seeds for exact claims."""
    if side is None:
        return ""
    if side.interval.method == "exact":
        return "range over seeds"
    return f"{as_text(100 * side.interval.confidence)} % interval"


def _rows(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield str(inner) if key == "packages" else f"{_LABELS.get(key, key)}: {inner}", as_text(item)
    else:
        text = format_number(float(value)) if isinstance(value, float) else as_text(value)
        yield _LABELS.get(key, key.replace("_", " ")), text
