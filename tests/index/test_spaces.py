from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.index.settings import VectorSettings
from muniment.index.spaces import ensure_space, find_space
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import EmbedderIdentity
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements

SMALL = EmbedderIdentity("small", 4, "1")
LARGE = EmbedderIdentity("large", 8, "1")
HNSW = VectorSettings(index="hnsw")
IVFFLAT = VectorSettings(index="ivfflat")


async def ensure(
    database: TestDatabase, identity: EmbedderIdentity, settings: VectorSettings = HNSW
) -> int:
    async with database.owner.connect() as owner:
        return (await ensure_space(owner, identity, settings)).id


def replaced(settings: VectorSettings, **changes: object) -> VectorSettings:
    return settings.model_copy(update=changes)


async def indexes(database: TestDatabase) -> dict[str, str]:
    async with database.owner.connect() as owner:
        found = await owner.execute(
            text(
                "select c.relname, pg_get_indexdef(c.oid) as definition from pg_class c"
                " join pg_index i on i.indexrelid = c.oid"
                " where c.relname like 'chunk_vector_space_%' and i.indisvalid"
            )
        )
        return {row.relname: row.definition for row in found}


async def add_vector(owner: AsyncConnection, space: int, values: list[float]) -> None:
    await owner.execute(
        text(
            "insert into chunk_vector (chunk_id, space, document_id, tenant_id, embedding)"
            " values (1, :space, gen_random_uuid(), 1, cast(:values as halfvec))"
        ),
        {"space": space, "values": str(values)},
    )


class TestEnsureSpace:
    async def test_registers_a_space_and_builds_its_index(self, database: TestDatabase) -> None:
        space = await ensure(database, SMALL)

        definition = (await indexes(database))[f"chunk_vector_space_{space}"]
        assert "USING hnsw (((embedding)::halfvec(4)) halfvec_ip_ops)" in definition
        assert "WITH (m='24', ef_construction='128')" in definition
        assert definition.endswith(f"WHERE (space = {space})")

    async def test_again_gives_the_same_one_and_builds_nothing(
        self, database: TestDatabase
    ) -> None:
        first = await ensure(database, SMALL)

        with counted_statements() as statements:
            assert await ensure(database, SMALL) == first

        assert len(statements) == 2

    async def test_again_and_again_uses_up_no_numbers(self, database: TestDatabase) -> None:
        first = await ensure(database, SMALL)
        for _ in range(5):
            await ensure(database, SMALL)

        assert await ensure(database, LARGE) == first + 1

    @pytest.mark.parametrize(
        "other",
        [
            replace(SMALL, name="other"),
            replace(SMALL, revision="2"),
            replace(SMALL, dimension=5),
            replace(SMALL, metric="l2"),
        ],
    )
    async def test_is_another_one_when_any_part_of_the_identity_differs(
        self, database: TestDatabase, other: EmbedderIdentity
    ) -> None:
        assert await ensure(database, SMALL) != await ensure(database, other)

    async def test_lets_two_spaces_of_different_width_live_side_by_side(
        self, database: TestDatabase
    ) -> None:
        small, large = await ensure(database, SMALL), await ensure(database, LARGE)

        async with database.owner.begin() as owner:
            await add_vector(owner, small, [1.0] * 4)
            await add_vector(owner, large, [1.0] * 8)
        async with database.owner.connect() as owner:
            # With two rows every plan is cheap: leave only the one that is looked for.
            await owner.execute(text("set enable_seqscan = off"))
            await owner.execute(text("set enable_sort = off"))
            await owner.execute(text("set enable_bitmapscan = off"))
            for space, width in ((small, 4), (large, 8)):
                statement = (
                    f"select chunk_id from chunk_vector where space = {space} order by"
                    f" (embedding::halfvec({width})) <#> cast('{[1.0] * width}' as halfvec) limit 1"
                )
                found = await owner.exec_driver_sql(statement)
                assert found.scalars().all() == [1]
                plan = await owner.exec_driver_sql(f"explain {statement}")
                assert f"chunk_vector_space_{space}" in "\n".join(plan.scalars())

    async def test_builds_the_index_again_that_a_cut_off_build_left_behind(
        self, database: TestDatabase
    ) -> None:
        space = await ensure(database, SMALL)
        name = f"chunk_vector_space_{space}"
        async with database.owner.connect() as owner:
            plain = await owner.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(text(f"drop index {name}"))
            await add_vector(plain, space, [1.0] * 8)
            with pytest.raises(DBAPIError, match="dimensions"):
                await plain.execute(
                    text(
                        f"create index concurrently {name} on chunk_vector using hnsw"
                        f" ((embedding::halfvec(4)) halfvec_ip_ops) where space = {space}"
                    )
                )
            await plain.execute(text("delete from chunk_vector"))
        assert await indexes(database) == {}

        assert await ensure(database, SMALL) == space

        assert list(await indexes(database)) == [name]

    async def test_leaves_the_connection_usable_when_the_build_fails(
        self, database: TestDatabase
    ) -> None:
        space = await ensure(database, SMALL)
        async with database.owner.begin() as owner:
            await owner.execute(text(f"drop index chunk_vector_space_{space}"))
            await add_vector(owner, space, [1.0] * 8)

        async with database.owner.connect() as owner:
            with pytest.raises(DBAPIError, match="dimensions"):
                await ensure_space(owner, SMALL, HNSW)
            async with owner.begin():
                await owner.execute(text("delete from chunk_vector"))
            await ensure_space(owner, SMALL, HNSW)

        assert len(await indexes(database)) == 1

    async def test_changes_the_kind_of_index_with_the_setting(self, database: TestDatabase) -> None:
        space = await ensure(database, SMALL)

        assert await ensure(database, SMALL, IVFFLAT) == space

        definitions = list((await indexes(database)).values())
        assert len(definitions) == 1
        assert "USING ivfflat" in definitions[0]
        assert "lists='20'" in definitions[0]

    async def test_fits_the_lists_to_the_vectors_when_it_is_rebuilt(
        self, database: TestDatabase
    ) -> None:
        space = await ensure(database, SMALL, IVFFLAT)
        async with database.owner.begin() as owner:
            await owner.execute(
                text(
                    "insert into chunk_vector (chunk_id, space, document_id, tenant_id, embedding)"
                    " select n, :space, gen_random_uuid(), 1, cast(array[sin(n), cos(n), 0, 0]"
                    " as halfvec) from generate_series(1, 22000) n"
                ),
                {"space": space},
            )

        await ensure(database, SMALL, IVFFLAT)
        assert "lists='20'" in str(await indexes(database))
        async with database.owner.connect() as owner:
            await ensure_space(owner, SMALL, IVFFLAT, rebuild=True)

        assert list(await indexes(database)) == [f"chunk_vector_space_{space}"]
        assert "lists='22'" in str(await indexes(database))

    async def test_gives_the_build_the_memory_of_the_settings(self, database: TestDatabase) -> None:
        # IVFFlat takes a sample of ten thousand vectors at least: 80 MB of such wide ones.
        wide = EmbedderIdentity("wide", 4000, "1")
        space = await ensure(database, wide)
        async with database.owner.begin() as owner:
            await add_vector(owner, space, [1.0, *[0.0] * 3999])

        with pytest.raises(DBAPIError, match="memory required"):
            await ensure(database, wide, replaced(IVFFLAT, build_memory_mib=64))
        await ensure(database, wide, IVFFLAT)

        assert "USING ivfflat" in str(await indexes(database))

    async def test_leaves_the_indexes_of_other_spaces_as_they_are(
        self, database: TestDatabase
    ) -> None:
        small, large = await ensure(database, SMALL), await ensure(database, LARGE)

        await ensure(database, SMALL, IVFFLAT)

        found = await indexes(database)
        assert "USING ivfflat" in found[f"chunk_vector_space_{small}"]
        assert "USING hnsw" in found[f"chunk_vector_space_{large}"]

    async def test_keeps_the_old_index_until_the_new_one_is_there(
        self, database: TestDatabase
    ) -> None:
        space = await ensure(database, SMALL)
        name = f"chunk_vector_space_{space}"
        async with database.owner.connect() as owner:
            plain = await owner.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(text(f"drop index {name}"))
            await add_vector(plain, space, [1.0] * 8)
            await plain.execute(text(f"create index {name} on chunk_vector (space)"))
        async with database.owner.connect() as owner:
            with pytest.raises(DBAPIError, match="dimensions"):
                await ensure_space(owner, SMALL, HNSW)

        assert name in await indexes(database)

    async def test_refuses_more_dimensions_than_can_be_indexed(
        self, database: TestDatabase
    ) -> None:
        with pytest.raises(ConfigurationError, match="4001 dimensions"):
            await ensure(database, replace(SMALL, dimension=4001))


class TestFindSpace:
    async def test_gives_what_was_registered(self, database: TestDatabase) -> None:
        space = await ensure(database, LARGE)

        async with database.serving.begin(None) as session:
            found = await find_space(session, LARGE)

        assert (found.id, found.dimension) == (space, 8)

    async def test_names_an_embedder_that_is_unknown(self, database: TestDatabase) -> None:
        async with database.serving.begin(None) as session:
            with pytest.raises(ConfigurationError, match=r"large \(1\)") as refusal:
                await find_space(session, LARGE)

        assert refusal.value.hint is not None
        assert "muniment migrate" in refusal.value.hint
