"""The mails of the page as messages: to sign in, to confirm a subscription, and an issue of one."""

import functools
import secrets
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workingpapers.daily.database import now
from workingpapers.daily.subscription_request import Subscription

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_SUBJECT = 150


def sign_in_letter(sender: Address, email: str, token: str, base_url: str) -> EmailMessage:
    """The mail with the link that signs in.

    Args:
        sender: Whom it comes from.
        email: Whom it goes to.
        token: What `accounts.request_login` gave.
        base_url: How readers reach the page.
    """
    words = {"link": f"{base_url}/sign-in/{token}", "base_url": base_url}
    return letter(sender, email, "Sign in to Working Papers", "sign_in", words)


def confirmation_letter(sender: Address, subscription: Subscription, token: str, base_url: str) -> EmailMessage:
    """The mail with the link that confirms a subscription.

    It does not repeat the words of a saved search: whoever asks may not be who reads this, and nobody should mail
    strangers words of their choice through this page. The page behind the link shows them.

    Args:
        sender: Whom it comes from.
        subscription: What is to be confirmed.
        token: What `subscriptions.subscribe` gave.
        base_url: How readers reach the page.
    """
    words = {
        "link": f"{base_url}/subscriptions/confirm/{token}",
        "base_url": base_url,
        "what": subscription.what_without_search,
        "when": subscription.when,
    }
    return letter(sender, subscription.email, "Confirm your subscription to Working Papers", "confirm", words)


def letter(
    sender: Address,
    email: str,
    subject: str,
    template: str,
    words: dict[str, Any],
    *,
    message_id: str | None = None,
    at: datetime | None = None,
) -> EmailMessage:
    """A mail with a part in plain text and one in HTML, from the templates `<name>.txt.j2` and `<name>.html.j2`."""
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = one_line(subject)
    message["From"] = sender
    message["To"] = Address(addr_spec=email)
    message["Date"] = format_datetime(at or now())
    message["Message-ID"] = message_id or f"<{template.replace('_', '-')}.{secrets.token_hex(16)}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(render(f"{template}.txt.j2", words), cte="quoted-printable")
    message.add_alternative(render(f"{template}.html.j2", words), subtype="html", cte="quoted-printable")
    return message


def one_line(text: str) -> str:
    """Text that can stand in a header: one line, not too long."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= MAX_SUBJECT else line[: MAX_SUBJECT - 1].rstrip() + "…"


def render(template: str, words: dict[str, Any]) -> str:
    """A template's text; in HTML every word is escaped."""
    return _templates().get_template(template).render(words)


@functools.cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
