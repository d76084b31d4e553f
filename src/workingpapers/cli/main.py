"""The app `workingpapers`, and the one place where exceptions become messages and exit codes.

0 done · 1 failed · 2 usage or bad input · 3 a claim does not hold (`check --strict`) · 130 interrupted
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

import workingpapers
from workingpapers.cli import add, check, digest, export, import_, new, people, report, search, serve, show, subscribe
from workingpapers.cli import list as list_verb
from workingpapers.cli import run as run_verb
from workingpapers.cli.options import DebugOption, FormatOption, examples
from workingpapers.cli.output import Output, ReaderGoneError, mode_of
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError, WorkingPapersError

DONE, FAILED, USAGE, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
_BAD_INPUT = (InvalidParameterError, InvalidTypeError, UnknownNameError)

app = typer.Typer(
    name="workingpapers",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)
for _verb in (
    list_verb,
    show,
    run_verb,
    check,
    search,
    report,
    new,
    serve,
    add,
    export,
    import_,
    subscribe,
    digest,
    people,
):
    _verb.add_to(app)


@app.callback(
    invoke_without_command=True,
    epilog=examples("workingpapers list", "workingpapers run arnet --scale smoke", "workingpapers check arnet"),
)
def top(
    context: typer.Context,
    format_: FormatOption = None,
    debug: DebugOption = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Research papers that work: a method to drop in, an experiment that judges every claim, a page."""
    if format_ is not None:
        mode_of(format_)
    if version:
        sys.stdout.write(f"workingpapers {workingpapers.__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help().rstrip() + "\n")
        raise typer.Exit


def run() -> NoReturn:
    """The entry point of the command `workingpapers`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal that lacks a character shows its number instead of an error
            reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; nothing is raised."""
    output = Output(_wanted_mode(arguments))
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
        return code
    except (ReaderGoneError, BrokenPipeError):
        _close_stdout()
        return READER_GONE
    except KeyboardInterrupt:
        output.fail("KeyboardInterrupt", "interrupted; what is finished is kept, and the same command resumes")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        code, text = explain(error)
        try:
            output.fail(type(error).__name__, text)
        except ReaderGoneError:
            _close_stdout()
        return code


def explain(error: Exception) -> tuple[int, str]:
    """The exit code of an error and what to say about it."""
    message = " ".join(str(error).split())
    if isinstance(error, _BAD_INPUT):
        return USAGE, message
    if isinstance(error, WorkingPapersError):
        return FAILED, message
    if (wording := getattr(error, "format_message", None)) is not None:  # what typer raises for a wrong command line
        return USAGE, _usage(error, " ".join(wording().split()))
    return FAILED, (
        f"{type(error).__name__}: {message or 'no message'}; this is a bug in workingpapers or in the paper's room; "
        "run again with --debug"
    )


def _invoke(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    try:
        with command.make_context("workingpapers", list(arguments)) as context:
            result: Any = command.invoke(context)
    except typer.Exit as exit_:
        return exit_.exit_code
    return result if isinstance(result, int) else DONE


def _usage(error: Exception, message: str) -> str:
    """A usage error in the house's words: it ends with where help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "workingpapers"
    if message.startswith("No such command") and context is not None:
        message += f" Verbs are {', '.join(context.command.commands)}"
    return f"{message[:1].lower()}{message[1:].rstrip('.')} (see `{path} --help`)"


def _wanted_mode(arguments: Sequence[str]) -> Any:
    """The mode for errors, read before the command line is understood: only `json` and `quiet` differ."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--format":
            value = value if equals else next(iter(arguments[place + 1 : place + 2]), "")
            return value if value in ("json", "quiet") else "human"
    return "human"


def _close_stdout() -> None:
    """Send what is still to be flushed nowhere, so that Python does not complain at exit."""
    try:
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, sys.stdout.fileno())
        os.close(handle)
    except (OSError, ValueError):  # stdout has no file beneath it
        pass
