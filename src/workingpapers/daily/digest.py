"""An issue of a subscription as a reader gets it: subject, plain text, HTML, headers that end it by one click."""

import hashlib
import textwrap
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from sqlalchemy.orm import Session

from workingpapers.bench.protocols import VERDICTS
from workingpapers.daily.cards import PaperCard, cards
from workingpapers.daily.digest_selection import Change, Selection
from workingpapers.daily.issue_dates import IssueDate
from workingpapers.daily.letters import letter, one_line, render
from workingpapers.daily.mail_bytes import ascii_address
from workingpapers.daily.subscription_request import Subscription
from workingpapers.daily.subscriptions import unsubscribe_token

SYMBOLS = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not tested": "–"}
_COUNTED = {"holds": ("holds", "hold"), "does not hold": ("does not hold", "do not hold")}
_SUMMARY = 420
_AUTHORS = 4
_WIDTH = 72


@dataclass(frozen=True)
class ChangedClaims:
    """The claims of one paper whose verdict changed."""

    card: PaperCard
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Digest:
    """One issue.

    Args:
        subject: Of the mail.
        text: The part in plain text.
        html: The part in HTML.
        papers: The papers in it, the first one first.
        changes: Papers with claims whose verdict changed.
        more: How many more fit that are not in it.
        words: What the templates were given.
    """

    subject: str
    text: str
    html: str
    papers: tuple[PaperCard, ...]
    changes: tuple[ChangedClaims, ...]
    more: int
    words: dict[str, Any]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to say."""
        return not self.papers and not self.changes


def compose(
    session: Session,
    subscription: Subscription,
    issue: IssueDate,
    selection: Selection,
    *,
    base_url: str,
    secret: bytes,
    at: datetime,
) -> Digest:
    """An issue's words.

    Args:
        session: Where the papers are.
        subscription: Whose issue.
        issue: Which one.
        selection: What stands in it.
        base_url: How readers reach the page.
        secret: The page's, for the address that ends the subscription.
        at: The moment for the trending scores.
    """
    changed: dict[int, list[Change]] = {}
    for change in selection.changes:
        changed.setdefault(change.paper_id, []).append(change)
    shown = cards(session, selection.papers, 0, at)
    changes = tuple(ChangedClaims(card, tuple(changed[card.id])) for card in cards(session, changed, 0, at))
    subject = _subject(subscription, issue, len(shown) + selection.more, len(selection.changes))
    words = {
        "subject": subject,
        "subscription": subscription,
        "issue": issue,
        "papers": [_words(card, base_url) for card in shown],
        "changes": [_words(one.card, base_url) | {"changes": one.changes} for one in changes],
        "more": selection.more,
        "symbols": SYMBOLS,
        "base_url": base_url,
        "list_url": f"{base_url}/",
        "manage_url": f"{base_url}/subscriptions",
        "unsubscribe_url": f"{base_url}/unsubscribe/{unsubscribe_token(secret, subscription)}",
        "wrapped": _wrapped,
    }
    return Digest(
        subject=subject,
        text=render("digest.txt.j2", words),
        html=render("digest.html.j2", words),
        papers=tuple(shown),
        changes=changes,
        more=selection.more,
        words=words,
    )


def digest_letter(sender: Address, subscription: Subscription, digest: Digest, message_id: str) -> EmailMessage:
    """An issue as a mail: a list mail (RFC 2919) that one click ends (RFC 8058).

    Args:
        sender: Whom it comes from.
        subscription: Whom it goes to.
        digest: The issue.
        message_id: The same for every attempt to send this issue.
    """
    message = letter(sender, subscription.email, digest.subject, "digest", digest.words, message_id=message_id)
    message["List-Id"] = f"Working Papers digest <digest.{sender.domain}>"
    message["List-Unsubscribe"] = f"<{ascii_address(digest.words['unsubscribe_url'])}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Precedence"] = "bulk"
    return message


def message_id(sender: Address, subscription: Subscription, issue: IssueDate) -> str:
    """The Message-ID of an issue: a mail program that gets it twice can tell."""
    who = hashlib.sha256(subscription.unsubscribe_key.encode()).hexdigest()[:24]
    return f"<issue.{issue.name}.{who}@{sender.domain}>"


def _subject(subscription: Subscription, issue: IssueDate, papers: int, changes: int) -> str:
    kind = "trending" if subscription.selection == "trending" else "new"
    about = f" on {' or '.join(subscription.topic_names)}" if subscription.topic_names else ""
    if papers:
        said = f"{papers:,} {kind} {'paper' if papers == 1 else 'papers'}{about}"
    else:
        said = f"{changes} changed {'verdict' if changes == 1 else 'verdicts'}{about}"
    return one_line(f"{said} · {issue.words}")


def _words(card: PaperCard, base_url: str) -> dict[str, Any]:
    """What a template says about a paper, each on one line."""
    return {
        "title": " ".join(card.title.split()),
        "url": f"{base_url}/papers/{card.key}",
        "by": _by(card),
        "topics": ", ".join(topic.name for topic in card.topics),
        "summary": textwrap.shorten(card.summary, _SUMMARY, placeholder=" …"),
        "verdicts": _verdicts(card),
        "scale": card.scale,
        "state": _state(card),
    }


def _by(card: PaperCard) -> str:
    names = [" ".join(name.split()) for name in card.authors[:_AUTHORS]]
    others = max(card.author_count, len(card.authors)) - len(names)
    said = ", ".join(names)
    if others:
        said += f" and {others} more" if said else f"{others} {'author' if others == 1 else 'authors'}"
    return f"{said} · {card.published.isoformat()}" if said and card.published else said


def _verdicts(card: PaperCard) -> list[tuple[str, str]]:
    """Each verdict that was reached, with its count in words."""
    found: list[tuple[str, str]] = []
    for name in VERDICTS:
        if card.counts and (count := card.counts.get(name, 0)):
            one, many = _COUNTED.get(name, (name, name))
            found.append((name, f"{SYMBOLS[name]} {count} {one if count == 1 else many}"))
    return found


def _state(card: PaperCard) -> str:
    if card.counts is not None:
        return ""
    if card.built:
        return "runs here, not measured yet"
    return "not built yet" if card.slug is not None else ""


def _wrapped(text: str, begin: str = "", indent: str | None = None) -> str:
    """Text in lines that fit a mail; words and addresses stay whole.

    Args:
        text: What is wrapped.
        begin: What the first line begins with.
        indent: What the others begin with; the same where it is None.
    """
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=begin,
        subsequent_indent=begin if indent is None else indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
