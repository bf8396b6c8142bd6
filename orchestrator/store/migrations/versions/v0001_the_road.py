"""The road: requests, tasks, registry and log

A migration must not wait long for a lock: `lock_timeout` is set by the caller. What must run before the new code and
what may only run after the old code is gone are never in one file. There is no way back: write the next one instead.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_detail',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('salt', sa.LargeBinary(), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_detail'))
    )
    op.create_table('audit_entry',
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=True),
    sa.Column('leaf', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_entry')),
    sa.UniqueConstraint('id', name=op.f('uq_audit_entry_id'))
    )
    op.create_index('ix_audit_entry_request', 'audit_entry', ['request'], unique=False)
    op.create_table('audit_pending',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=True),
    sa.Column('leaf', sa.LargeBinary(), nullable=False),
    sa.Column('handed_in_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('place', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_pending'))
    )
    op.create_table('audit_tree',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_tree'))
    )
    op.create_table('dead_letter',
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('offset', sa.Integer(), nullable=False),
    sa.Column('decision', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('event', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('partition', 'offset', name=op.f('pk_dead_letter'))
    )
    op.create_table('heartbeat',
    sa.Column('custodian', sa.Text(), nullable=False),
    sa.Column('worker', sa.Text(), nullable=False),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('custodian', 'worker', name=op.f('pk_heartbeat'))
    )
    op.create_table('manifest',
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('custodian', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_manifest'))
    )
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('lane', sa.Text(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('tasks', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('due', sa.Date(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("lane in ('access', 'erasure')", name=op.f('ck_outbox_lane')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    op.create_index('ix_outbox_lane', 'outbox', ['lane', 'due', 'id'], unique=False)
    op.create_table('request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('regime', sa.Text(), nullable=False),
    sa.Column('received_on', sa.Date(), nullable=False),
    sa.Column('due', sa.Date(), nullable=False),
    sa.Column('opened_by', sa.Text(), nullable=False),
    sa.Column('verified_by', sa.Text(), nullable=True),
    sa.Column('search_round', sa.Integer(), nullable=False),
    sa.Column('erase_round', sa.Integer(), nullable=False),
    sa.Column('probe_round', sa.Integer(), nullable=False),
    sa.Column('asking', sa.Integer(), nullable=False),
    sa.Column('begun', sa.Boolean(), nullable=False),
    sa.Column('withdrawn', sa.Boolean(), nullable=False),
    sa.Column('partial', sa.Boolean(), nullable=False),
    sa.Column('plan_hash', sa.Text(), nullable=True),
    sa.Column('grace_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('blocked_by', sa.Text(), nullable=True),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('body_digest', sa.LargeBinary(), nullable=False),
    sa.Column('controller', sa.Text(), nullable=False),
    sa.Column('test', sa.Boolean(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(kind = 'access' and state in ('received', 'verified', 'closed', 'shredded', 'searching', 'reviewing', 'reporting', 'deliverable')) or (kind = 'erasure' and state in ('received', 'verified', 'closed', 'shredded', 'searching', 'awaiting_approval', 'grace', 'erasing', 'probing', 'watching'))", name=op.f('ck_request_state')),
    sa.CheckConstraint("outcome in ('fulfilled', 'partial', 'undelivered', 'erased', 'retained_in_part', 'no_data', 'unverified', 'withdrawn', 'cancelled', 'refused')", name=op.f('ck_request_outcome')),
    sa.CheckConstraint("state not in ('closed', 'shredded') or outcome is not null", name=op.f('ck_request_closed_has_outcome')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_request')),
    sa.UniqueConstraint('id', 'opened_by', 'verified_by', name=op.f('uq_request_id_opened_by_verified_by')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_request_idempotency_key'))
    )
    op.create_index('ix_request_open', 'request', ['due'], unique=False, postgresql_where=sa.text("state not in ('closed', 'shredded')"))
    op.create_index('ix_request_wake_at', 'request', ['wake_at'], unique=False, postgresql_where=sa.text('wake_at is not null'))
    op.create_table('staff',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('roles', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff'))
    )
    op.create_table('staff_name',
    sa.Column('staff', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('staff', name=op.f('pk_staff_name'))
    )
    op.create_table('api_token',
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('staff', sa.Text(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['staff'], ['staff.id'], name=op.f('fk_api_token_staff')),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_api_token'))
    )
    op.create_table('approval',
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('asking', sa.Integer(), nullable=False),
    sa.Column('plan_hash', sa.Text(), nullable=False),
    sa.Column('opened_by', sa.Text(), nullable=False),
    sa.Column('verified_by', sa.Text(), nullable=False),
    sa.Column('first_by', sa.Text(), nullable=False),
    sa.Column('first_kid', sa.Text(), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('first_signature', sa.LargeBinary(), nullable=False),
    sa.Column('second_by', sa.Text(), nullable=True),
    sa.Column('second_kid', sa.Text(), nullable=True),
    sa.Column('second_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('second_signature', sa.LargeBinary(), nullable=True),
    sa.Column('entry', sa.Uuid(), nullable=True),
    sa.Column('void', sa.Boolean(), nullable=False),
    sa.CheckConstraint('first_by <> opened_by and first_by <> verified_by', name=op.f('ck_approval_first_is_a_third')),
    sa.CheckConstraint('second_by is null or (second_by <> first_by and second_by <> opened_by and second_by <> verified_by)', name=op.f('ck_approval_second_is_a_fourth')),
    sa.ForeignKeyConstraint(['request', 'opened_by', 'verified_by'], ['request.id', 'request.opened_by', 'request.verified_by'], name=op.f('fk_approval_request_opened_by_verified_by')),
    sa.PrimaryKeyConstraint('request', 'asking', name=op.f('pk_approval'))
    )
    op.create_table('custodian',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('manifest_hash', sa.Text(), nullable=False),
    sa.Column('admitted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('admitted_by', sa.Text(), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['manifest_hash'], ['manifest.hash'], name=op.f('fk_custodian_manifest_hash')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_custodian'))
    )
    op.create_table('identifier',
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('blind', sa.LargeBinary(), nullable=False),
    sa.Column('standing', sa.Text(), nullable=False),
    sa.Column('admitted_in', sa.Integer(), nullable=False),
    sa.Column('found_by', sa.Text(), nullable=True),
    sa.CheckConstraint("standing in ('admitted', 'proposed', 'rejected')", name=op.f('ck_identifier_standing')),
    sa.ForeignKeyConstraint(['request'], ['request.id'], name=op.f('fk_identifier_request')),
    sa.PrimaryKeyConstraint('request', 'n', name=op.f('pk_identifier'))
    )
    op.create_index('ix_identifier_blind', 'identifier', ['blind'], unique=False)
    op.create_table('plan_line',
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('custodian', sa.Text(), nullable=False),
    sa.Column('data_class', sa.Text(), nullable=False),
    sa.Column('manifest_hash', sa.Text(), nullable=False),
    sa.Column('required_level', sa.Integer(), nullable=False),
    sa.Column('previewed', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('said', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.ForeignKeyConstraint(['manifest_hash'], ['manifest.hash'], name=op.f('fk_plan_line_manifest_hash')),
    sa.ForeignKeyConstraint(['request'], ['request.id'], name=op.f('fk_plan_line_request')),
    sa.PrimaryKeyConstraint('request', 'custodian', 'data_class', name=op.f('pk_plan_line'))
    )
    op.create_table('report',
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('frozen', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('digest', sa.Text(), nullable=True),
    sa.Column('size', sa.Integer(), nullable=True),
    sa.Column('parts', sa.Integer(), nullable=True),
    sa.Column('sealed_key', sa.Text(), nullable=True),
    sa.Column('wanted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('built_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state in ('wanted', 'built', 'failed')", name=op.f('ck_report_state')),
    sa.ForeignKeyConstraint(['request'], ['request.id'], name=op.f('fk_report_request')),
    sa.PrimaryKeyConstraint('request', 'n', name=op.f('pk_report'))
    )
    op.create_index('ix_report_wanted', 'report', ['wanted_at'], unique=False, postgresql_where=sa.text("state = 'wanted'"))
    op.create_table('request_key',
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('use', sa.Text(), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=True),
    sa.Column('kek_id', sa.Text(), nullable=False),
    sa.Column('shredded_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("use in ('link', 'reply')", name=op.f('ck_request_key_use')),
    sa.ForeignKeyConstraint(['request'], ['request.id'], name=op.f('fk_request_key_request')),
    sa.PrimaryKeyConstraint('request', 'use', name=op.f('pk_request_key'))
    )
    op.create_table('custodian_key',
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('custodian', sa.Text(), nullable=False),
    sa.Column('use', sa.Text(), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retire_after', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("use in ('sign', 'seal')", name=op.f('ck_custodian_key_use')),
    sa.ForeignKeyConstraint(['custodian'], ['custodian.id'], name=op.f('fk_custodian_key_custodian')),
    sa.PrimaryKeyConstraint('kid', name=op.f('pk_custodian_key'))
    )
    op.create_table('task',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('custodian', sa.Text(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('asking', sa.Integer(), nullable=True),
    sa.Column('result', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('answered_by', sa.Text(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("operation <> 'erase' or asking is not null", name=op.f('ck_task_erase_has_approval')),
    sa.CheckConstraint("operation in ('collect', 'preview', 'erase', 'probe', 'halt')", name=op.f('ck_task_operation')),
    sa.CheckConstraint("state in ('planned', 'issued', 'waiting', 'halt_requested', 'halted', 'drifted', 'failed', 'done', 'waived', 'superseded')", name=op.f('ck_task_state')),
    sa.ForeignKeyConstraint(['request', 'asking'], ['approval.request', 'approval.asking'], name=op.f('fk_task_request_asking')),
    sa.ForeignKeyConstraint(['request'], ['request.id'], name=op.f('fk_task_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task')),
    sa.UniqueConstraint('request', 'custodian', 'operation', 'round', name=op.f('uq_task_request_custodian_operation_round'))
    )
    op.create_index('ix_task_open', 'task', ['custodian'], unique=False, postgresql_where=sa.text("state in ('issued', 'halt_requested')"))
    op.create_index('ix_task_wake_at', 'task', ['wake_at'], unique=False, postgresql_where=sa.text('wake_at is not null'))
    op.create_table('answer',
    sa.Column('task', sa.Uuid(), nullable=False),
    sa.Column('issue_no', sa.Integer(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('request', sa.Uuid(), nullable=False),
    sa.Column('signed', sa.LargeBinary(), nullable=False),
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['task'], ['task.id'], name=op.f('fk_answer_task')),
    sa.PrimaryKeyConstraint('task', 'issue_no', 'digest', name=op.f('pk_answer'))
    )
    op.create_index('ix_answer_request', 'answer', ['request'], unique=False)
    op.create_table('issue',
    sa.Column('task', sa.Uuid(), nullable=False),
    sa.Column('no', sa.Integer(), nullable=False),
    sa.Column('command', sa.Uuid(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('digest', sa.Text(), nullable=True),
    sa.Column('bearer_hash', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['task'], ['task.id'], name=op.f('fk_issue_task')),
    sa.PrimaryKeyConstraint('task', 'no', name=op.f('pk_issue'))
    )
    op.create_table('part',
    sa.Column('task', sa.Uuid(), nullable=False),
    sa.Column('issue_no', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('data_class', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('stored_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['task', 'issue_no'], ['issue.task', 'issue.no'], name=op.f('fk_part_task_issue_no')),
    sa.PrimaryKeyConstraint('task', 'issue_no', 'n', name=op.f('pk_part'))
    )
    op.execute("insert into audit_tree (id, size) values (1, 0)")
