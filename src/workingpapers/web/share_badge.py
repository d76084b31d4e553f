"""The badge: a name on the left, verdicts with their scale on the right."""

from functools import lru_cache
from html import escape

from workingpapers.bench.report.words import SYMBOLS
from workingpapers.web.fonts import font
from workingpapers.web.share_content import COLOURS, ShareContent, counted

_NAME = "working papers"
_HEIGHT, _SIZE, _PAD = 20, 11, 6
_DARK = "#3a3833"


@lru_cache(maxsize=1024)
def draw_badge(content: ShareContent) -> str:
    """The badge as SVG. Each verdict has its sign, and the whole is said in words in the title."""
    if content.shown:
        parts = [(f"{SYMBOLS[name]} {count}", COLOURS[name]) for name, count in content.shown]  # type: ignore[index]
        parts.append((f"{content.scale} scale", _DARK))
        words = ", ".join(counted(name, count) for name, count in content.shown) + f" at {content.scale} scale"
    else:
        parts = [(content.state, COLOURS["not tested"])]
        words = content.state
    x, shapes, texts = 0.0, [], []
    for text, colour in [(_NAME, _DARK), *parts]:
        width = round(font("sans", _SIZE).getlength(text) + 2 * _PAD, 1)
        shapes.append(f'<rect x="{x:g}" width="{width:g}" height="{_HEIGHT}" fill="{colour}"/>')
        texts.append(f'<text x="{x + width / 2:g}" y="14" textLength="{width - 2 * _PAD:g}">{escape(text)}</text>')
        x = round(x + width, 1)
    label = escape(f"{content.title}: {words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{x:g}" height="{_HEIGHT}" role="img" aria-label="{label}">'
        f'<title>{label}</title><clipPath id="r"><rect width="{x:g}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)">{"".join(shapes)}</g>'
        f'<g fill="#fff" text-anchor="middle" font-family="DejaVu Sans,Verdana,sans-serif" font-size="{_SIZE}">'
        f"{''.join(texts)}</g></svg>"
    )
