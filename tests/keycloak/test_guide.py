"""The guide: its commands word for word, and its realm file, which needs no Keycloak to be read."""

import asyncio
import json

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tests.docs.pages import code_blocks, read
from tests.keycloak.conftest import GUIDE_PRODUCT, GUIDE_REALM, Behind
from tests.support.ci import require_program
from tests.support.keycloak.distribution import PROGRAMS
from tests.support.keycloak.realm import REALM_FILE, SECRETS

GUIDE = "docs/guides/keycloak.md"
ACCEPTED = {"muniment-web", "muniment-service", "muniment-mcp", "muniment-test"}


class Client(BaseModel):
    """A client as the realm file has it."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)

    client_id: str
    secret: str | None = None
    full_scope_allowed: bool
    attributes: dict[str, str] = {}
    redirect_uris: list[str] = []


class Component(BaseModel):
    """A part of the realm with a configuration of its own."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    config: dict[str, list[str]]


class RealmFile(BaseModel):
    """The realm file, as far as the guide speaks of it."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)

    clients: list[Client]
    components: dict[str, list[Component]]
    revoke_refresh_token: bool
    refresh_token_max_reuse: int


FILE = RealmFile.model_validate_json(REALM_FILE.read_bytes())


@pytest.mark.xdist_group("keycloak")
@pytest.mark.timeout(400)
async def test_the_commands_of_the_guide_work(behind: Behind) -> None:
    require_program("curl")
    (script,) = code_blocks(read(GUIDE), "sh")
    here = script.replace(GUIDE_REALM, behind.realm.issuer).replace(GUIDE_PRODUCT, behind.first)
    process = await asyncio.create_subprocess_exec(
        "bash", "-euc", here, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    me = json.loads(printed)
    assert me["subject"] == (await behind.realm.user("alice"))["id"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_real_keycloak_needs_is_here(program: str) -> None:
    """Skipped where it is not; in CI that is a failure, before anything waits for a Keycloak."""
    require_program(program)


class TestRealmFile:
    def test_gives_full_scope_to_the_foreign_client_alone(self) -> None:
        full = {client.client_id for client in FILE.clients if client.full_scope_allowed}
        assert full == {"foreign-app-full"}

    def test_tells_us_of_the_logouts_of_every_client_that_is_accepted(self) -> None:
        for client in FILE.clients:
            if client.client_id in ACCEPTED:
                url = client.attributes["backchannel.logout.url"]
                assert url == f"{GUIDE_PRODUCT}/auth/backchannel-logout"
                assert client.attributes["backchannel.logout.session.required"] == "true"

    def test_marks_its_secrets_as_public(self) -> None:
        found = {client.client_id: client.secret for client in FILE.clients if client.secret}
        assert found == SECRETS
        assert all(secret.startswith("local-only-") for secret in found.values())

    def test_lets_only_administrators_change_what_rules_ask_about(self) -> None:
        (provider,) = FILE.components["org.keycloak.userprofile.UserProfileProvider"]
        (text,) = provider.config["kc.user.profile.config"]
        declared = {attribute["name"]: attribute for attribute in json.loads(text)["attributes"]}
        for name in ("department", "clearance"):
            assert declared[name]["permissions"]["edit"] == ["admin"]

    def test_spends_a_refresh_token_once(self) -> None:
        assert FILE.revoke_refresh_token
        assert FILE.refresh_token_max_reuse == 0

    def test_sends_browsers_to_one_exact_address(self) -> None:
        web = next(client for client in FILE.clients if client.client_id == "muniment-web")
        assert web.redirect_uris == [f"{GUIDE_PRODUCT}/auth/callback"]
        assert web.attributes["pkce.code.challenge.method"] == "S256"
