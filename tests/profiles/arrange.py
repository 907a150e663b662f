"""Short ways to what most tests of users begin with."""

import httpx2

from muniment.identity.local_issuer import ISSUER

ME = "/api/v1/users/me"
USERS = "/api/v1/users"


async def path_of(client: httpx2.AsyncClient) -> str:
    """Sign in as the client's caller and give the address under which admins find them."""
    return f"{USERS}/{(await client.get(ME)).json()['id']}"


async def patch(
    client: httpx2.AsyncClient, path: str, body: object, *, based_on: str | None = None
) -> httpx2.Response:
    """Change an object as last read, or as it was when it had another entity tag."""
    etag = based_on or (await client.get(path)).headers["ETag"]
    return await client.patch(path, json=body, headers={"If-Match": etag})


async def disable(admin: httpx2.AsyncClient, path: str) -> None:
    response = await patch(admin, path, {"status": "disabled"})
    assert response.status_code == 200


async def add_user(admin: httpx2.AsyncClient, subject: str) -> httpx2.Response:
    return await admin.post(USERS, json={"issuer": ISSUER, "subject": subject})
