"""The trial an experiment is given: it hands out randomness and takes down what was measured, line by line."""

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import torch

from workingpapers.bench import seeds
from workingpapers.bench.protocols import AxisValue, Claim, ClaimValue, Record, Scale, Sourced
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError

Line = dict[str, Any]


class RecordingTrial:
    """Implements the `Trial` protocol; every line goes to `write` as soon as it is known.

    Args:
        claims: The paper's claims; only these may be reported.
        seed: Seed of the trial.
        repetition: Its place in the run.
        scale: Scale of the run.
        device: Device to compute on: `cpu`, `cuda`, `cuda:1`, `mps`.
        write: Takes each line.
        watch: Takes (done, total, what) for the person watching.
    """

    def __init__(
        self,
        claims: Sequence[Claim],
        *,
        seed: int,
        repetition: int = 0,
        scale: Scale = "smoke",
        device: str = "cpu",
        write: Callable[[Line], None] | None = None,
        watch: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self._claims: Mapping[str, Claim] = {claim.id: claim for claim in claims}
        self._write = write or (lambda line: None)
        self._watch = watch or (lambda done, total, what: None)
        self.seed = seed
        self.repetition = repetition
        self.scale = scale
        self.device = torch.device(device)
        self.records: list[Record] = []
        self.claim_values: dict[str, ClaimValue] = {}

    @cached_property
    def generator(self) -> torch.Generator:
        """The trial's torch generator, on the CPU."""
        return torch.Generator().manual_seed(self.seed_for("torch"))

    @cached_property
    def rng(self) -> np.random.Generator:
        """The trial's numpy generator."""
        return np.random.default_rng(self.seed_for("numpy"))

    def seed_for(self, *names: AxisValue) -> int:
        """A seed below 2**31 for a named stream of this trial."""
        return seeds.derive(self.seed, *names)

    def seeded(self, *names: AxisValue) -> AbstractContextManager[None]:
        """Inside, torch's global generators are seeded for the named stream; afterwards they are as before."""
        return seeds.seeded_torch(self.seed_for(*names))

    def record(self, name: str, value: Any, *, unit: str = "", timing: bool = False, **axes: AxisValue) -> None:
        """Keep one measured number, or list of numbers, with its axes.

        Raises:
            InvalidTypeError: the value or an axis is not a plain number, string, boolean or list of these.
        """
        plain_axes = {key: _plain(axis, f"axis {key!r} of record {name!r}", lists=False) for key, axis in axes.items()}
        kept = Record(name, _plain(value, f"record {name!r}"), plain_axes, unit, timing)
        self.records.append(kept)
        line: Line = {"kind": "record", "name": name, "value": kept.value, "axes": plain_axes}
        if unit:
            line["unit"] = unit
        if timing:
            line["timing"] = True
        self._write(line)

    def claim(self, claim_id: str, *, value: float | bool, control: float | bool | None = None) -> None:
        """Give this trial's number for a claim and for its control.

        Raises:
            UnknownNameError: paper.toml has no such claim.
            InvalidParameterError: the claim was reported before, or its control's number is missing or not foreseen.
        """
        claim = self._known(claim_id)
        if claim.control is not None and control is None:
            raise InvalidParameterError(
                f"claim {claim_id!r} has a control ({claim.control}) and got no number for it; pass control=..."
            )
        if claim.control is None and control is not None:
            raise InvalidParameterError(
                f"claim {claim_id!r} got control={control!r} and paper.toml gives it no control; name it there"
            )
        self._put(
            ClaimValue(claim_id, _number(value, claim_id), None if control is None else _number(control, claim_id))
        )

    def not_tested(self, claim_id: str, reason: str) -> None:
        """Say why this trial has no number for a claim."""
        self._known(claim_id)
        self._put(ClaimValue(claim_id, None, None, reason))

    def uses(self, data: Sourced) -> None:
        """Note a data set that was loaded, with its origin and hash."""
        self._write({"kind": "data", "name": data.name, "source": data.source, "sha256": data.sha256})

    def progress(self, done: int, total: int, what: str = "") -> None:
        """Tell the person watching how far this trial is."""
        self._watch(done, total, what)

    def steps(self, items: Iterable[Any], what: str = "", total: int | None = None) -> Iterator[Any]:
        """Iterate over `items` and report progress at each."""
        length = total if total is not None else len(items) if isinstance(items, Sized) else 0
        for done, item in enumerate(items):
            self._watch(done, length, what)
            yield item
        self._watch(length, length, what)

    def missing_claims(self) -> list[str]:
        """Ids of the claims that were neither reported nor said to be not tested."""
        return [claim_id for claim_id in self._claims if claim_id not in self.claim_values]

    def _known(self, claim_id: str) -> Claim:
        if claim_id not in self._claims:
            raise UnknownNameError(f"paper.toml has no claim {claim_id!r}; it has {', '.join(self._claims)}")
        if claim_id in self.claim_values:
            raise InvalidParameterError(f"claim {claim_id!r} was reported twice in one trial; report it once")
        return self._claims[claim_id]

    def _put(self, value: ClaimValue) -> None:
        self.claim_values[value.id] = value
        line: Line = {"kind": "claim", "id": value.id, "value": _finite_or_text(value.value)}
        if value.control is not None:
            line["control"] = _finite_or_text(value.control)
        if value.reason is not None:
            line["reason"] = value.reason
        self._write(line)


def _number(value: Any, claim_id: str) -> float:
    if isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, bool | np.bool_ | numbers.Real):
        raise InvalidTypeError(
            f"claim {claim_id!r} got {type(value).__name__} {value!r}; give one number or true/false"
        )
    return float(value)


def _plain(value: Any, what: str, *, lists: bool = True) -> Any:
    """The value as JSON can hold it; numbers that are not finite become texts (`nan`, `inf`, `-inf`)."""
    if isinstance(value, np.ndarray | torch.Tensor | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, numbers.Real):
        return _finite_or_text(float(value))
    if lists and isinstance(value, list | tuple):
        return [_plain(item, what) for item in value]
    allowed = "a number, a string, true/false" + (" or a list of these" if lists else "")
    raise InvalidTypeError(f"{what} is of type {type(value).__name__}; give {allowed}")


def _finite_or_text(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
