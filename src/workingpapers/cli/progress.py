"""A bar on stderr for what takes long; nothing where stderr is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workingpapers.cli.output import Output


@contextmanager
def bar(out: Output, what: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """Inside, a bar that is told how many of how many are done; None where nobody knows how many there are."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[done]}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=out.stderr, transient=True, disable=not out.stderr.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None, done="")

        def tell(done: int, total: int | None) -> None:
            text = f"{done:,} {unit}" if total is None else f"{done:,} of {total:,} {unit}"
            progress.update(task, completed=done, total=total, done=text)

        yield tell
