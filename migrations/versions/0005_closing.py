"""How a run that is stopped shall be closed, beside leaving all as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("closing", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_accounts_closing"), "accounts", "closing IN ('cancel', 'market', 'limit')")
    op.execute("GRANT UPDATE (closing) ON accounts TO tradefleet_api")


def downgrade() -> None:
    op.drop_constraint("ck_accounts_closing", "accounts")
    op.drop_column("accounts", "closing")
