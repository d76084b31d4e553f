"""The piece of HTML that shows one paper in a list, made once for as long as nothing on it changes.

A list is forty of them, and most stay as they are from one list, filter or change of the database to the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from workingpapers.daily.accounts import Person
from workingpapers.daily.cards import PaperCard
from workingpapers.daily.search.results import SearchHit
from workingpapers.web.pages.judged import JudgedClaim

_MOST = 4096
_SEEN = tuple(one.name for one in fields(PaperCard) if one.name not in ("counts", "trending"))
"""Fields of a card that its piece follows, besides the counts; the score is not shown."""


@dataclass(frozen=True)
class _Shown:
    """What a piece shows. Two are the same where `content` is."""

    content: tuple[Any, ...]
    card: PaperCard = field(compare=False)
    person: Person = field(compare=False)
    judged: Mapping[str, Sequence[JudgedClaim]] = field(compare=False)


class CardPieces:
    """Called by templates as `paper_card(card, person, judged, hit)`.

    Args:
        templates: Where the macro is that makes a piece.
    """

    def __init__(self, templates: Environment) -> None:
        self._templates = templates
        self._kept = lru_cache(maxsize=_MOST)(self._make)

    def __call__(
        self,
        card: PaperCard,
        person: Person,
        judged: Mapping[str, Sequence[JudgedClaim]],
        hit: SearchHit | None = None,
    ) -> Markup:
        """The piece of one paper; one that was found shows why, and is made anew."""
        if hit is not None:
            return self._macro(card, person, judged, hit)
        claims = tuple(judged.get(card.run_id or "", ()))
        counts = None if card.counts is None else tuple(card.counts.items())
        content = (*(getattr(card, name) for name in _SEEN), counts, claims, person.signed_in, person.can_run)
        return self._kept(_Shown(content, card, person, judged))

    def _make(self, shown: _Shown) -> Markup:
        return self._macro(shown.card, shown.person, shown.judged)

    def _macro(self, *values: Any) -> Markup:
        module: Any = self._templates.get_template("parts/card.html").module
        return module.card(*values)
