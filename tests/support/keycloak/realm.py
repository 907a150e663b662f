"""The realm of the guide on a running Keycloak, and what its administrator does there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter
from pydantic.alias_generators import to_camel

from tests.support.keycloak.server import Keycloak

REALM_FILE: Final = Path(__file__).parents[3] / "examples" / "keycloak" / "muniment-realm.json"
NAME: Final = "muniment"
SECRETS: Final = {
    client: f"local-only-{client.removeprefix('muniment-')}-secret"
    for client in (
        *("muniment-api", "muniment-web", "muniment-service", "muniment-test"),
        *("foreign-app", "foreign-app-full"),
    )
}
"""As they stand in the file."""
_OBJECT: Final = TypeAdapter(dict[str, JsonValue])
_OBJECTS: Final = TypeAdapter(list[dict[str, JsonValue]])


class Tokens(BaseModel):
    """What the token endpoint answers."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    access_token: str
    refresh_token: str | None = None
    id_token: str | None = None
    expires_in: int


class _User(BaseModel):
    """A user as the file has them."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)

    username: str
    enabled: bool = True
    email_verified: bool = True
    first_name: str = ""
    last_name: str = ""
    attributes: dict[str, list[str]] = {}
    groups: list[str] = []
    client_roles: dict[str, list[str]] = {}


class _File(BaseModel):
    """The file, as far as it is read here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    users: list[_User]


_FILE: Final = _File.model_validate_json(REALM_FILE.read_bytes())


@dataclass(frozen=True)
class Realm:
    """A realm, as clients of it and as its administrator."""

    keycloak: Keycloak

    @property
    def issuer(self) -> str:
        """Give what stands in `iss`."""
        return f"{self.keycloak.address}/realms/{NAME}"

    @property
    def endpoint(self) -> str:
        """Give the address below which the endpoints of the protocol are."""
        return f"{self.issuer}/protocol/openid-connect"

    async def make(self) -> None:
        """Make the realm from the file."""
        body = REALM_FILE.read_bytes()
        await self.manage("POST", "/admin/realms", content=body)

    async def token_of(
        self, user: str, client: str = "muniment-test", scope: str = "openid"
    ) -> Tokens:
        """Give tokens for a user by name and password, as only clients for trying out may ask."""
        answer = await self.ask(
            "token", client, grant_type="password", username=user, scope=scope,
            password=f"{user}-password",
        )  # fmt: skip
        return Tokens.model_validate_json(answer.raise_for_status().content)

    async def service_token(self, client: str = "muniment-service") -> Tokens:
        """Give the token of a program without a person."""
        answer = await self.ask("token", client, grant_type="client_credentials")
        return Tokens.model_validate_json(answer.raise_for_status().content)

    async def ask(self, endpoint: str, client: str, **fields: str) -> httpx2.Response:
        """Post to an endpoint as a client."""
        async with self.keycloak.client() as http:
            return await http.post(
                f"{self.endpoint}/{endpoint}", data=fields, auth=(client, SECRETS[client])
            )

    async def manage(
        self, verb: str, path: str, *, content: bytes | None = None, json: JsonValue = None
    ) -> httpx2.Response:
        """Do something as the administrator; paths of the realm may be written from `/` on."""
        whole = path if path.startswith("/admin") else f"/admin/realms/{NAME}{path}"
        async with self.keycloak.client() as http:
            signed_in = await http.post(
                "/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": self.keycloak.admin,
                    "password": self.keycloak.password,
                },
            )
            token = Tokens.model_validate_json(signed_in.raise_for_status().content)
            headers = {"Authorization": f"Bearer {token.access_token}"}
            if content is None:
                answer = await http.request(verb, whole, headers=headers, json=json)
            else:
                headers["Content-Type"] = "application/json"
                answer = await http.request(verb, whole, headers=headers, content=content)
            return answer.raise_for_status()

    async def add_user(self, name: str, like: str, organisation: str | None = "acme") -> None:
        """Add a user with the roles, groups and attributes of one in the file."""
        model = next(user for user in _FILE.users if user.username == like)
        sent = {
            **model.model_dump(mode="json", by_alias=True),
            "username": name,
            "email": f"{name}@example.com",
            "credentials": [{"type": "password", "value": f"{name}-password"}],
        }
        await self.manage("POST", "/users", json=sent)
        await self.give_role(name, *model.client_roles.get("muniment-api", []))
        if organisation is not None:
            user_id = (await self.user(name))["id"]
            found = (await self._objects(f"/organizations?exact=true&search={organisation}"))[0]
            await self.manage("POST", f"/organizations/{found['id']}/members", json=user_id)

    async def give_role(self, name: str, *roles: str) -> None:
        """Give a user roles of the API."""
        user = await self.user(name)
        api = (await self._objects("/clients?clientId=muniment-api"))[0]["id"]
        known = await self._objects(f"/clients/{api}/roles")
        given: list[JsonValue] = [role for role in known if role["name"] in roles]
        await self.manage("POST", f"/users/{user['id']}/role-mappings/clients/{api}", json=given)

    async def user(self, name: str) -> dict[str, JsonValue]:
        """Read a user as the administrator sees them."""
        found = await self._objects(f"/users?exact=true&username={name}")
        return found[0]

    async def change_user(self, name: str, change: Mapping[str, JsonValue]) -> None:
        """Change a user; what is not named stays."""
        user = await self.user(name)
        await self.manage("PUT", f"/users/{user['id']}", json={**user, **change})

    async def set_attribute(self, name: str, attribute: str, value: str | None) -> None:
        """Give a user an attribute, or take it away."""
        user = await self.user(name)
        attributes = _OBJECT.validate_python(user.get("attributes") or {})
        attributes.pop(attribute, None)
        if value is not None:
            attributes[attribute] = [value]
        await self.change_user(name, {"attributes": attributes})

    async def log_out(self, name: str) -> None:
        """End every session of a user."""
        user = await self.user(name)
        await self.manage("POST", f"/users/{user['id']}/logout")

    async def change_client(self, client_id: str, change: Mapping[str, JsonValue]) -> None:
        """Change a client; attributes are merged into those that it has."""
        client = (await self._objects(f"/clients?clientId={client_id}"))[0]
        attributes = _OBJECT.validate_python(client.get("attributes") or {})
        more = _OBJECT.validate_python(change.get("attributes") or {})
        changed = {**client, **change, "attributes": {**attributes, **more}}
        await self.manage("PUT", f"/clients/{client['id']}", json=changed)

    async def tell(self, address: str) -> None:
        """Send back-channel logouts, and people who signed in, to the product at an address."""
        back = f"{address}/auth/backchannel-logout"
        for client in ("muniment-test", "muniment-service", "muniment-mcp"):
            await self.change_client(client, {"attributes": {"backchannel.logout.url": back}})
        await self.change_client(
            "muniment-web",
            {
                "redirectUris": [f"{address}/auth/callback"],
                "attributes": {
                    "backchannel.logout.url": back,
                    "post.logout.redirect.uris": f"{address}/",
                },
            },
        )

    async def rotate_keys(self, priority: int) -> None:
        """Add a signing key that is used from now on."""
        realm = _OBJECT.validate_json((await self.manage("GET", "")).content)
        await self.manage(
            "POST",
            "/components",
            json={
                "name": f"rsa-{priority}",
                "providerId": "rsa-generated",
                "providerType": "org.keycloak.keys.KeyProvider",
                "parentId": realm["id"],
                "config": {"priority": [str(priority)], "algorithm": ["RS256"]},
            },
        )

    async def events(self, kind: str) -> list[dict[str, JsonValue]]:
        """Read what the realm noted of a kind, such as REFRESH_TOKEN."""
        return await self._objects(f"/events?type={kind}&max=1000")

    async def _objects(self, path: str) -> list[dict[str, JsonValue]]:
        return _OBJECTS.validate_json((await self.manage("GET", path)).content)
