"""Recovery: generations of the tables, and answers to commands that a restored backup forgot

A migration must not wait long for a lock: `lock_timeout` is set by the caller. What must run before the new code and
what may only run after the old code is gone are never in one file. There is no way back: write the next one instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recovery",
        sa.Column("generation", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alarm_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("generation", name=op.f("pk_recovery")),
    )
    op.create_table(
        "lost_answer",
        sa.Column("task", sa.Uuid(), nullable=False),
        sa.Column("issue_no", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("request", sa.Uuid(), nullable=False),
        sa.Column("custodian", sa.Text(), nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task", "issue_no", "digest", name=op.f("pk_lost_answer")),
    )
    op.execute("insert into recovery (generation, log, at) values (0, gen_random_uuid(), now())")
