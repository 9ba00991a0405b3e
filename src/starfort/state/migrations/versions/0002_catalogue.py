"""What templates are learned from, versions of APIs, and what people decided about paths."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("catalogue_shapes", sa.Column("evidence", sa.Text, nullable=False, server_default="{}"))
    op.create_table(
        "catalogue_apis",
        sa.Column("api", sa.String(64), primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_table(
        "catalogue_decisions",
        sa.Column("api", sa.String(64), primary_key=True),
        sa.Column("pattern", sa.String(2048), primary_key=True),
        sa.Column("segments", sa.String(8), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
