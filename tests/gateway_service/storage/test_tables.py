import numpy as np
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from gateway_service.storage.database import Storage
from gateway_service.storage.tables import Base, embed_bytes, embed_of
from tests.support.stub_services import stub_embed


def test_migrations_create_the_mapped_tables(storage: Storage, database_url: str) -> None:
    storage.migrate()
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_embedding_is_decoded_as_it_was_encoded() -> None:
    embed = stub_embed(3)

    stored = embed_bytes(embed)

    assert len(stored) == 1024
    assert np.array_equal(embed_of(stored), embed)
