"""The search of one page: what the routes ask, from as many threads as there are."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from workingpapers.daily.database import Database
from workingpapers.daily.search import lexical
from workingpapers.daily.search.results import MODES, Mode, SearchHit, SearchPage
from workingpapers.daily.search.words import words_of
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from workingpapers.daily.feed import PaperCard

LONGEST_QUERY = 10_000
MOST_PER_PAGE = 100


class SearchEngine:
    """Finds papers of one database.

    Args:
        database: Where the papers are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def engine(self) -> str:
        """What finds by meaning: `MiniLM`, or `TF-IDF` where the extra `search` is missing."""
        return "TF-IDF"

    def search(
        self, query: str, *, person_id: int, page: int = 1, per_page: int = 20, mode: Mode = "hybrid"
    ) -> SearchPage:
        """One page of the papers that fit a query, best first; none where the query holds no word.

        Raises:
            InvalidParameterError: the query is too long, or there is no such page, page size or mode.
        """
        _check(query, page, per_page, mode)
        with self.database.read() as session:
            ranked = lexical.rank(session, query) if words_of(query) else []
            pages = max(1, -(-len(ranked) // per_page))
            here = ranked[(page - 1) * per_page : page * per_page]
            from workingpapers.daily.feed import cards

            found = {card.id: card for card in cards(session, [id_ for id_, _ in here], person_id)}
        return SearchPage(
            query=query,
            mode=mode,
            hits=tuple(
                SearchHit(found[id_], score, (), None, ((found[id_].summary, False),))
                for id_, score in here
                if id_ in found
            ),
            total=len(ranked),
            page=page,
            pages=pages,
            per_page=per_page,
            previous=page - 1 if page > 1 else None,
            next=page + 1 if page < pages else None,
            engine=self.engine,
            complete=True,
        )

    def similar(self, paper_id: int, *, person_id: int, count: int = 6) -> "list[tuple[PaperCard, float]]":
        """The papers most like one paper, each with how much (at most 1)."""
        return []

    def ensure(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Make every paper ready to be found by meaning; the number of those that were not."""
        return 0


def _check(query: str, page: int, per_page: int, mode: str) -> None:
    if len(query) > LONGEST_QUERY:
        raise InvalidParameterError(
            f"the query has {len(query)} characters; at most {LONGEST_QUERY} are allowed: give fewer words"
        )
    if mode not in MODES:
        raise InvalidParameterError(f"mode {mode!r} is unknown; allowed are {', '.join(MODES)}")
    if page < 1:
        raise InvalidParameterError(f"page {page} does not exist; give 1 or more")
    if not 1 <= per_page <= MOST_PER_PAGE:
        raise InvalidParameterError(f"per_page {per_page} is not allowed; give 1 to {MOST_PER_PAGE}")
