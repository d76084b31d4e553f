"""How Alembic reaches the database: through the engine of the `Database` that is being opened."""

from alembic import context

from workingpapers.daily.tables import Base

engine = context.config.attributes["engine"]
with engine.connect().execution_options(writer=True) as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
