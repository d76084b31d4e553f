"""Trending order, other titles, attempts of jobs.

Revision ID: 0002
Revises: 0001
"""

import math
from datetime import UTC, datetime, time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The trending formula as this revision knew it
_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
_HALF_LIFE_DAYS = 7.0
_LISTED, _ELSEWHERE, _VOTE, _MEASURED, _CHANGED = 1.0, 0.5, 1.0, 2.0, 4.0
_HAPPENED = f"""
    SELECT paper_id, {_VOTE} AS weight, at FROM votes
    UNION ALL SELECT paper_id, {_MEASURED}, min(at) FROM events WHERE before IS NULL GROUP BY paper_id, run_id
    UNION ALL SELECT paper_id, {_CHANGED}, at FROM events WHERE before IS NOT NULL
"""


def upgrade() -> None:
    """Add what the lists are sorted by, and fill it for the papers that are there."""
    op.create_table(
        "other_titles",
        sa.Column("title_key", sa.String(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name="fk_other_titles_paper_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("title_key", "paper_id", name="pk_other_titles"),
    )
    op.create_index("ix_other_titles_paper_id", "other_titles", ["paper_id"])
    op.add_column("jobs", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("papers", sa.Column("heat", sa.Double(), server_default="0", nullable=False))
    _fill_heat()
    op.create_index("ix_papers_added", "papers", ["added"])
    op.create_index("ix_papers_built_heat_id", "papers", ["built", "heat", "id"])
    op.create_index("ix_papers_built_listed_id", "papers", ["built", "listed", "id"])
    op.create_index("ix_papers_heat_id", "papers", ["heat", "id"])
    op.create_index("ix_papers_listed_built_heat_id", "papers", ["listed", "built", "heat", "id"])


def _fill_heat() -> None:
    connection = op.get_bind()
    happened: dict[int, list[tuple[float, datetime]]] = {}
    for paper, weight, at in connection.execute(sa.text(_HAPPENED)):
        happened.setdefault(paper, []).append((weight, datetime.fromisoformat(at)))
    values = []
    for paper, listed, added, upvotes in connection.execute(sa.text("SELECT id, listed, added, upvotes FROM papers")):
        listing = min(datetime.combine(datetime.fromisoformat(listed), time(), UTC), datetime.fromisoformat(added))
        weights = [(_LISTED + _ELSEWHERE * math.log2(1 + upvotes), listing), *happened.get(paper, [])]
        exponents = [
            math.log2(weight) + (at - _ORIGIN).total_seconds() / 86400 / _HALF_LIFE_DAYS for weight, at in weights
        ]
        largest = max(exponents)
        values.append({"id": paper, "heat": largest + math.log2(sum(2.0 ** (one - largest) for one in exponents))})
    if values:
        connection.execute(sa.text("UPDATE papers SET heat = :heat WHERE id = :id"), values)
