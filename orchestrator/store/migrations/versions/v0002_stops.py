"""Stops: kill switches and pauses, and what waits for them

A migration must not wait long for a lock: `lock_timeout` is set by the caller. What must run before the new code and
what may only run after the old code is gone are never in one file. There is no way back: write the next one instead.
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

# Volatile, or the lock would be waited for and what changed meanwhile not seen: each statement in it looks anew.
STOPS = """
create function dsar_stops() returns table (scope text, what text) language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(7236003);
    return query select s.scope, s.what from switch s where s.stopped;
end $$
"""


def upgrade() -> None:
    op.create_table('switch',
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('stopped', sa.Boolean(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('ticket', sa.Text(), nullable=True),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("scope <> '*' or what = 'erasure'", name=op.f('ck_switch_pause_is_of_one')),
    sa.CheckConstraint("what in ('erasure', 'commands')", name=op.f('ck_switch_what')),
    sa.CheckConstraint("why in ('incident', 'wrong_erasure', 'leaked_key', 'restore', 'maintenance', 'overload', 'owner_asked', 'drill', 'resolved')", name=op.f('ck_switch_why')),
    sa.PrimaryKeyConstraint('scope', 'what', name=op.f('pk_switch'))
    )
    op.create_table('held_back',
    sa.Column('task', sa.Uuid(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('custodian', sa.Text(), nullable=False),
    sa.Column('lane', sa.Text(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('due', sa.Date(), nullable=False),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("lane in ('access', 'erasure')", name=op.f('ck_held_back_lane')),
    sa.CheckConstraint("operation in ('collect', 'preview', 'erase', 'probe', 'halt')", name=op.f('ck_held_back_operation')),
    sa.PrimaryKeyConstraint('task', name=op.f('pk_held_back'))
    )
    op.create_index('ix_held_back_custodian', 'held_back', ['custodian'], unique=False)
    op.execute(STOPS)
