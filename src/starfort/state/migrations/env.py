"""What Alembic runs to apply migrations: on the connection that `starfort.state.migrate` opened."""

from alembic import context

from starfort.state.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite takes part in transactions with CREATE TABLE too; Alembic assumes that it does not.
    transactional_ddl=True,
    # SQLite changes columns only by making the table anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
