"""The verdict table of the terminal: columns where there is room for them, two-line entries where there is not."""

from collections.abc import Iterator, Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from workingpapers.bench.protocols import Side, Verdict, VerdictName
from workingpapers.bench.report.numbers import MISSING, format_published, format_side_interval, format_value
from workingpapers.bench.report.words import SYMBOLS, control_outcome, shared_reason

_COLUMNS = ("Claim", "Verdict", "Value", "95 % interval", "n", "Control", "Published", "Predicate")
_NUMBERS = ("Value", "95 % interval", "n", "Control")
_FACTS, _PUBLISHED = (1, 2, 3, 4, 5, 7), 6  # columns whose texts are short and stay whole; and the one beside the claim
_PROSE = 40  # fewest characters for the claim and the published figure together
_STYLES: dict[VerdictName, str] = {
    "holds": "bold green",
    "does not hold": "bold red",
    "undecided": "bold yellow",
    "not tested": "dim",
}


class VerdictTable:
    """The verdicts of one run, for `console.print`. It suits itself to the width it is given.

    Args:
        verdicts: What to show, one entry each.
        title: A line above, for example the paper's title and the scale.
        marks: Warnings shown below, such as "shipped result".
    """

    def __init__(self, verdicts: Sequence[Verdict], *, title: str = "", marks: Sequence[str] = ()) -> None:
        self.verdicts = verdicts
        self.title = title
        self.marks = marks

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title:
            yield Text(self.title, style="bold")
            yield Text("")
        columns = self._columns(options.max_width)
        yield columns or self._entries()
        marks = [*filter(None, [shared_reason(self.verdicts)]), *self.marks]
        if columns and marks:
            yield Text("")
        for mark in marks:
            yield Text.assemble(("note: ", "bold yellow"), mark)

    def _columns(self, width: int) -> Table | None:
        """One row of cells for each claim, or None where the prose would be squeezed."""
        shared = shared_reason(self.verdicts)
        rows = [_cells(verdict, shared) for verdict in self.verdicts]
        # rich may shrink any column to nothing, so each gets its width here: facts what they need, prose the rest
        widths = [cell_len(name) for name in _COLUMNS]
        for place in _FACTS:
            needed = [cell_len(line) for row in rows for line in row[place].plain.split("\n")]
            widths[place] = max([widths[place], *needed])
        rest = width - sum(widths[place] for place in _FACTS) - 3 * (len(_COLUMNS) - 1)
        if rest < _PROSE:
            return None
        widths[_PUBLISHED] = min(32, rest // 3)
        widths[0] = min(72, rest - widths[_PUBLISHED])
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for name, column_width in zip(_COLUMNS, widths, strict=True):
            side: Literal["left", "right"] = "right" if name in _NUMBERS else "left"
            table.add_column(name, width=column_width, justify=side, overflow="fold")
        for place, row in enumerate(rows, start=1):
            table.add_row(*row)
            if place < len(rows):
                table.add_row()
        return table

    def _entries(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        shared = shared_reason(self.verdicts)
        for verdict in self.verdicts:
            lines = Table.grid()
            lines.add_column()
            for line in _lines(verdict, shared):
                lines.add_row(line)
            table.add_row(_badge(verdict.name), Padding(lines, (0, 0, 1, 0)))
        return table


def verdict_table(verdicts: Sequence[Verdict], *, title: str = "", marks: Sequence[str] = ()) -> VerdictTable:
    """The verdict table, to be given to `rich.console.Console.print`."""
    return VerdictTable(verdicts, title=title, marks=marks)


def _cells(verdict: Verdict, shared: str | None) -> tuple[Text, ...]:
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    says = Text(claim.says)
    if verdict.reason and verdict.reason != shared:
        says.append(f"\n{verdict.reason}", style="dim italic")
    against = Text(format_value(control, claim))
    against.append(f"\n{control_outcome(control, claim)}", style=_control_style(control))
    return (
        says,
        _badge(verdict.name),
        Text(format_value(measured, claim), style="bold"),
        Text(format_side_interval(measured, claim) + _range_note(measured)),
        Text(str(verdict.n)),
        against,
        Text(format_published(claim)),
        Text(claim.predicate),
    )


def _lines(verdict: Verdict, shared: str | None) -> Iterator[Text]:
    claim, measured, control = verdict.claim, verdict.measured, verdict.control
    yield Text(claim.says)
    facts = Text()
    if measured is not None:
        facts.append(format_value(measured, claim), style="bold")
        facts.append(f" {format_side_interval(measured, claim)}{_range_note(measured)}".replace(", ", ",\u00a0"))
    else:
        facts.append("no number")
    facts.append(f"  n\u00a0{verdict.n}  needs\u00a0{claim.predicate.replace(' ', chr(0xA0))}")
    yield facts
    against = Text("control ")
    if control is not None:
        against.append(
            f"{format_value(control, claim)} {format_side_interval(control, claim)}".replace(", ", ",\u00a0")
        )
        against.append(", ")
    against.append(control_outcome(control, claim), style=_control_style(control))
    yield against
    if (published := format_published(claim)) != MISSING:
        yield Text(f"published {published}")
    if verdict.reason and verdict.reason != shared:
        yield Text(verdict.reason, style="dim italic")


def _badge(name: VerdictName) -> Text:
    return Text(f"{SYMBOLS[name]} {name}", style=_STYLES[name])


def _control_style(control: Side | None) -> str:
    return "bold yellow" if control is not None and control.passes else "dim"


def _range_note(side: Side | None) -> str:
    return " (range)" if side is not None and side.interval.method == "exact" else ""
