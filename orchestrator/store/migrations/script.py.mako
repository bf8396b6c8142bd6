"""${message}

A migration must not wait long for a lock: `lock_timeout` is set by the caller. What must run before the new code and
what may only run after the old code is gone are never in one file. There is no way back: write the next one instead.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
