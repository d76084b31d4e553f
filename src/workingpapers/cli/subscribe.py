"""`workingpapers subscribe`: ask for mails, confirm, list and end them."""

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from workingpapers.cli.databases import opened
from workingpapers.cli.options import (
    BaseUrlOption,
    DatabaseOption,
    DebugOption,
    FormatOption,
    examples,
    output,
    whole_number,
)
from workingpapers.cli.output import Output
from workingpapers.errors import InvalidParameterError

if TYPE_CHECKING:
    from workingpapers.daily.database import Database
    from workingpapers.daily.subscription_request import Subscription, SubscriptionRequest

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "subscribe",
        epilog=examples(
            "workingpapers subscribe ada@example.org",
            'workingpapers subscribe ada@example.org --daily --all --topic vision --query "order invariance"',
            "workingpapers subscribe ada@example.org --weekday friday --hour 17 --time-zone Europe/Berlin",
            "workingpapers subscribe --confirm TOKEN",
            "workingpapers subscribe --list",
            "workingpapers subscribe --end 3",
        ),
    )(subscribe)


def subscribe(
    context: typer.Context,
    email: Annotated[str | None, typer.Argument(metavar="EMAIL", help="Where to mail.", show_default=False)] = None,
    daily: Annotated[bool, typer.Option("--daily", help="Every day.")] = False,
    weekly: Annotated[bool, typer.Option("--weekly", help="Once a week, which is usual.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="All new papers.")] = False,
    trending: Annotated[bool, typer.Option("--trending", help="What people read now, which is usual.")] = False,
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", metavar="SLUG", help="Of this topic; may be repeated.", show_default="all"),
    ] = None,
    query: Annotated[
        str, typer.Option("--query", metavar="TEXT", help="That match a search.", show_default=False)
    ] = "",
    weekday: Annotated[str, typer.Option("--weekday", metavar="DAY", help="On this day, for --weekly.")] = "monday",
    hour: Annotated[str, typer.Option("--hour", metavar="0-23", help="From this hour on.")] = "7",
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="NAME", help="Where it is that hour, such as Europe/Berlin.")
    ] = "UTC",
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="TOKEN", help="Begin with the token of the mail.", show_default=False),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the subscriptions of EMAIL, or of everybody.")] = False,
    end: Annotated[
        str | None, typer.Option("--end", metavar="NUMBER", help="End a subscription.", show_default=False)
    ] = None,
    base_url: BaseUrlOption = "http://127.0.0.1:8000",
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """Have papers mailed, daily or weekly. Nothing is mailed until the address has confirmed it.

    The link to confirm is mailed where WORKINGPAPERS_SMTP_URL names a mail server; without one it is printed here.
    """
    out = output(context, format_)
    asked = [name for name, given in (("--confirm", confirm), ("--list", list_), ("--end", end)) if given]
    if len(asked) > 1:
        raise InvalidParameterError(f"{' and '.join(asked)} do not go together; give one")
    if (daily and weekly) or (all_ and trending):
        pair = "--daily and --weekly" if daily and weekly else "--all and --trending"
        raise InvalidParameterError(f"{pair} do not go together; give one, or make two subscriptions")
    address = checked_base_url(base_url)
    number = None if end is None else whole_number("--end", end)
    if email is None and not asked:
        raise InvalidParameterError("EMAIL is missing; give the address to mail to, such as ada@example.org")
    with opened("subscribe", database, must_exist=bool(asked)) as db:
        if confirm is not None:
            return _confirm(db, confirm, out)
        if list_:
            return _list(db, email, out)
        if number is not None:
            return _end(db, number, out)
        from workingpapers.daily.subscription_request import SubscriptionRequest

        request = SubscriptionRequest(
            email or "",
            frequency="daily" if daily else "weekly",
            selection="all" if all_ else "trending",
            topics=tuple(topic or ()),
            query=query,
            time_zone=time_zone,
            hour=whole_number("--hour", hour),
            weekday=_weekday(weekday),
        )
        return _subscribe(db, request, address, out)


def checked_base_url(text: str) -> str:
    """The address of a page without a slash at the end; raises `InvalidParameterError` where it is none."""
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        right = False
    if not right or not text.isprintable() or " " in text:
        raise InvalidParameterError(f"--base-url {text!r} is no address; give one such as https://papers.example.org")
    return text.rstrip("/")


def _subscribe(db: "Database", request: "SubscriptionRequest", base_url: str, out: Output) -> int:
    from workingpapers.daily.letters import confirmation_letter
    from workingpapers.daily.mail import Mailer
    from workingpapers.daily.mail_settings import settings_from_environment
    from workingpapers.daily.subscriptions import subscribe, to_confirm

    settings = settings_from_environment()
    _bring_topics(db)
    with db.write() as session:
        _, token = subscribe(session, request)
        asked = to_confirm(session, token)
    link = f"{base_url}/subscriptions/confirm/{token}"
    if settings is not None:
        Mailer(settings).send(confirmation_letter(settings.sender, asked, token, base_url))
    data = {**_plain(asked), "mailed": settings is not None, "confirm": None if settings is not None else link}

    def view() -> None:
        out.line(f"{asked.email}: ", f"{asked.what}, {asked.when}")
        if settings is not None:
            out.line("", f"a link to confirm it was mailed to {asked.email}; until it is used, nothing else is mailed")
            return
        out.line("", "no mail server is set (WORKINGPAPERS_SMTP_URL), so confirm it here, or with the page open at")
        out.line("", link)
        out.hint(f"workingpapers subscribe --confirm {token}")

    out.deliver(data=lambda: data, values=lambda: [str(asked.id) if settings is not None else link], view=view)
    return 0


def _confirm(db: "Database", token: str, out: Output) -> int:
    from workingpapers.daily.database import now
    from workingpapers.daily.issue_dates import next_issue
    from workingpapers.daily.subscriptions import confirm

    with db.write() as session:
        began = confirm(session, token.rpartition("/")[2])
    first = next_issue(began, now()).due.isoformat(timespec="minutes")

    def view() -> None:
        out.line("confirmed: ", f"{began.what} to {began.email}, {began.when}")
        out.line("next issue: ", f"{first}, if there is something to say")

    out.deliver(data=lambda: _plain(began), values=lambda: [str(began.id)], view=view)
    out.hint("workingpapers digest")
    return 0


def _list(db: "Database", email: str | None, out: Output) -> int:
    from workingpapers.daily.accounts import local_person
    from workingpapers.daily.subscriptions import subscriptions_of

    with db.read() as session:
        found = subscriptions_of(session, email or local_person())

    def view() -> None:
        if not found:
            out.line("", f"{email} has no subscriptions" if email else "there are no subscriptions")
            return
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("No.", justify="right", no_wrap=True)
        table.add_column("To", style="bold", overflow="fold")
        table.add_column("What", ratio=1)
        table.add_column("When", ratio=1)
        table.add_column("Status", no_wrap=True)
        for one in found:
            table.add_row(str(one.id), one.email, one.what, one.when, one.status)
        out.show(table)

    out.deliver(
        data=lambda: [_plain(one) for one in found],
        values=lambda: (f"{one.id}\t{one.email}\t{one.status}" for one in found),
        view=view,
    )
    return 0


def _end(db: "Database", number: int, out: Output) -> int:
    from workingpapers.daily.accounts import local_person
    from workingpapers.daily.subscriptions import delete

    with db.write() as session:
        delete(session, number, person=local_person())
    out.deliver(
        data=lambda: {"ended": number},
        values=lambda: [str(number)],
        view=lambda: out.line("", f"subscription {number} has ended"),
    )
    return 0


def _bring_topics(db: "Database") -> None:
    """A database that the page has not opened yet knows no topics."""
    from workingpapers.daily.catalogue import sync_catalogue

    sync_catalogue(db)


def _weekday(text: str) -> int:
    near = [place for place, name in enumerate(_DAYS) if len(text) >= 2 and name.startswith(text.casefold())]
    if len(near) != 1:
        raise InvalidParameterError(f"--weekday {text!r} is unknown; allowed are {', '.join(_DAYS)}")
    return near[0]


def _plain(one: "Subscription") -> dict[str, Any]:
    return {
        "id": one.id,
        "email": one.email,
        "frequency": one.frequency,
        "selection": one.selection,
        "topics": list(one.topics),
        "query": one.query,
        "time_zone": one.time_zone,
        "hour": one.hour,
        "weekday": one.weekday,
        "status": one.status,
    }
