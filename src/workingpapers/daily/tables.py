"""The tables of the daily page, as SQLAlchemy maps them. Times are UTC, in ISO 8601 with seconds."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Connection,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ROLES = ("reader", "curator", "admin")
JOB_STATUSES = ("queued", "running", "done", "failed", "cancelled")
LOCAL_PERSON = 1
"""Id of the one person of a page that is not public."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, stored as text that sorts, such as `2026-11-23T15:44:08+00:00`."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To text; a moment without a time zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give a moment in UTC")
        return value.astimezone(UTC).isoformat(timespec="seconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """From text."""
        return None if value is None else datetime.fromisoformat(value)


class Base(DeclarativeBase):
    """Gives every constraint a name, so that migrations can change it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's name


class PaperRow(Base):
    """A paper. `slug` is set for those of the catalogue, `built` where a room with a method and claims exists."""

    __tablename__ = "papers"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str | None] = mapped_column(unique=True)
    arxiv: Mapped[str | None] = mapped_column(unique=True)
    """Without version."""
    title: Mapped[str]
    title_key: Mapped[str] = mapped_column(index=True)
    """Folded, letters and digits only: what two spellings of a title share."""
    summary: Mapped[str] = mapped_column(default="")
    summary_kind: Mapped[str] = mapped_column(default="abstract")
    """`ours` (our own words) or `abstract` (the authors')."""
    authors: Mapped[list[str]] = mapped_column(default=list)
    author_count: Mapped[int] = mapped_column(default=0)
    """May exceed `len(authors)`: of some papers only the number is known."""
    published: Mapped[date | None]
    listed: Mapped[date]
    """The day in whose feed it stands."""
    source: Mapped[str]
    """`catalogue`, `room`, `arxiv`, `hugging-face`, `bibtex`, `json` or `submitted`."""
    url: Mapped[str | None]
    code_url: Mapped[str | None]
    upvotes: Mapped[int] = mapped_column(default=0)
    """Votes that an imported paper brought with it from elsewhere."""
    built: Mapped[bool] = mapped_column(default=False)
    usage: Mapped[str] = mapped_column(default="")
    heat: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Sorts by trending score at any moment; kept by `trending.refresh` after votes, events or the paper changed."""
    submitted_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    added: Mapped[datetime]
    changed: Mapped[datetime]

    __table_args__ = (
        Index("ix_papers_listed_id", "listed", "id"),
        Index("ix_papers_listed_built_heat_id", "listed", "built", "heat", "id"),
        Index("ix_papers_heat_id", "heat", "id"),
        Index("ix_papers_added", "added"),
        Index("ix_papers_built_listed_id", "built", "listed", "id"),
        Index("ix_papers_built_heat_id", "built", "heat", "id"),
        CheckConstraint("summary_kind IN ('ours', 'abstract')", name="summary_kind"),
    )


class OtherTitleRow(Base):
    """A title by which some source calls a paper, or once did, besides the one shown; folded like `title_key`."""

    __tablename__ = "other_titles"

    title_key: Mapped[str] = mapped_column(primary_key=True)
    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True, index=True)


class TopicRow(Base):
    """A topic; `slug` is its name in an address."""

    __tablename__ = "topics"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class PaperTopicRow(Base):
    """Which paper is about which topic."""

    __tablename__ = "paper_topics"

    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True, index=True)


class ClaimRow(Base):
    """A claim of a paper that has a room."""

    __tablename__ = "claims"

    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    claim: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    says: Mapped[str]
    metric: Mapped[str]
    predicate: Mapped[str]
    source: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


class RunRow(Base):
    """A finished run of the engine, as its report.json says."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), index=True)
    scale: Mapped[str]
    origin: Mapped[str]
    """`shipped` with the package, or measured here (`store`)."""
    finished: Mapped[datetime]
    code: Mapped[str]
    seconds: Mapped[float | None]
    seeds: Mapped[int]
    folder: Mapped[str]
    counts: Mapped[dict[str, Any]]
    marks: Mapped[list[str]]
    newest: Mapped[bool] = mapped_column(default=False)
    """Whether this run's verdicts are the ones a card shows: the newest that can decide, else the newest."""


class VerdictRow(Base):
    """One claim's verdict in one run."""

    __tablename__ = "verdicts"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    claim: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    n: Mapped[int]
    control: Mapped[float | None]
    reason: Mapped[str | None]


class EventRow(Base):
    """A claim was measured for the first time at a scale (`before` is None), or its verdict there changed."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(index=True)
    scale: Mapped[str]
    claim: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str]

    __table_args__ = (UniqueConstraint("run_id", "claim", name="uq_events_run_claim"),)


class PersonRow(Base):
    """Somebody who uses the page. Person 1 is the local one, without an address."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    """In lower case."""
    name: Mapped[str] = mapped_column(default="")
    role: Mapped[str] = mapped_column(default="reader")
    created: Mapped[datetime]

    __table_args__ = (CheckConstraint("role IN ('reader', 'curator', 'admin')", name="role"),)


class LoginTokenRow(Base):
    """A mailed link that signs somebody in once. Only the token's SHA-256 is kept."""

    __tablename__ = "login_tokens"

    token: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(index=True)
    created: Mapped[datetime]
    expires: Mapped[datetime]
    used: Mapped[datetime | None]


class SessionRow(Base):
    """Somebody who is signed in. Only the SHA-256 of the cookie is kept."""

    __tablename__ = "sessions"

    token: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime]
    expires: Mapped[datetime]


class VoteRow(Base):
    """One person's vote for one paper."""

    __tablename__ = "votes"

    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class MarkRow(Base):
    """What one person keeps about one paper: a star, that it was read, a private note."""

    __tablename__ = "marks"

    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True)
    starred: Mapped[datetime | None]
    read: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="")
    note_changed: Mapped[datetime | None]


class SubscriptionRow(Base):
    """What is mailed to whom, and when."""

    __tablename__ = "subscriptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    frequency: Mapped[str]
    """`daily` or `weekly`."""
    selection: Mapped[str]
    """`trending` or `all`."""
    topics: Mapped[list[str]] = mapped_column(default=list)
    """Slugs of topics; empty for every topic."""
    query: Mapped[str] = mapped_column(default="")
    """A saved search, or empty."""
    time_zone: Mapped[str] = mapped_column(default="UTC")
    hour: Mapped[int] = mapped_column(default=7)
    """Local hour from which an issue is due."""
    weekday: Mapped[int] = mapped_column(default=0)
    """For `weekly`: 0 is Monday."""
    status: Mapped[str] = mapped_column(default="pending", index=True)
    """`pending` until confirmed, `active`, `unsubscribed` or `bounced`."""
    confirm_token: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the mailed token."""
    unsubscribe_key: Mapped[str] = mapped_column(unique=True)
    """Random part of the unsubscribe address; worth nothing without the page's secret."""
    bounces: Mapped[int] = mapped_column(default=0)
    created: Mapped[datetime]
    confirmed: Mapped[datetime | None]
    covered_until: Mapped[datetime | None]
    """Papers added after this moment have not been in a mail yet."""

    __table_args__ = (
        CheckConstraint("frequency IN ('daily', 'weekly')", name="frequency"),
        CheckConstraint("selection IN ('trending', 'all')", name="selection"),
        CheckConstraint("status IN ('pending', 'active', 'unsubscribed', 'bounced')", name="status"),
    )


class IssueRow(Base):
    """One issue of one subscription: at most one mail each."""

    __tablename__ = "issues"

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscriptions.id", ondelete="CASCADE"))
    issue: Mapped[str]
    """`2026-11-23` for a day, `2026-W48` for a week."""
    status: Mapped[str] = mapped_column(index=True)
    """`due`, `handing over` (the mail server may have it), `sent`, `failed`, `unknown` (stopped while handing over)
    or `empty` (there was nothing to say)."""
    message_id: Mapped[str]
    papers: Mapped[list[str]] = mapped_column(default=list)
    attempts: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str | None]
    covers_until: Mapped[datetime]
    created: Mapped[datetime]
    next_attempt: Mapped[datetime | None]
    finished: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("subscription_id", "issue", name="uq_issues_subscription_issue"),)


class JobRow(Base):
    """A run that somebody asked for on the page."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    scale: Mapped[str]
    seeds: Mapped[int | None]
    status: Mapped[str] = mapped_column(default="queued", index=True)
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    requested: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    process: Mapped[int | None]
    process_started: Mapped[float | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many processes have worked on it; the engine resumes where the last one was ended."""
    run_id: Mapped[str | None]
    problem: Mapped[str | None]

    __table_args__ = (CheckConstraint("status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="status"),)


class EmbeddingRow(Base):
    """The vector of one paper's text under one model; made anew when the text's hash changes."""

    __tablename__ = "embeddings"

    paper_id: Mapped[int] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    text_hash: Mapped[str]
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little-endian, of length one."""


class FetchedRow(Base):
    """The newest answer of another server to one address, for its ETag."""

    __tablename__ = "fetched"

    address: Mapped[str] = mapped_column(primary_key=True)
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]


class NoteRow(Base):
    """What the page remembers about itself, such as the fingerprint of the catalogue that was read last."""

    __tablename__ = "remembered"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


TEXT_INDEX = (
    "CREATE VIRTUAL TABLE paper_text USING fts5("
    "title, authors, topics, summary, claims, tokenize = 'porter unicode61 remove_diacritics 2')"
)
"""Full text of the papers; `rowid` is the paper's id. Kept by `papers.index_text`."""


@event.listens_for(Base.metadata, "after_create")
def _make_text_index(_metadata: MetaData, connection: Connection, **_: Any) -> None:
    connection.exec_driver_sql(TEXT_INDEX)
