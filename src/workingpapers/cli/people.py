"""`workingpapers people`: who may do what on a page that is public."""

from typing import Annotated

import typer

from workingpapers.cli.databases import opened
from workingpapers.cli.options import DatabaseOption, DebugOption, FormatOption, examples, output
from workingpapers.errors import InvalidParameterError

_RIGHTS = {"reader": "votes, notes, subscribes", "curator": "submits papers too", "admin": "starts runs too"}


def add_to(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "people",
        epilog=examples(
            "workingpapers people",
            "workingpapers people ada@example.org admin",
            "workingpapers people ada@example.org reader --sign-out",
        ),
    )(people)


def people(
    context: typer.Context,
    email: Annotated[str | None, typer.Argument(metavar="EMAIL", help="Whose role.", show_default=False)] = None,
    role: Annotated[
        str | None, typer.Argument(metavar="reader|curator|admin", help="The role it gets.", show_default=False)
    ] = None,
    sign_out: Annotated[bool, typer.Option("--sign-out", help="End all sessions of EMAIL.")] = False,
    database: DatabaseOption = None,
    format_: FormatOption = None,
    debug: DebugOption = False,
) -> int:
    """List who signed in, or give an address a role: readers vote and take notes, curators submit, admins run.

    It is for a page that is served with --public: give yourself the role of admin before you first sign in.
    """
    out = output(context, format_)
    if email is not None and role is None and not sign_out:
        raise InvalidParameterError(f"the role of {email!r} is missing; give reader, curator or admin")
    with opened("people", database, must_exist=email is None) as db:
        from workingpapers.daily import accounts

        if email is None:
            with db.read() as session:
                found = accounts.people(session)
        else:
            with db.write() as session:
                if role is not None:
                    found = [accounts.set_role(session, email, role)]
                else:
                    found = [accounts.person_at(session, email)]
                if sign_out:
                    accounts.sign_out_everywhere(session, found[0].id)

    def view() -> None:
        if not found:
            out.line("", "nobody has signed in or been given a role")
        for person in found:
            out.line(f"{person.email}: ", f"{person.role} ({_RIGHTS[person.role]})")

    out.deliver(
        data=lambda: [{"id": one.id, "email": one.email, "name": one.name, "role": one.role} for one in found],
        values=lambda: (f"{one.email}\t{one.role}" for one in found),
        view=view,
    )
    return 0
