"""The trigger on documents, and the functions that run with the rights of the owner."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text

from muniment.postgres.unit_of_work import Scope
from tests.postgres.town import READER, Town
from tests.support.wall_rows import acl_of, add_grant


class TestNamesOfADocument:
    async def acl(self, town: Town) -> list[str]:
        async with town.database.owner.connect() as owner:
            return await acl_of(owner, town.my_document)

    async def test_are_the_creators_alone_without_a_rule(self, town: Town) -> None:
        assert await self.acl(town) == [town.mine.creator]

    async def test_cannot_be_written(self, town: Town) -> None:
        async with town.database.serving.begin(Scope(1, READER)) as session:
            await session.execute(text("update document set acl = '{1:group:/readers,1:role:spy}'"))

        assert await self.acl(town) == [town.mine.creator]

    async def test_follow_the_rule(self, town: Town) -> None:
        seen = []
        for names in (["zoe", "role:y", "zoe"], [], None):
            async with town.database.owner.begin() as owner:
                await owner.execute(
                    text("update document set rule_principals = cast(:names as text[])"),
                    {"names": names},
                )
            seen.append(await self.acl(town))

        creator = town.mine.creator
        assert seen == [["role:y", creator, "zoe"], [creator], [creator]]

    async def test_carry_the_tenant_of_the_document(self, town: Town) -> None:
        async with town.database.owner.begin() as owner:
            await owner.execute(text("update document set tenant_id = 2, rule_principals = '{a}'"))
            found = await owner.execute(
                text("select acl from document where id = :id"), {"id": town.my_document}
            )
            assert sorted(found.scalar_one()) == ["2:a", f"2:{town.mine.creator}"]

    async def test_vanish_with_the_collection(self, town: Town) -> None:
        async with town.database.worker.begin(Scope(1)) as session:
            await session.execute(text("delete from collection"))

        async with town.database.owner.connect() as owner:
            for table in ("collection_grant", "document", "document_version", "chunk"):
                left = await owner.execute(text(f"select tenant_id from {table}"))
                assert left.scalars().all() == [2]


class TestSignIn:
    async def sign_in(self, town: Town, *values: str) -> Sequence[object]:
        async with town.database.serving.begin(None) as session:
            names = dict(zip("ist", values, strict=True))
            found = await session.execute(
                text("select account_id, tenant_id from muniment_sign_in(:i, :s, :t)"), names
            )
            return [tuple(row) for row in found]

    async def test_gives_the_one_account_of_issuer_subject_and_tenant(self, town: Town) -> None:
        found = await self.sign_in(town, "https://issuer", "subject", "tenant-2")

        assert found == [(town.theirs.account, 2)]

    @pytest.mark.parametrize(
        "values",
        [
            ("https://issuer", "subject", "%"),
            ("https://issuer", "%", "tenant-1"),
            ("other", "subject", "tenant-1"),
        ],
    )
    async def test_gives_nothing_for_any_other_name(
        self, town: Town, values: tuple[str, str, str]
    ) -> None:
        assert await self.sign_in(town, *values) == []

    async def test_is_not_fooled_by_a_temporary_table(self, town: Town) -> None:
        database = town.database
        async with database.temporary_tables(), database.serving.begin(None) as session:
            await session.execute(text("create temp table account (like public.account)"))
            found = await session.execute(
                text("select * from muniment_sign_in('https://issuer', 'subject', 'tenant-1')")
            )
            assert len(found.all()) == 1
            await session.execute(text("drop table pg_temp.account"))


class TestErasure:
    async def erase(self, town: Town, account: UUID, scope: Scope) -> bool:
        async with town.database.serving.begin(scope) as session:
            found = await session.execute(
                text("select muniment_erase_account(:id)"), {"id": account}
            )
            erased: bool = found.scalar_one()
            return erased

    @pytest.fixture
    async def with_rights(self, town: Town) -> Town:
        subject = "user:https://issuer|subject"
        async with town.database.owner.begin() as owner:
            for library in (town.mine, town.theirs):
                await add_grant(owner, library, subject, "owner")
                await add_grant(owner, library, library.creator, "reader")
                await owner.execute(
                    text(
                        "update document set rule_principals = :names, rule ="
                        " jsonb_build_object('any_of', to_jsonb(cast(:names as text[])))"
                        " where tenant_id = :tenant"
                    ),
                    {"names": [subject, "role:x"], "tenant": library.tenant},
                )
        return town

    async def test_removes_names_profile_and_answers(self, with_rights: Town) -> None:
        town = with_rights
        assert await self.erase(town, town.mine.account, Scope(1)) is True

        async with town.database.owner.connect() as owner:
            account = await owner.execute(
                text("select status, issuer, subject, revision from account where tenant_id = 1")
            )
            grants = await owner.execute(
                text("select principal, role from collection_grant where tenant_id = 1 order by 1")
            )
            rule = await owner.execute(
                text("select rule, rule_principals from document where tenant_id = 1")
            )
            assert tuple(account.one()) == ("erased", "erased", str(town.mine.account), 2)
            assert [tuple(row) for row in grants] == [
                ("group:/readers", "reader"),
                ("role:admin", "owner"),
            ]
            assert tuple(rule.one()) == ({"any_of": ["role:x"]}, ["role:x"])
            for table in ("profile", "idempotency_key"):
                left = await owner.execute(text(f"select tenant_id from {table}"))
                assert left.scalars().all() == [2]

    async def test_leaves_a_collection_to_its_other_owners(self, with_rights: Town) -> None:
        town = with_rights
        async with town.database.owner.begin() as owner:
            await add_grant(owner, town.mine, "user:other", "owner")

        await self.erase(town, town.mine.account, Scope(1))

        async with town.database.owner.connect() as owner:
            owners = await owner.execute(
                text(
                    "select principal from collection_grant where tenant_id = 1 and role = 'owner'"
                )
            )
            assert owners.scalars().all() == ["user:other"]

    async def test_leaves_the_other_tenant_as_it_was(self, with_rights: Town) -> None:
        town = with_rights
        await self.erase(town, town.mine.account, Scope(1))

        async with town.database.owner.connect() as owner:
            left = await owner.execute(
                text("select count(*) from collection_grant where tenant_id = 2")
            )
            rule = await owner.execute(
                text("select rule_principals from document where tenant_id = 2")
            )
            assert left.scalar_one() == 3
            assert len(rule.scalar_one()) == 2

    @pytest.mark.parametrize("scope", [None, Scope(2), Scope(3)])
    async def test_reaches_nobody_of_another_tenant(
        self, with_rights: Town, scope: Scope | None
    ) -> None:
        town = with_rights
        async with town.database.serving.begin(scope) as session:
            found = await session.execute(
                text("select muniment_erase_account(:id)"), {"id": town.mine.account}
            )
            assert found.scalar_one() is False

    async def test_happens_once(self, with_rights: Town) -> None:
        town = with_rights
        assert await self.erase(town, town.mine.account, Scope(1)) is True
        assert await self.erase(town, town.mine.account, Scope(1)) is False
