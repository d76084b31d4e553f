"""What other sites show of a paper: a badge, and a card for links. Both name the scale of the verdicts."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workingpapers.daily import feed
from workingpapers.daily.feed import PaperCard
from workingpapers.daily.papers import find_paper
from workingpapers.web.share_content import ShareContent
from workingpapers.web.state import state_of

router = APIRouter(default_response_class=Response)

_ELSEWHERE = "public, max-age=300"
"""Sites that show a badge may keep it for so long."""


@router.get("/papers/{key}/badge.svg", summary="Badge of a paper")
def badge(request: Request, key: str) -> Response:
    """The verdicts in one line."""
    from workingpapers.web.share_badge import draw_badge  # Pillow is loaded when the first picture is asked for

    svg = draw_badge(_content(request, key))
    return Response(svg.encode(), media_type="image/svg+xml", headers={"cache-control": _ELSEWHERE})


@router.get("/papers/{key}/card.png", summary="Share card of a paper")
def card(request: Request, key: str) -> Response:
    """Title and verdicts in 1200 × 630 pixels, as sites show them with a link."""
    from workingpapers.web.share_card import draw_card

    return Response(draw_card(_content(request, key)), media_type="image/png", headers={"cache-control": _ELSEWHERE})


def _content(request: Request, key: str) -> ShareContent:
    with state_of(request).database.read() as session:
        row = find_paper(session, key)
        (found,) = feed.cards(session, [row.id], request.state.person.id)
    return content_of(found)


def content_of(card: PaperCard) -> ShareContent:
    """What of a paper is drawn."""
    return ShareContent(
        title=card.title,
        authors=tuple(card.authors[:3]),
        author_count=card.author_count,
        arxiv=card.arxiv,
        built=card.built,
        counts=tuple((card.counts or {}).items()),
        scale=card.scale,
    )
