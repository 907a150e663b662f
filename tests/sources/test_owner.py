"""In whose name a source is fetched, and what becomes of it when they may not any more."""

from dataclasses import replace
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from muniment.identity.permissions import permissions_of
from muniment.identity.principal import Principal
from muniment.sources.owner import Renewal
from muniment.sources.tasks import plan_fetches
from tests.library.arrange import give, name_of, restrict
from tests.sources.arrange import (
    HOST,
    PAGE,
    SOURCES,
    Shown,
    add_source,
    claim,
    fetcher,
    originals,
    outcome,
    read_source,
    refetch,
    run,
)
from tests.support.callers import MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.web_server import WebServer
from tests.support.whole_product import WholeProduct


async def column_of(database: TestDatabase, source: Shown, column: str) -> object:
    async with database.owner.connect() as owner:
        found = await owner.execute(
            text(f"select {column} from source where id = :id"), {"id": UUID(source["id"])}
        )
        value: object = found.scalar_one()
        return value


class TestOwner:
    async def test_who_may_not_write_any_more_stops_the_source(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        async with product.client(CallerSpec("edith", MEMBER)) as edith:
            name = await name_of(edith)
            await give(alice, collection, name, "editor")
            source = await add_source(edith, collection, web.url(PAGE), refetch_every="PT1H")
            await product.finish_jobs()
            await give(alice, collection, name, "reader")
            await alice.post(f"{SOURCES}/{source['id']}/fetch")
            web.asked.clear()
            await product.finish_jobs()
            stopped = await read_source(alice, source)
            assert (stopped["status"], stopped["next_fetch_at"]) == ("stopped", None)
            assert stopped["error"] is not None
            assert stopped["error"]["code"] == "rights_lost"
            assert web.asked == []
            taken = await add_source(alice, collection, web.url(PAGE))
            await product.finish_jobs()
            assert taken["id"] == source["id"]
            assert await outcome(alice, source) == ("ready", None)

    @pytest.mark.parametrize("asked", [[], [PAGE]])
    async def test_a_disabled_owner_stops_it_before_and_after_the_fetch(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
        asked: list[str],
    ) -> None:
        async def disable() -> None:
            await run(migrated, "update account set status = 'disabled' where subject = 'eve'")

        async with product.client(CallerSpec("eve", MEMBER)) as eve:
            await give(alice, collection, await name_of(eve), "editor")
            source = await add_source(eve, collection, web.url(PAGE, HOST))
        job = await claim(migrated.worker)
        if not asked:
            await disable()
        files = originals(product)
        await fetcher(product, migrated.worker, meanwhile=disable).work(job)
        assert await outcome(alice, source) == ("stopped", "rights_lost")
        assert web.paths() == asked
        assert originals(product) == files
        await run(migrated, "update account set status = 'active' where subject = 'eve'")

    async def test_a_rule_that_shuts_the_owner_out_stops_it(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        async with product.client(CallerSpec("edith", MEMBER)) as edith:
            await give(alice, collection, await name_of(edith), "editor")
            source = await add_source(alice, collection, web.url(PAGE))
            await product.finish_jobs()
            await add_source(edith, collection, web.url(PAGE))
            document = (await read_source(alice, source))["document_id"] or ""
            await restrict(alice, document, {"any_of": ["group:/eng"]})
            await product.finish_jobs()
        assert await outcome(alice, source) == ("stopped", "rights_lost")

    async def test_rights_of_a_provider_grow_old_and_those_of_this_machine_do_not(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        await alice.post(f"{SOURCES}/{source['id']}/fetch")
        await run(migrated, "update source set verified_at = now() - interval '25 hours'")
        await product.finish_jobs()
        assert await outcome(alice, source) == ("ready", None)
        await alice.post(f"{SOURCES}/{source['id']}/fetch")
        await run(migrated, "update source set verified_at = now() - interval '25 hours'")
        job = await claim(migrated.worker)
        issuer = "update account set issuer = :issuer where subject = 'alice'"
        await run(migrated, issuer, issuer="https://sso.example")
        await fetcher(product, migrated.worker).work(job)
        await run(migrated, issuer, issuer=ISSUER)
        assert await outcome(alice, source) == ("stopped", "rights_expired")
        assert (await refetch(product, alice, source))["status"] == "ready"

    async def test_what_stopped_for_old_rights_goes_on_when_its_owner_comes_again(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        settings = product.serving.shared.settings.identity
        renewal = Renewal(migrated.serving, settings)
        me = (await alice.get("/api/v1/users/me")).json()
        user = UUID(me["id"])
        issuer = "https://sso.example"
        comes_from = "update account set issuer = :issuer where id = :id"
        member, other = frozenset(MEMBER), frozenset({"/new"})
        principal = Principal(
            user_id=user,
            tenant_id=int(str(await column_of(migrated, source, "tenant_id"))),
            tenant="default",
            issuer=issuer,
            subject="alice",
            roles=member,
            groups=other,
            attributes={},
            permissions=permissions_of(member, settings.roles),
            group_prefix="/",
        )
        await renewal.renew(principal)
        assert await column_of(migrated, source, "groups") == []  # what is young is left alone
        await alice.post(f"{SOURCES}/{source['id']}/fetch")
        await run(migrated, "update source set verified_at = now() - interval '25 hours'")
        await run(migrated, comes_from, issuer=issuer, id=user)
        await product.finish_jobs()
        assert await plan_fetches(migrated.worker) == 0
        await renewal.renew(replace(principal, issuer=ISSUER))
        assert await column_of(migrated, source, "groups") == []
        await renewal.renew(principal)
        assert await column_of(migrated, source, "groups") == ["/new"]
        assert await plan_fetches(migrated.worker) == 1
        await product.finish_jobs()
        await run(migrated, comes_from, issuer=ISSUER, id=user)
        assert await outcome(alice, source) == ("ready", None)

    async def test_an_erased_owner_leaves_no_rights_behind(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        async with product.client(CallerSpec("erin", MEMBER, groups=("/eng",))) as erin:
            await give(alice, collection, await name_of(erin), "editor")
            source = await add_source(erin, collection, web.url(PAGE))
            await run(migrated, "update account set status = 'erased' where subject = 'erin'")
        async with migrated.owner.connect() as owner:
            found = await owner.execute(
                text("select roles, groups, attributes from source where id = :id"),
                {"id": UUID(source["id"])},
            )
            assert found.one() == ([], [], {})
        await product.finish_jobs()
        assert await outcome(alice, source) == ("stopped", "rights_lost")
