"""Badges and share cards: they say what was measured, at which scale, and never only by colour."""

from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from workingpapers.bench.report.words import SYMBOLS
from workingpapers.web.fonts import font
from workingpapers.web.share_badge import draw_badge
from workingpapers.web.share_card import HEIGHT, WIDTH, _fit, _wrap, draw_card
from workingpapers.web.share_content import COLOURS, ShareContent

SVG = "{http://www.w3.org/2000/svg}"
MEASURED = ShareContent(
    title="Order & <Sets>",
    authors=("Ada Example", "Bob Example"),
    author_count=5,
    arxiv="2611.00002",
    built=True,
    counts=(("holds", 3), ("does not hold", 1), ("undecided", 0), ("not tested", 2)),
    scale="laptop",
)


def _with(**changes: object) -> ShareContent:
    return ShareContent(**{**MEASURED.__dict__, **changes})


def test_a_badge_says_the_verdicts_and_their_scale() -> None:
    root = ElementTree.fromstring(draw_badge(MEASURED))
    assert root.findtext(f"{SVG}title") == "Order & <Sets>: 3 hold, 1 does not hold, 2 not tested at laptop scale"
    assert root.get("aria-label") == root.findtext(f"{SVG}title")
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert texts == ["working papers", "✓ 3", "✗ 1", "– 2", "laptop scale"]
    assert float(root.get("width") or 0) == pytest.approx(
        sum(float(r.get("width") or 0) for r in root.findall(f"{SVG}g/{SVG}rect"))
    )
    assert "style=" not in draw_badge(MEASURED)


def test_a_badge_of_a_paper_without_verdicts_claims_none() -> None:
    for content, said in (
        (_with(counts=(), scale=None), "not measured yet"),
        (_with(counts=(), scale=None, built=False), "not built yet"),
    ):
        root = ElementTree.fromstring(draw_badge(content))
        assert [node.text for node in root.iter(f"{SVG}text")] == ["working papers", said]


def _picture(content: ShareContent) -> np.ndarray:
    image = Image.open(BytesIO(draw_card(content)))
    assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
    return np.asarray(image.convert("RGB"))


def _pixels(picture: np.ndarray, colour: str) -> int:
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return int((picture == wanted).all(axis=-1).sum())


def test_a_card_shows_each_verdicts_share_of_the_claims() -> None:
    bar = _picture(MEASURED)[465:466]
    holds, fails, none = (_pixels(bar, COLOURS[name]) for name in ("holds", "does not hold", "not tested"))
    assert holds + fails + none == pytest.approx(WIDTH - 2 * 72, abs=15)
    assert holds / fails == pytest.approx(3, rel=0.05)
    assert none / fails == pytest.approx(2, rel=0.05)
    assert _pixels(_picture(MEASURED), COLOURS["undecided"]) == 0


def test_a_card_without_verdicts_has_none_of_their_colours() -> None:
    picture = _picture(_with(counts=(), scale=None, built=False))
    assert all(_pixels(picture, colour) == 0 for colour in COLOURS.values())


@pytest.mark.parametrize("title", ["", "x", "word " * 300, "unbroken" * 60, "標題 " * 40, "\u202e<b>", "∑∫ " * 50])
def test_a_card_holds_every_title(title: str) -> None:
    """Nothing is drawn over the strip or outside the margins."""
    picture = _picture(_with(title=title, authors=("Ann " * 80,), author_count=900))
    ground = picture[15, 15]
    assert (picture[440:458] == ground).all()
    assert (picture[20:, :60] == ground).all()
    assert (picture[20:, -60:] == ground).all()


def test_lines_are_wrapped_and_cut_to_fit() -> None:
    face = font("sans", 20)
    lines = _wrap("a few words and onewordthatislongerthananyline", face, 120)
    assert "".join(lines).replace(" ", "") == "afewwordsandonewordthatislongerthananyline"
    assert all(face.getlength(line) <= 120 for line in lines)
    assert face.getlength(_fit("x" * 100, face, 120)) <= 120
    assert _fit("x" * 100, face, 120).endswith("…")


def test_the_fonts_have_every_sign() -> None:
    for sign in (*SYMBOLS.values(), "…", "→"):
        for face in ("sans", "sans-bold"):
            assert font(face, 20).getmask(sign).getbbox() is not None
            assert bytes(font(face, 20).getmask(sign)) != bytes(font(face, 20).getmask("\uffff"))


def test_both_are_served_and_may_be_kept_for_minutes(read_page: TestClient) -> None:
    badge, card = read_page.get("/papers/2611.00002/badge.svg"), read_page.get("/papers/2611.00002/card.png")
    assert (badge.headers["content-type"], card.headers["content-type"]) == ("image/svg+xml", "image/png")
    assert "not built yet" in badge.text
    for answer in (badge, card):
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["etag"]
    for path in ("/papers/nobody/badge.svg", "/papers/nobody/card.png"):
        answer = read_page.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
