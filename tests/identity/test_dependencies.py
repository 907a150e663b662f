from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.types import ASGIApp

from muniment.identity.dependencies import (
    CurrentPrincipal,
    Session,
    required_permissions,
    requires,
)
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.clock import SystemClock
from muniment.kit.errors import ConflictError
from tests.support.app import make_client, running_app
from tests.support.callers import ADMIN, CallerSpec, bearer, mint
from tests.support.database import TestDatabase

CanAudit = Annotated[Principal, Depends(requires(Permission.AUDIT_READ))]
router = APIRouter(prefix="/try")


@router.get("/audit")
async def try_audit(principal: CanAudit) -> str:
    return principal.subject


@router.get("/scope")
async def try_scope(session: Session, _: CurrentPrincipal) -> list[str]:
    row = await session.execute(
        text("select current_setting('muniment.tenant'), current_setting('muniment.principals')")
    )
    return list(row.one())


@router.post("/tenant/{name}")
async def try_write(name: str, session: Session, *, fail: bool = False) -> None:
    await session.execute(text("insert into tenant (name) values (:name)"), {"name": name})
    if fail:
        raise ConflictError("Not this time.")


@pytest.fixture
async def trial(local_issuer: LocalIssuer, database: TestDatabase) -> AsyncIterator[ASGIApp]:
    async with running_app(local_issuer, database, SystemClock(), router) as app:
        yield app


@pytest.fixture
async def alice(trial: ASGIApp, local_issuer: LocalIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(trial, local_issuer, CallerSpec("alice", groups=["/eng"])) as client:
        yield client


class TestRequires:
    async def test_lets_only_callers_with_the_permission_through(
        self, trial: ASGIApp, local_issuer: LocalIssuer, alice: httpx2.AsyncClient
    ) -> None:
        assert (await alice.get("/api/v1/try/audit")).status_code == 403
        root = make_client(trial, local_issuer, CallerSpec("root", roles=ADMIN))
        async with root:
            assert (await root.get("/api/v1/try/audit")).json() == "root"

    def test_can_be_found_in_the_tree_of_a_route(self) -> None:
        found = {
            route.path: list(required_permissions(route.dependant))
            for route in router.routes
            if isinstance(route, APIRoute)
        }
        assert found["/try/audit"] == [Permission.AUDIT_READ]
        assert found["/try/scope"] == []


class TestSession:
    async def test_works_for_the_caller(self, alice: httpx2.AsyncClient) -> None:
        me = (await alice.get("/api/v1/users/me")).json()
        tenant, principals = (await alice.get("/api/v1/try/scope")).json()
        assert int(tenant) > 0
        assert {"everyone", f"user:{me['id']}", "group:/eng"} <= set(principals.split("\x1f"))

    async def test_commits_before_the_answer(
        self, alice: httpx2.AsyncClient, database: TestDatabase
    ) -> None:
        assert (await alice.post("/api/v1/try/tenant/kept")).status_code == 200
        failed = await alice.post("/api/v1/try/tenant/dropped?fail=1")
        assert failed.status_code == 409
        async with database.owner.connect() as connection:
            names = await connection.scalars(text("select name from tenant order by id"))
            assert names.all() == ["default", "kept"]


class TestHeader:
    async def test_is_refused_where_there_are_two(
        self, alice: httpx2.AsyncClient, local_issuer: LocalIssuer
    ) -> None:
        other = mint(local_issuer, CallerSpec("bob"))
        headers = [(name, value) for name, value in alice.headers.items()]
        headers += list(bearer(other).items())
        response = await alice.get("/api/v1/users/me", headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    async def test_is_the_only_place_for_a_token(
        self, client: httpx2.AsyncClient, alice: httpx2.AsyncClient, local_issuer: LocalIssuer
    ) -> None:
        token = mint(local_issuer, CallerSpec("alice"))
        address = "/api/v1/users/me"
        for response in (
            await client.get(address, headers={"Cookie": f"token={token}"}),
            await client.get(f"{address}?access_token={token}"),
        ):
            assert response.json()["code"] == "authentication_required"
        response = await alice.get(f"{address}?access_token={token}")
        assert (response.status_code, response.json()["code"]) == (422, "unknown_parameter")
        assert token not in response.text
