"""The file of one trial: append-only JSON lines, each synced to disk, sealed by a last line with a checksum."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workingpapers.bench.files import explained
from workingpapers.bench.protocols import ClaimValue, Record
from workingpapers.errors import DamagedRecordError

NAME = "trial.jsonl"
_SEAL_START = b'{"kind": "seal", '
_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


@dataclass(frozen=True)
class StoredTrial:
    """One finished trial, read back and checked."""

    slug: str
    key: str
    scale: str
    seed: int
    repetition: int
    settings: Mapping[str, Any]
    code: str
    device: str
    threads: int
    records: tuple[Record, ...]
    claim_values: Mapping[str, ClaimValue]
    data: tuple[Mapping[str, str], ...]


class TrialFile:
    """Writes a trial's lines; `seal` ends it. Every line is on disk before `write` returns."""

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self._path = folder / NAME
        with explained("write to", self._path):
            self._file = self._path.open("xb", buffering=0)
        self._digest = hashlib.sha256()
        self._lines = 0
        try:
            self.write({"kind": "start", **head})
        except BaseException:
            self._file.close()
            raise

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line."""
        data = (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode()
        self._digest.update(data)
        self._lines += 1
        self._put(data)

    def seal(self) -> None:
        """Append the checksum of all lines before; the file is then complete."""
        self._put(_seal(self._lines, self._digest.hexdigest()))

    def _put(self, data: bytes) -> None:
        with explained("write to", self._path):
            self._file.write(data)
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_trial(path: Path) -> StoredTrial:
    """Read a sealed trial file.

    Raises:
        DamagedRecordError: truncated, changed since it was sealed, or not a trial file.
    """
    data = path.read_bytes()
    head, _, last = data.removesuffix(b"\n").rpartition(b"\n")
    body = head + b"\n"
    if data != body + last + b"\n" or not last.startswith(_SEAL_START):
        raise DamagedRecordError(f"{path}: truncated: its last line is not a seal")
    if last + b"\n" != _seal(body.count(b"\n"), hashlib.sha256(body).hexdigest()):
        raise DamagedRecordError(f"{path}: its lines do not match its checksum; it was changed or corrupted")
    try:
        return _assemble(path, [json.loads(line) for line in body.splitlines()])
    except (ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise DamagedRecordError(f"{path}: not a trial file: {error}") from error


def _seal(lines: int, sha256: str) -> bytes:
    return _SEAL_START + json.dumps({"lines": lines, "sha256": sha256})[1:].encode() + b"\n"


def _assemble(path: Path, lines: list[dict[str, Any]]) -> StoredTrial:
    head = lines[0]
    records, claim_values, data = [], {}, []
    for line in lines[1:]:
        if line["kind"] == "record":
            records.append(
                Record(
                    line["name"], _number(line["value"]), line["axes"], line.get("unit", ""), line.get("timing", False)
                )
            )
        elif line["kind"] == "claim":
            value = ClaimValue(line["id"], _number(line["value"]), _number(line.get("control")), line.get("reason"))
            claim_values[value.id] = value
        elif line["kind"] == "data":
            data.append({key: line[key] for key in ("name", "source", "sha256")})
    return StoredTrial(
        slug=head["slug"],
        key=path.parent.name,
        scale=head["scale"],
        seed=head["seed"],
        repetition=head["repetition"],
        settings=head["settings"],
        code=head["code"],
        device=head["device"],
        threads=head.get("threads", 1),
        records=tuple(records),
        claim_values=claim_values,
        data=tuple(data),
    )


def _number(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if isinstance(value, list):
        return [_number(item) for item in value]
    return value
