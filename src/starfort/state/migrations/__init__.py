"""Alembic's environment for the state database; `versions` holds the migrations."""
