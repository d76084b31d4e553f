"""`workingpapers digest`: the mails that are due."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workingpapers.cli.databases import opened
from workingpapers.cli.options import BaseUrlOption, DatabaseOption, DebugOption, FormatOption, examples, output
from workingpapers.cli.output import Output
from workingpapers.cli.progress import bar
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from workingpapers.daily.delivery import DigestReport, Outcome
    from workingpapers.daily.mail import Mailer, OutboxMailer

_FAILED = 1


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "digest",
        epilog=examples(
            "workingpapers digest",
            "workingpapers digest --outbox /tmp/mails --at 2026-11-30T08:00",
            "workingpapers digest --send --base-url https://papers.example.org",
        ),
    )(digest)


def digest(
    context: typer.Context,
    send: Annotated[
        bool, typer.Option("--send", help="Send the mails; else nothing leaves and nothing changes.")
    ] = False,
    outbox: Annotated[
        str | None,
        typer.Option("--outbox", metavar="FOLDER", help="Write the mails there, one file each.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="MOMENT", help="What is due then, such as 2026-11-30T08:00 (UTC).", show_default="now"
        ),
    ] = None,
    base_url: BaseUrlOption = "http://127.0.0.1:8000",
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Say which mails are due, and send them with --send: each at most once, however often and by whom it is asked.

    The mail server comes from WORKINGPAPERS_SMTP_URL, such as smtp://user:password@host:587?starttls=1, and the sender
    from WORKINGPAPERS_MAIL_FROM. Let cron run it every ten minutes; `workingpapers serve` does the same by itself.
    """
    out = output(context, format_)
    moment = None if at is None else _moment(at)
    from workingpapers.cli.subscribe import checked_base_url

    address = checked_base_url(base_url)
    with opened("digest", database, must_exist=True) as db:
        from workingpapers.daily.delivery import deliver_due

        mailer = _mailer(send=send, outbox=outbox)
        with bar(out, "digest", "issues") as progress:
            report = deliver_due(db, mailer, moment, address, not send, progress=progress)
    out.deliver(
        data=lambda: _plain(report),
        values=lambda: (f"{each.subscription.email}\t{each.issue}\t{each.status}" for each in report.outcomes),
        view=lambda: _view(report, out),
    )
    if report.busy:
        out.warn("another process is sending; nothing was done here")
    if report.unknown:
        out.warn(
            f"{report.unknown} issues were being handed over when an earlier process ended; they are not sent again"
        )
    if report.problem is not None:
        out.error(report.problem)
    if not send and report.outcomes:
        out.hint("workingpapers digest --send")
    return _FAILED if report.problem is not None or report.count("failed") or report.count("unknown") else 0


def _mailer(*, send: bool, outbox: str | None) -> "Mailer | OutboxMailer | None":
    from workingpapers.daily.mail import Mailer, OutboxMailer
    from workingpapers.daily.mail_settings import settings_from_environment

    if outbox is not None:
        return OutboxMailer(Path(outbox))
    if not send:
        return None
    settings = settings_from_environment()
    if settings is None:
        raise InvalidParameterError(
            "--send needs a mail server, and WORKINGPAPERS_SMTP_URL is not set; set it, such as to "
            "smtp://user:password@host:587?starttls=1, or write the mails into a folder with --outbox FOLDER"
        )
    return Mailer(settings)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidParameterError(
            f"--at {text!r} is no moment; give one such as 2026-11-30T08:00 or 2026-11-30T08:00+01:00"
        ) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _plain(report: "DigestReport") -> dict[str, Any]:
    return {
        "at": report.at.isoformat(),
        "sent": not report.dry_run,
        "busy": report.busy,
        "problem": report.problem,
        "left_unknown": report.unknown,
        "issues": [
            {
                "subscription": one.subscription.id,
                "email": one.subscription.email,
                "issue": one.issue,
                "status": one.status,
                "papers": one.papers,
                "subject": one.subject,
                "problem": one.problem,
                "file": None if one.file is None else str(one.file),
            }
            for one in report.outcomes
        ],
    }


def _view(report: "DigestReport", out: Output) -> None:
    if not report.outcomes:
        out.line("", "no mail is due")
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("To", style="bold", overflow="fold")
    table.add_column("Issue", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Mail", ratio=1)
    for one in report.outcomes:
        table.add_row(one.subscription.email, one.issue, one.status, _about(one))
    out.show(table)
    out.lines("", [one.file for one in report.outcomes if one.file is not None])


def _about(one: "Outcome") -> str:
    return f"{one.subject}: {one.problem}" if one.problem else one.subject
