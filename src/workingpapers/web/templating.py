"""Jinja as every page uses it: everything is escaped, and an unknown name is an error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workingpapers.web.card_pieces import CardPieces
from workingpapers.web.static_files import static_address


def make_templates() -> Environment:
    """The environment of the pages' templates.

    `static(name)` gives a static file's address, `paper_card(card, person, judged, hit)` shows a paper in a list.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals["static"] = static_address
    templates.globals["paper_card"] = CardPieces(templates)
    return templates
