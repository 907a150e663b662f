from sqlalchemy import text

from tests.support.database import TestDatabase


class TestTables:
    async def test_serving_role_sees_no_rows_without_scope(self, database: TestDatabase) -> None:
        async with database.serving.begin(None) as session:
            assert (await session.execute(text("select count(*) from document"))).scalar_one() == 0
