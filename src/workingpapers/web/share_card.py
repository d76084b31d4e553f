"""The share card: 1200 × 630 pixels with title, authors, and a strip of verdicts that names its scale."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from workingpapers.bench.report.words import SYMBOLS
from workingpapers.web.fonts import font
from workingpapers.web.share_content import COLOURS, ShareContent, counted

WIDTH, HEIGHT = 1200, 630
_MARGIN = 72
_PAPER, _INK, _MUTED, _RULE = "#fcfbf9", "#1f1e1b", "#625f57", "#dedad0"
_TITLE_SIZES = (62, 54, 46, 40, 34)
_TITLE_LINES = 4
_LONGEST_TITLE = 400
_TITLE_HEIGHT = 250
_BAR_TOP, _BAR_HEIGHT, _GAP = 460, 12, 6
_WORDS_TOP, _WORDS_HEIGHT = 490, 62


@lru_cache(maxsize=256)
def draw_card(content: ShareContent) -> bytes:
    """The card as PNG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 10), fill=_INK)
    draw.text((_MARGIN, 52), "Working Papers", font=font("serif-bold", 30), fill=_INK)
    if content.arxiv:
        draw.text((WIDTH - _MARGIN, 56), f"arXiv {content.arxiv}", font=font("sans", 24), fill=_MUTED, anchor="ra")
    bottom = _draw_title(draw, content.title)
    draw.text(
        (_MARGIN, bottom + 18),
        _fit(_authors(content), font("sans", 26), WIDTH - 2 * _MARGIN),
        font=font("sans", 26),
        fill=_MUTED,
    )
    _draw_strip(draw, content)
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw_title(draw: ImageDraw.ImageDraw, title: str) -> int:
    """Draw the title as large as it fits; returns where it ends."""
    title = title[:_LONGEST_TITLE]
    for size in _TITLE_SIZES:
        face = font("serif-bold", size)
        lines = _wrap(title, face, WIDTH - 2 * _MARGIN)
        step = round(size * 1.25)
        if len(lines) <= _TITLE_LINES and len(lines) * step <= _TITLE_HEIGHT:
            break
    else:
        most = min(_TITLE_LINES, _TITLE_HEIGHT // step)
        if len(lines) > most:
            lines = [*lines[: most - 1], _fit(" ".join(lines[most - 1 :]), face, WIDTH - 2 * _MARGIN)]
    top = 130
    for number, line in enumerate(lines):
        draw.text((_MARGIN, top + number * step), line, font=face, fill=_INK)
    return top + len(lines) * step


def _draw_strip(draw: ImageDraw.ImageDraw, content: ShareContent) -> None:
    """Draw a bar with each verdict's share of the claims, and below it the verdicts in words."""
    label, small = font("sans-bold", 25), font("sans", 24)
    left, right, middle = _MARGIN, WIDTH - _MARGIN, _WORDS_TOP + _WORDS_HEIGHT // 2
    if not content.shown:
        draw.rounded_rectangle((left, _BAR_TOP, right, _BAR_TOP + _BAR_HEIGHT), 4, fill=_RULE)
        draw.text((left, middle), content.state, font=label, fill=_MUTED, anchor="lm")
        return
    claims = sum(count for _, count in content.shown)
    x, done = float(left), 0
    for name, count in content.shown:
        span = (_edge(done, claims), _BAR_TOP, _edge(done + count, claims) - _GAP, _BAR_TOP + _BAR_HEIGHT)
        draw.rectangle(span, fill=COLOURS[name])
        text = f"{SYMBOLS[name]} {counted(name, count)}"  # type: ignore[index]
        end = x + label.getlength(text) + 44
        draw.rounded_rectangle((x, _WORDS_TOP, end, _WORDS_TOP + _WORDS_HEIGHT), 8, fill=COLOURS[name])
        draw.text((x + 22, middle), text, font=label, fill="#ffffff", anchor="lm")
        x, done = end + 10, done + count
    told = f"{claims} claim{'s' if claims != 1 else ''}, measured at {content.scale} scale"
    draw.text((left, _WORDS_TOP + _WORDS_HEIGHT + 16), told, font=small, fill=_MUTED)


def _edge(done: int, claims: int) -> int:
    """Where on the bar so many claims end."""
    return _MARGIN + round((WIDTH - 2 * _MARGIN + _GAP) * done / claims)


def _authors(content: ShareContent) -> str:
    more = content.author_count - len(content.authors)
    if not content.authors:
        return f"{more} author{'s' if more != 1 else ''}" if more > 0 else ""
    return ", ".join(content.authors) + (f" and {more} more" if more > 0 else "")


def _wrap(text: str, face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines that fit; a word that is longer than a line is broken."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(joined) <= width:
            lines[-1] = joined
            continue
        while face.getlength(word) > width:
            cut = next(n for n in range(len(word) - 1, 0, -1) if face.getlength(word[:n]) <= width)
            lines.append(word[:cut])
            word = word[cut:]
        lines.append(word)
    return lines or [""]


def _fit(text: str, face: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, cut with `…` where it is too long."""
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
