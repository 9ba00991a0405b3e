"""A table for the schemas that were learned."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "catalogue_schemas",
        sa.Column("endpoint_id", sa.String(16), primary_key=True),
        sa.Column("api", sa.String(64), nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_catalogue_schemas_api", "catalogue_schemas", ["api"], if_not_exists=True)
