"""What the tokens of a real Keycloak look like: what the verifier and the guide build on."""

import base64
import time
from dataclasses import dataclass
from typing import Self

import pytest
from pydantic import JsonValue, TypeAdapter

from tests.support.keycloak.realm import Realm

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(400)]
OBJECT = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Seen:
    """A token, read without checking anything."""

    header: dict[str, JsonValue]
    payload: dict[str, JsonValue]

    @classmethod
    def read(cls, token: str) -> Self:
        header, payload, _ = token.split(".")
        return cls(
            *(
                OBJECT.validate_json(base64.urlsafe_b64decode(f"{part}=="))
                for part in (header, payload)
            )
        )


async def access_token(realm: Realm, user: str, client: str = "muniment-test") -> Seen:
    return Seen.read((await realm.token_of(user, client)).access_token)


class TestAccessToken:
    async def test_says_who_through_which_client_and_for_whom(self, realm: Realm) -> None:
        seen = await access_token(realm, "alice")
        assert seen.header["alg"] == "RS256"
        assert seen.header["typ"] == "JWT"
        expected = {"typ": "Bearer", "iss": realm.issuer, "azp": "muniment-test"}
        assert expected.items() <= seen.payload.items()
        # One audience is a string, not a list.
        assert seen.payload["aud"] == "muniment-api"
        assert isinstance(seen.payload["sid"], str)
        assert not {"nbf", "client_id", "auth_time"} & seen.payload.keys()

    async def test_lives_five_minutes(self, realm: Realm) -> None:
        seen = await access_token(realm, "alice")
        issued, expires = seen.payload["iat"], seen.payload["exp"]
        assert isinstance(issued, int)
        assert isinstance(expires, int)
        assert expires - issued == 300
        assert abs(issued - time.time()) < 30

    async def test_carries_roles_groups_and_typed_attributes(self, realm: Realm) -> None:
        payload = (await access_token(realm, "alice")).payload
        assert payload["resource_access"] == {"muniment-api": {"roles": ["member"]}}
        assert payload["groups"] == ["/eng/search"]
        assert payload["department"] == "eng"
        assert payload["clearance"] == 3
        assert "realm_access" not in payload

    async def test_leaves_out_what_a_user_has_not(self, realm: Realm) -> None:
        payload = (await access_token(realm, "carol")).payload
        assert not {"groups", "department", "clearance"} & payload.keys()
        assert "resource_access" not in (await access_token(realm, "erin")).payload

    @pytest.mark.parametrize(
        ("user", "organisations"),
        [("alice", ["acme"]), ("heidi", ["globex"]), ("frank", None), ("grace", None)],
        ids=["one", "another", "in two of them", "in none"],
    )
    async def test_names_the_organisation_of_who_is_in_exactly_one(
        self, realm: Realm, user: str, organisations: list[str] | None
    ) -> None:
        assert (await access_token(realm, user)).payload.get("organization") == organisations

    async def test_of_a_service_account_has_neither_session_nor_organisation(
        self, realm: Realm
    ) -> None:
        seen = Seen.read((await realm.service_token()).access_token)
        assert not {"sid", "organization", "groups"} & seen.payload.keys()
        assert seen.payload["azp"] == "muniment-service"
        assert seen.payload["aud"] == "muniment-api"
        assert seen.payload["resource_access"] == {"muniment-api": {"roles": ["member"]}}

    async def test_can_be_marked_as_one_in_its_header(self, realm: Realm) -> None:
        name = "access.token.header.type.rfc9068"
        await realm.change_client("muniment-test", {"attributes": {name: "true"}})
        try:
            seen = await access_token(realm, "alice")
        finally:
            await realm.change_client("muniment-test", {"attributes": {name: "false"}})
        assert seen.header["typ"] == "at+jwt"
        # The payload is not that of RFC 9068: no `client_id`.
        assert seen.payload["typ"] == "Bearer"
        assert "client_id" not in seen.payload


class TestForeignClients:
    async def test_without_full_scope_get_no_audience_at_all(self, realm: Realm) -> None:
        payload = (await access_token(realm, "alice", "foreign-app")).payload
        assert not {"aud", "resource_access"} & payload.keys()

    async def test_with_full_scope_get_our_audience_and_our_roles(self, realm: Realm) -> None:
        payload = (await access_token(realm, "alice", "foreign-app-full")).payload
        assert payload["aud"] == "muniment-api"
        assert payload["resource_access"] == {"muniment-api": {"roles": ["member"]}}
        assert payload["azp"] == "foreign-app-full"


class TestOtherTokens:
    async def test_say_what_they_are(self, realm: Realm) -> None:
        tokens = await realm.token_of("alice")
        assert tokens.id_token
        assert tokens.refresh_token
        identity = Seen.read(tokens.id_token)
        assert identity.payload["typ"] == "ID"
        assert identity.payload["aud"] == "muniment-test"
        refresh = Seen.read(tokens.refresh_token)
        assert refresh.payload["typ"] == "Refresh"
        assert refresh.payload["aud"] == realm.issuer


class TestIntrospection:
    async def test_tells_the_client_of_the_audience(self, realm: Realm) -> None:
        token = (await realm.token_of("alice")).access_token
        told = OBJECT.validate_json(
            (await realm.ask("token/introspect", "muniment-api", token=token)).content
        )
        expected = {"active": True, "client_id": "muniment-test", "username": "alice"}
        assert expected.items() <= told.items()
        assert told["clearance"] == 3

    async def test_tells_a_client_of_no_other_audience_nothing(self, realm: Realm) -> None:
        token = (await realm.token_of("alice", "foreign-app")).access_token
        answer = await realm.ask("token/introspect", "muniment-api", token=token)
        assert OBJECT.validate_json(answer.content) == {"active": False}


class TestKeys:
    async def test_are_there_for_signatures_and_for_encryption(self, realm: Realm) -> None:
        async with realm.keycloak.client() as http:
            answer = await http.get(f"{realm.endpoint}/certs")
        keys = answer.json()["keys"]
        assert {key["use"] for key in keys} == {"sig", "enc"}
