"""Who reads the audit, by what it is searched, and what it never tells."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

import httpx2
import pytest
from starlette.types import ASGIApp

from muniment.audit.repository import NEWEST_FIRST
from muniment.identity.local_issuer import ISSUER, LocalIssuer
from muniment.kit.clock import SystemClock
from muniment.oversight.router import router
from tests.support.app import ClientMaker, running_app
from tests.support.callers import ADMIN, AUDITOR
from tests.support.database import TestDatabase

AUDIT, USERS = "/api/v1/audit", "/api/v1/users"


class Shown(TypedDict):
    id: int
    created_at: str
    action: str
    outcome: str
    actor: str
    actor_id: str
    object: dict[str, str]
    details: dict[str, str | bool | None]
    request_id: str
    address: str
    count: int


"""An entry as the API shows it."""


@dataclass(frozen=True)
class Office:
    """An admin who has done something, and whoever may look at it."""

    admin: httpx2.AsyncClient
    auditor: httpx2.AsyncClient
    users: Sequence[str]


@pytest.fixture(scope="module")
async def app(local_issuer: LocalIssuer, migrated: TestDatabase) -> AsyncIterator[ASGIApp]:
    async with running_app(local_issuer, migrated, SystemClock(), router) as asgi:
        yield asgi


async def provision(client: httpx2.AsyncClient, subject: str) -> str:
    answer = await client.post(USERS, json={"issuer": ISSUER, "subject": subject})
    return str(answer.raise_for_status().json()["id"])


@pytest.fixture
async def office(client_of: ClientMaker) -> Office:
    admin, auditor = client_of("ada", roles=ADMIN), client_of("otto", roles=AUDITOR)
    return Office(admin, auditor, [await provision(admin, f"heron-{n}") for n in range(3)])


async def read(client: httpx2.AsyncClient, **wanted: object) -> list[Shown]:
    answer = await client.get(AUDIT, params={name: f"{value}" for name, value in wanted.items()})
    assert answer.status_code == 200, answer.text
    items: list[Shown] = answer.json()["items"]
    return items


class TestReaders:
    async def test_are_admins_and_auditors(self, office: Office) -> None:
        for client in (office.admin, office.auditor):
            assert [entry["object"]["id"] for entry in await read(client)] == office.users[::-1]

    @pytest.mark.parametrize("roles", [["member"], []])
    async def test_are_no_others(
        self, office: Office, client_of: ClientMaker, roles: list[str]
    ) -> None:
        answer = await client_of("eve", roles=roles).get(AUDIT)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")

    async def test_of_another_tenant_see_nothing_of_it(
        self, office: Office, client_of: ClientMaker
    ) -> None:
        theirs = client_of("fay", roles=ADMIN, tenant="elsewhere")
        assert await read(theirs) == []
        made = await provision(theirs, "stork")
        assert [entry["object"]["id"] for entry in await read(theirs)] == [made]
        assert len(await read(office.admin)) == 3


class TestEntry:
    async def test_says_who_did_what_when_and_from_where(self, office: Office) -> None:
        [entry] = await read(office.auditor, limit=1)
        me = (await office.admin.get(f"{USERS}/me")).json()["id"]
        assert (entry["action"], entry["outcome"]) == ("user.provisioned", "done")
        assert entry["object"] == {"kind": "user", "id": office.users[-1]}
        assert (entry["actor_id"], entry["count"]) == (me, 1)
        assert entry["actor"].startswith(f"{ISSUER}|")
        assert entry["address"] == "127.0.0.1"
        assert set(entry["details"].values()) == {None}

    async def test_tells_no_subject(self, office: Office) -> None:
        answer = await office.auditor.get(AUDIT)
        assert "heron" not in answer.text
        assert "ada" not in answer.text

    async def test_bears_the_name_of_its_request(self, office: Office) -> None:
        headers = {"X-Request-ID": "a-name-of-mine", "If-Match": "*"}
        path = f"{USERS}/{office.users[0]}"
        await office.admin.patch(path, json={"status": "disabled"}, headers=headers)
        [entry] = await read(office.admin, limit=1)
        assert (entry["action"], entry["request_id"]) == ("user.disabled", "a-name-of-mine")

    async def test_is_not_made_by_what_changes_nothing(self, office: Office) -> None:
        path = f"{USERS}/{office.users[0]}"
        for status in ("active", "disabled", "disabled", "active"):
            await office.admin.patch(path, json={"status": status}, headers={"If-Match": "*"})
        actions = [entry["action"] for entry in await read(office.admin)]
        assert actions[:3] == ["user.enabled", "user.disabled", "user.provisioned"]

    async def test_is_not_made_by_what_was_refused(self, office: Office) -> None:
        body = {"issuer": ISSUER, "subject": "heron-1"}
        assert (await office.admin.post(USERS, json=body)).status_code == 409
        assert len(await read(office.admin)) == 3


class TestFilters:
    async def test_choose_an_action(self, office: Office) -> None:
        await office.admin.delete(f"{USERS}/{office.users[1]}", headers={"If-Match": "*"})
        [entry] = await read(office.admin, action="user.erased")
        assert entry["object"]["id"] == office.users[1]

    async def test_choose_an_actor_by_each_of_their_names(
        self, office: Office, client_of: ClientMaker
    ) -> None:
        other = client_of("bea", roles=ADMIN)
        made = await provision(other, "stork")
        [entry] = await read(office.admin, limit=1)
        for actor in (entry["actor"], entry["actor_id"], f"{ISSUER}|bea"):
            found = await read(office.admin, actor=actor)
            assert [each["object"]["id"] for each in found] == [made]
        assert await read(office.admin, actor="nobody") == []

    async def test_choose_a_time_from_its_beginning_to_before_its_end(self, office: Office) -> None:
        newest, middle, oldest = await read(office.admin)
        found = await read(office.admin, since=middle["created_at"], until=newest["created_at"])
        assert found == [middle]
        later = datetime.fromisoformat(newest["created_at"]) + timedelta(microseconds=1)
        assert await read(office.admin, since=later.isoformat()) == []
        assert await read(office.admin, until=oldest["created_at"]) == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("action", "coffee.made"),
            ("actor", ""),
            ("actor", "a\0b"),
            ("actor", "x" * 513),
            ("since", "2026-12-01T00:00:00"),
            ("since", "yesterday"),
            ("until", "0001-01-01T00:00:00+14:00"),
            ("until", "9999-12-31T23:59:59-14:00"),
        ],
    )
    async def test_that_mean_nothing_are_refused(
        self, office: Office, name: str, value: str
    ) -> None:
        answer = await office.admin.get(AUDIT, params={name: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


class TestPages:
    async def test_follow_each_other_without_gap_or_repetition(self, office: Office) -> None:
        seen: list[str] = []
        params = {"limit": "2"}
        while True:
            page = (await office.admin.get(AUDIT, params=params)).raise_for_status().json()
            seen += [entry["object"]["id"] for entry in page["items"]]
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert seen == office.users[::-1]

    @pytest.mark.parametrize("number", ["", "x", "-1", "9" * 19, "9" * 30, "\u0661"])
    async def test_of_a_made_up_number_are_refused(self, office: Office, number: str) -> None:
        cursor = NEWEST_FIRST.encode((SystemClock().now(), number))
        answer = await office.admin.get(AUDIT, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
