"""Where a verb's words go: data on stdout, all else on stderr, in one of three modes.

`human` is for reading, with colour where the terminal has it; `json` is one document; `quiet` is bare values, one
a line. `auto` is `human`: on a pipe it comes without colour, because rich leaves it out there.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from rich.console import Console

Mode = Literal["human", "json", "quiet"]
FORMATS = ("auto", "human", "json", "quiet")


class ReaderGoneError(Exception):
    """Whoever read our stdout closed it, as `| head` does."""


def mode_of(name: str) -> Mode:
    """The mode that `--format` names; raises `InvalidParameterError` with the allowed ones."""
    match name:
        case "auto" | "human":
            return "human"
        case "json":
            return "json"
        case "quiet":
            return "quiet"
    raise InvalidParameterError(f"--format {name!r} is unknown; allowed are {', '.join(FORMATS)}")


class Output:
    """Prints for one command.

    Args:
        mode: How results are shown.
    """

    def __init__(self, mode: Mode = "human") -> None:
        self.mode = mode

    @cached_property
    def stdout(self) -> "Console":
        """The console of the data."""
        return _console(stderr=False)

    @cached_property
    def stderr(self) -> "Console":
        """The console of progress, warnings and errors."""
        return _console(stderr=True)

    def deliver(
        self, *, data: Callable[[], Any], values: Callable[[], Iterable[str]], view: Callable[[], object]
    ) -> None:
        """Give a verb's result in the wanted mode.

        Args:
            data: What is printed as JSON.
            values: The bare values of quiet mode, one a line.
            view: Prints for a human, by `show` and `line`.
        """
        if self.mode == "json":
            self.json(data())
        elif self.mode == "quiet":
            for value in values():
                self._write(value + "\n")
        else:
            view()

    def collect(self, view: Callable[[], object], values: Callable[[], Iterable[str]]) -> None:
        """Give one of several results: in JSON mode nothing, because the document comes at the end."""
        if self.mode != "json":
            self.deliver(data=dict, values=values, view=view)

    def show(self, *things: Any, broken: bool = True) -> None:
        """Print texts, tables and the like on stdout, fitted to the terminal unless lines must stay unbroken."""
        for thing in things:
            self.stdout.print(thing, soft_wrap=not broken)

    def line(self, label: str, text: str = "") -> None:
        """Print one line on stdout that is never broken, such as a path."""
        from rich.text import Text

        self.stdout.print(Text.assemble((label, "bold"), text), soft_wrap=True)

    def lines(self, label: str, things: Iterable[object]) -> None:
        """Print one such line for each thing."""
        for thing in things:
            self.line(label, str(thing))

    def hint(self, command: str, what: str = "next") -> None:
        """Suggest the next command; for humans only."""
        if self.mode == "human":
            from rich.text import Text

            self.stdout.print(Text.assemble("\n", (f"{what}: ", "dim"), command), soft_wrap=True)

    def json(self, value: Any) -> None:
        """Print one JSON document on stdout."""
        plain = "utf" not in (getattr(sys.stdout, "encoding", None) or "").lower()
        self._write(json.dumps(value, indent=2, ensure_ascii=plain, allow_nan=False) + "\n")

    def warn(self, text: str) -> None:
        """Print a warning on stderr; not in quiet mode."""
        if self.mode != "quiet":
            self._tell("warning: ", "bold yellow", text)

    def note(self, text: str) -> None:
        """Print a remark on stderr; for humans only."""
        if self.mode == "human":
            self._tell("note: ", "bold yellow", text)

    def error(self, text: str) -> None:
        """Print an error on stderr."""
        self._tell("error: ", "bold red", text)

    def fail(self, kind: str, text: str) -> None:
        """Say why the command ended: an error line, or in JSON mode an object on stdout."""
        if self.mode == "json":
            self.json({"error": {"type": kind, "message": text}})
        else:
            self.error(text)

    def _tell(self, label: str, style: str, text: str) -> None:
        from rich.text import Text

        self.stderr.print(Text.assemble((label, style), text), soft_wrap=True)

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error


def _console(*, stderr: bool) -> "Console":
    """A console that takes no text for markup; NO_COLOR beats FORCE_COLOR, which beats a pipe."""
    from rich.console import Console

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            raise ReaderGoneError

    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    colours: Literal["auto", "standard"] | None = "auto"
    if os.environ.get("NO_COLOR"):
        colours = None
    elif os.environ.get("FORCE_COLOR") and not terminal:
        colours = "standard"
    return PipedConsole(
        stderr=stderr, force_terminal=terminal, color_system=colours, markup=False, highlight=False, emoji=False
    )
