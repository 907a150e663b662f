"""Everything that leaves an entry, done with words that nobody may find in the audit."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from muniment.audit.acts import Action
from muniment.identity.local_issuer import ISSUER
from tests.library.arrange import add, restrict
from tests.support.callers import ADMIN, MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.trail import trail_of
from tests.support.whole_product import WholeProduct, whole_product

CANARY = "yellowhammer"
ANY = {"If-Match": "*"}
ELSEWHERE = {
    Action.KEY_MADE,
    Action.KEY_REVOKED,
    Action.LOGOUT,
    Action.SESSION_ENDED,
    Action.SESSION_STARTED,
}
"""Tried with the packages that leave them."""


@pytest.fixture
async def product(migrated: TestDatabase, tmp_path: Path) -> AsyncIterator[WholeProduct]:
    async with whole_product(migrated, tmp_path) as opened:
        yield opened


async def do_everything(client: httpx2.AsyncClient) -> None:
    """Do what is written down, with the canary in each name, text, address and rule."""
    body = {"name": CANARY, "description": CANARY}
    collection = (await client.post("/api/v1/collections", json=body)).json()["id"]
    path = f"/api/v1/collections/{collection}"
    default = {"default_access": {"any_of": [f"group:/{CANARY}"]}}
    (await client.patch(path, json=default, headers=ANY)).raise_for_status()
    grant = {"principal": f"user:{ISSUER}|{CANARY}-waiting", "role": "reader"}
    (await client.post(f"{path}/grants", json=grant)).raise_for_status()
    taken = {"principal": grant["principal"]}
    (await client.delete(f"{path}/grants", params=taken)).raise_for_status()
    document = await add(client, collection, f"{CANARY}.txt", f"A {CANARY} sings.".encode())
    rule = {"any_of": [f"group:/{CANARY}/other", f"group:/{CANARY}"]}
    (await restrict(client, document, rule)).raise_for_status()
    source = await client.post(f"{path}/sources", json={"url": f"http://10.0.0.1/{CANARY}"})
    here = f"/api/v1/sources/{source.raise_for_status().json()['id']}"
    (await client.delete(here, headers=ANY)).raise_for_status()
    (await client.delete(f"/api/v1/documents/{document}", headers=ANY)).raise_for_status()
    (await client.delete(path, headers=ANY)).raise_for_status()
    body = {"issuer": ISSUER, "subject": f"{CANARY}-made"}
    user = f"/api/v1/users/{(await client.post('/api/v1/users', json=body)).json()['id']}"
    for status in ("disabled", "active"):
        changed = await client.patch(user, json={"status": status}, headers=ANY)
        changed.raise_for_status()
    (await client.delete(user, headers=ANY)).raise_for_status()


async def be_refused(product: WholeProduct) -> None:
    """Show the canary at every place where somebody who is refused may put it."""
    async with product.client(CallerSpec(CANARY, ())) as client:
        headers = {"User-Agent": CANARY, "Referer": f"http://{CANARY}/"}
        answer = await client.get(f"/api/v1/users?cursor={CANARY}", headers=headers)
        assert answer.status_code == 403
    async with product.client(None) as client:
        headers = {"Authorization": f"Bearer {CANARY}", "Cookie": f"a={CANARY}"}
        assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


async def test_holds_no_word_of_users(product: WholeProduct, migrated: TestDatabase) -> None:
    spec = CallerSpec(f"{CANARY}-admin", (*MEMBER, *ADMIN), groups=(f"/{CANARY}",))
    async with product.client(spec) as client:
        await do_everything(client)
    await be_refused(product)
    await product.serving.sign_in.counter.flush()
    left = {entry.action for entry in await trail_of(migrated)}
    assert left == {action.value for action in Action if action not in ELSEWHERE}
    async with migrated.owner.connect() as owner:
        everything = await owner.scalar(text("select string_agg(e::text, ' ') from audit_entry e"))
    assert CANARY not in str(everything).lower()
