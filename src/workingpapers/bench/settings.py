"""The settings of an experiment: a frozen dataclass per scale, changed by `key=value` and turned into plain data."""

import dataclasses
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from workingpapers.bench.protocols import SCALES, Experiment, Scale
from workingpapers.errors import InvalidParameterError, UnknownNameError


def check_scale(scale: str) -> Scale:
    """The scale of that name; raises `InvalidParameterError` with the allowed ones."""
    for known in SCALES:
        if scale == known:
            return known
    raise InvalidParameterError(f"scale {scale!r} is unknown; allowed are {', '.join(SCALES)}")


def settings_for(experiment: Experiment, scale: Scale, changes: Sequence[str] = ()) -> Any:
    """The settings of a scale with `key=value` changes applied.

    Raises:
        UnknownNameError: no field of that name; the nearest are given.
        InvalidParameterError: not of the form `key=value`, or the value is not of the field's type.
    """
    settings = experiment.SCALES[scale]
    hints = get_type_hints(type(settings))
    new: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise InvalidParameterError(f"--set {change!r} is not of the form key=value; write for example epochs=5")
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=3, cutoff=0.0)
            raise UnknownNameError(f"--set {change}: no setting is called {key!r}; the nearest are {', '.join(near)}")
        new[key] = _read(key, text, hints[key], getattr(settings, key))
    changed = dataclasses.replace(settings, **new)
    for key, value in new.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidParameterError(
                f"--set {key}={value}: settings are finite numbers; give a value like {getattr(settings, key)!r}"
            )
    return changed


def to_plain(settings: Any) -> dict[str, Any]:
    """Settings as plain JSON data (tuples become lists)."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def from_plain(experiment: Experiment, scale: Scale, plain: Mapping[str, Any]) -> Any:
    """The inverse of `to_plain`; unknown keys raise `UnknownNameError`."""
    from pydantic import TypeAdapter

    cls = type(experiment.SCALES[scale])
    hints = get_type_hints(cls)
    unknown = set(plain) - set(hints)
    if unknown:
        raise UnknownNameError(f"no setting is called {sorted(unknown)[0]!r}; known are {', '.join(hints)}")
    return cls(**{key: TypeAdapter(hints[key]).validate_python(value) for key, value in plain.items()})


def _read(key: str, text: str, annotation: Any, example: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(annotation)
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    attempts: list[Any] = [text]
    if "," in text or "tuple" in shown or "list" in shown:
        attempts.append([part.strip() for part in text.strip("()[] ").split(",") if part.strip()])
    if text.lower() in ("none", "null"):
        attempts.insert(0, None)
    for attempt in attempts:
        try:
            return adapter.validate_python(attempt)
        except ValidationError:
            continue
    raise InvalidParameterError(
        f"--set {key}={text}: setting {key!r} is of type {shown}, and {text!r} is not; give a value like {example!r}"
    )
