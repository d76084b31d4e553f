"""What verbs have in common: their shared options, and the text of their help."""

from typing import Annotated

import typer

from workingpapers.cli.output import FORMATS, Output, mode_of
from workingpapers.errors import InvalidParameterError

DEFAULT_STORE = "runs"

SlugArgument = Annotated[str, typer.Argument(metavar="SLUG", help="A paper's slug or arXiv id.", show_default=False)]

StoreOption = Annotated[
    str, typer.Option("--store", metavar="PATH", envvar="WORKINGPAPERS_RUNS", help="The folder that runs are kept in.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="PATH",
        envvar="WORKINGPAPERS_DATABASE",
        help="The daily page's SQLite file.",
        show_default="in your data folder",
    ),
]
BaseUrlOption = Annotated[
    str,
    typer.Option(
        "--base-url", metavar="URL", envvar="WORKINGPAPERS_BASE_URL", help="How readers reach the page, for links."
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", metavar="|".join(FORMATS), help="How the result is shown.", show_default="auto"),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ScaleFilter = Annotated[
    str | None,
    typer.Option(
        "--scale", metavar="smoke|laptop|paper", help="The newest result at this scale.", show_default="newest of any"
    ),
]


def output(context: typer.Context, verb_format: str | None) -> Output:
    """The output in the format given after the verb, else before it, else `auto`."""
    before = context.find_root().params.get("format_")
    return Output(mode_of(verb_format or before or "auto"))


def whole_number(option: str, text: str) -> int:
    """The number that an option was given; raises `InvalidParameterError` where it is none."""
    try:
        return int(text)
    except ValueError:
        raise InvalidParameterError(f"{option} {text!r} is not a whole number; give one, such as 5") from None


def examples(*lines: str) -> str:
    """The examples that end a verb's help, one a line."""
    return "\n\n".join(["Examples:", *(f"$ {line}".replace("[", "\\[") for line in lines)])
