from uuid import UUID, uuid4

import pytest
from sqlalchemy import ARRAY, Integer, Select, Text, Uuid, any_, func, literal_column, select
from sqlalchemy.types import BigInteger

from muniment.postgres.fixed import (
    FixedStatement,
    FixedStatements,
    FreshStatement,
    Places,
    bind_value,
    in_places,
    keyed,
)
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements

IDS = [uuid4(), uuid4()]


def echo(places: Places) -> FixedStatement:
    return FixedStatement(
        select(
            places(0, BigInteger()),
            places("", Text()),
            func.coalesce(places(IDS[0], Uuid()), places(IDS[0], Uuid())),
            literal_column("'constant'"),
        ).where(places(1, Integer()) == any_(places([1], ARRAY(Integer()))))
    )


class TestFixedStatement:
    @pytest.mark.parametrize("count", [1, 3])
    async def test_gives_each_run_its_own_values(self, database: TestDatabase, count: int) -> None:
        statement = echo(Places())
        async with database.serving.begin(None) as session:
            connection = await session.connection()
            for number in range(count):
                values = [2**40 + number, f"'; --{number}", IDS[0], IDS[1], 7, [number, 7]]
                rows = await statement.run(connection, in_places(values))
                assert [tuple(row) for row in rows] == [
                    (2**40 + number, f"'; --{number}", IDS[0], "constant")
                ]

    async def test_without_a_value_does_not_run(self, database: TestDatabase) -> None:
        async with database.serving.begin(None) as session:
            with pytest.raises(KeyError, match="place_5"):
                await echo(Places()).run(
                    await session.connection(), in_places([1, "", IDS[0], IDS[1], 7])
                )

    async def test_runs_as_a_fresh_one_does(self, database: TestDatabase) -> None:
        places = Places()
        statement = select(places([""], ARRAY(Text())), places(UUID(int=0), Uuid()))
        values = in_places([["a", "b,{}"], IDS[0]])
        async with database.serving.begin(None) as session:
            connection = await session.connection()
            fixed = await FixedStatement(statement).run(connection, values)
            fresh = await FreshStatement(statement).run(connection, values)
        assert [tuple(row) for row in fixed] == [tuple(row) for row in fresh]

    def test_with_a_list_in_its_text_is_refused(self) -> None:
        with pytest.raises(ValueError, match="any"):
            FixedStatement(
                select(literal_column("1")).where(literal_column("2", Integer()).in_([1, 2]))
            )


class TestFixedStatements:
    def test_build_once_for_each_key(self) -> None:
        built: list[int] = []

        def build() -> Select[int]:
            built.append(len(built))
            return select(literal_column("1", Integer()))

        statements = FixedStatements()
        first = [statements.of(key, build) for key in ("a", "b")]

        assert [statements.of(key, build) for key in ("a", "b")] == first
        assert built == [0, 1]

    def test_let_the_least_recently_used_go(self) -> None:
        statements = FixedStatements(size=2)
        kept = {key: statements.of(key, lambda: select(literal_column("1"))) for key in "ab"}
        statements.of("a", lambda: select(literal_column("1")))
        statements.of("c", lambda: select(literal_column("1")))

        assert statements.of("a", lambda: select(literal_column("1"))) is kept["a"]
        assert statements.of("b", lambda: select(literal_column("1"))) is not kept["b"]

    def test_keep_nothing_without_a_key(self) -> None:
        statements = FixedStatements()
        one = statements.of(None, lambda: select(literal_column("1")))

        assert isinstance(one, FreshStatement)
        assert statements.of(None, lambda: select(literal_column("1"))) is not one


class TestKeyed:
    def test_is_no_key_when_a_part_is_none(self) -> None:
        assert keyed("probe", 7) == ("probe", 7)
        assert keyed("probe", None) is None


async def test_a_bound_value_stands_in_the_statement(database: TestDatabase) -> None:
    async with database.serving.begin(None) as session:
        with counted_statements() as statements:
            assert await session.scalar(select(bind_value(["x"], ARRAY(Text())))) == ["x"]
    assert len(statements) == 1
