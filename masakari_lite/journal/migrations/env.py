"""What alembic runs: the migrations, on the connection that schema.upgrade() opened."""

from alembic import context

from masakari_lite.journal import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
