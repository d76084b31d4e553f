"""Reading paper.toml: every mistake is one clear error with the file, the line and the key."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from workingpapers.bench import predicates
from workingpapers.bench.protocols import SCALES, Claim, ClaimKind, IntervalKind, JudgedFrom, Paper, Scale
from workingpapers.errors import InvalidPaperError, WorkingPapersError

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_DEFAULT_SEEDS: dict[Scale, int] = {"smoke": 1, "laptop": 5, "paper": 10}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _ClaimTable(_Strict):
    id: _Slug
    says: _Text
    kind: ClaimKind
    metric: _Text
    predicate: _Text
    source: _Text
    published: _Text | None = None
    published_value: Annotated[float | int, Field(allow_inf_nan=False)] | None = None
    control: _Text | None = None
    no_control: _Text | None = None
    judged_from: JudgedFrom = "laptop"
    reason: _Text | None = None
    interval: IntervalKind | None = None
    seeds: Annotated[int, Field(ge=1)] | None = None
    tolerance: Annotated[float | int, Field(ge=0, allow_inf_nan=False)] = 0.0
    timing: bool = False


class _PaperTable(_Strict):
    slug: _Slug
    title: _Text
    arxiv: Annotated[str, StringConstraints(pattern=r"^\d{4}\.\d{4,5}(v\d+)?$")]
    published: date | _Text
    authors: Annotated[list[_Text], Field(min_length=1)]
    topics: Annotated[list[_Text], Field(min_length=1)]
    summary: _Text
    code: _Text | None = None
    licence: _Text | None = None
    usage: _Text
    seeds: dict[Scale, Annotated[int, Field(ge=1)]] = {}
    claims: Annotated[list[_ClaimTable], Field(min_length=1)]


def read_paper(path: Path, module: str, *, shipped: bool = True) -> Paper:
    """Read and check one paper.toml.

    Args:
        path: The file.
        module: Import path of the room it lies in.
        shipped: Whether the room is part of this package.

    Raises:
        InvalidPaperError: naming file, line and key of the first mistake.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise InvalidPaperError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPaperError(f"{path}: not valid TOML: {error}") from error
    try:
        parsed = _PaperTable.model_validate(table)
    except ValidationError as error:
        raise InvalidPaperError(_explain(path, text, table, error)) from error
    claims = tuple(_claim(path, text, number, entry) for number, entry in enumerate(parsed.claims))
    _check_unique(path, text, claims)
    return Paper(
        slug=parsed.slug,
        title=" ".join(parsed.title.split()),
        arxiv=parsed.arxiv,
        published=str(parsed.published),
        authors=tuple(parsed.authors),
        topics=tuple(parsed.topics),
        summary=" ".join(parsed.summary.split()),
        code=parsed.code,
        licence=parsed.licence,
        usage=parsed.usage.strip(),
        seeds={scale: parsed.seeds.get(scale, _DEFAULT_SEEDS[scale]) for scale in SCALES},
        claims=claims,
        module=module,
        folder=path.parent,
        shipped=shipped,
    )


def _claim(path: Path, text: str, number: int, table: _ClaimTable) -> Claim:
    def fail(key: str, problem: str) -> InvalidPaperError:
        return InvalidPaperError(f'{_place(path, text, number, key)}: claim "{table.id}", key `{key}`: {problem}')

    try:
        predicate = predicates.parse(table.predicate, float(table.tolerance))
    except WorkingPapersError as error:
        raise fail("predicate", str(error)) from error
    if table.control is None and table.no_control is None:
        raise fail(
            "control",
            "missing; name the arm on which the predicate must fail, "
            "or write the reason why there is none as `no_control`",
        )
    if table.control is not None and table.no_control is not None:
        raise fail("no_control", "given together with `control`; keep one of the two")
    if table.judged_from != "laptop" and table.reason is None:
        raise fail("reason", f'missing; judged_from = "{table.judged_from}" needs the reason why')
    if table.tolerance and not predicate.equality:
        raise fail("tolerance", f"only goes with `==` predicates, not with {table.predicate!r}")
    interval = table.interval or ("exact" if predicate.equality else "student")
    if predicate.equality and interval != "exact":
        raise fail(
            "interval", f'"{interval}" does not go with an `==` predicate; leave it out, or give a bound on the share'
        )
    return Claim(
        id=table.id,
        says=" ".join(table.says.split()),
        kind=table.kind,
        metric=table.metric,
        predicate=table.predicate,
        source=table.source,
        published=table.published,
        published_value=None if table.published_value is None else float(table.published_value),
        control=table.control,
        no_control=table.no_control,
        judged_from=table.judged_from,
        reason=table.reason,
        interval=interval,
        seeds=table.seeds if table.seeds is not None else 1 if interval == "exact" else 3,
        tolerance=float(table.tolerance),
        timing=table.timing,
    )


def _check_unique(path: Path, text: str, claims: tuple[Claim, ...]) -> None:
    first: dict[str, int] = {}
    for number, claim in enumerate(claims):
        if claim.id in first:
            raise InvalidPaperError(
                f'{_place(path, text, number, "id")}: claim id "{claim.id}" is used twice, first by claim number '
                f"{first[claim.id] + 1}; give each claim an id of its own"
            )
        first[claim.id] = number


def _explain(path: Path, text: str, table: dict[str, Any], error: ValidationError) -> str:
    """The first mistake that pydantic found, in a sentence."""
    problem = error.errors(include_url=False)[0]
    where = [part for part in problem["loc"] if not (isinstance(part, str) and part.startswith("function-"))]
    number = where[1] if len(where) > 1 and where[0] == "claims" and isinstance(where[1], int) else None
    key = str(where[2] if number is not None and len(where) > 2 else where[0])
    owner = ""
    if number is not None:
        entry = table["claims"][number]
        owner = f'claim "{entry.get("id", number + 1) if isinstance(entry, dict) else number + 1}", '
    fields = _ClaimTable.model_fields if number is not None else _PaperTable.model_fields
    match problem["type"]:
        case "missing":
            what = "missing"
        case "extra_forbidden":
            what = f"unknown; known keys are {', '.join(fields)}"
        case "literal_error":
            what = f"{problem['input']!r} is not allowed; allowed are {_choices(fields[key].annotation)}"
        case _:
            what = f"{problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"{_place(path, text, number, key)}: {owner}key `{key}`: {what}"


def _choices(annotation: Any) -> str:
    found: list[str] = []
    for part in (annotation, *get_args(annotation)):
        found += [choice for choice in get_args(part) if isinstance(choice, str)]
    return ", ".join(dict.fromkeys(found))


def _place(path: Path, text: str, number: int | None, key: str) -> str:
    """`file:line` of a key, or of the table it is missing from."""
    lines = text.splitlines()
    starts = [index for index, line in enumerate(lines) if re.match(r"\s*\[\[\s*claims\s*\]\]", line)]
    first, last = 0, len(lines)
    if number is not None and number < len(starts):
        first = starts[number]
        last = starts[number + 1] if number + 1 < len(starts) else len(lines)
    for index in range(first, last):
        if re.match(rf"\s*\[?{re.escape(key)}\b", lines[index]):
            return f"{path}:{index + 1}"
    return f"{path}:{first + 1}"
