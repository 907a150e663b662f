import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from muniment.app.container import open_shared, open_worker
from muniment.app.doctor import examine
from muniment.app.local_mode import refuse_open_local_mode
from muniment.app.settings import Settings
from muniment.app.unsafe import is_usual, refuse_unsafe
from muniment.kit.errors import ConfigurationError
from tests.support.database import TestDatabase

GOOD = "Zt8-kq0_wPl3xVn2"
ISSUER: dict[str, JsonValue] = {
    "issuer": "https://id.example.com",
    "audience": "muniment",
    "clients": ["muniment-web"],
    "tenant": "acme",
}


def asking_with(secret: str, issuer: str = "https://id.example.com") -> Settings:
    asking: JsonValue = {"client_id": "muniment-api", "client_secret": secret}
    entry = {**ISSUER, "issuer": issuer, "introspection": asking}
    return Settings.model_validate({"identity": {"issuers": [entry]}})


def signing_in_with(secret: str) -> Settings:
    web = {"issuer": ISSUER["issuer"], "client_id": "muniment-web", "client_secret": secret}
    return Settings.model_validate({"identity": {"issuers": [ISSUER], "web": web}})


def database_at(host: str, *, serving: str = GOOD, worker: str = GOOD) -> Settings:
    addresses = {
        "url": f"postgresql://muniment_serving:{serving}@{host}/m",
        "worker_url": f"postgresql://muniment_worker:{worker}@{host}/m",
        "owner_url": f"postgresql://muniment_owner:{GOOD}@{host}/m",
    }
    return Settings.model_validate({"database": addresses})


def refusal_of(settings: Settings) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        refuse_unsafe(settings)
    assert caught.value.hint
    return caught.value


class TestIsUsual:
    @pytest.mark.parametrize(
        "secret",
        [
            *("secret", "Secret", "PASSWORD", "password123", "change-me", "Change_Me!", "changeit"),
            *("keycloak", "admin", "client-secret", "your-client-secret", "<secret>", "", "!!!"),
            *("aaaaaaaaaaaaaaaa", "0000000000000000", "passwordpassword", "abcabcabcabcabc"),
            *("123456789012", "1234567890", "abcdefghijklmnop", "Password1234567890"),
        ],
    )
    def test_what_anybody_would_try_is(self, secret: str) -> None:
        assert is_usual(secret)

    @pytest.mark.parametrize(
        "secret",
        [
            *(GOOD, "test-only-api-secret", "correct horse battery staple", "f3b1c2d4e5a69788"),
            *("secretariat-of-herons", "pässwörter-sind-lang", "x7"),
        ],
    )
    def test_what_somebody_made_is_not(self, secret: str) -> None:
        assert not is_usual(secret)


class TestClientSecrets:
    @pytest.mark.parametrize("make", [asking_with, signing_in_with])
    def test_of_some_length_and_thought_are_taken(self, make: Callable[[str], Settings]) -> None:
        refuse_unsafe(make(GOOD))
        refuse_unsafe(make("test-only-api-secret"))

    @pytest.mark.parametrize(
        ("secret", "sentence"),
        [
            ("x7Gq-2LpZ0a", "has fewer than 12 characters."),
            ("secret", "has fewer than 12 characters."),
            ("changeme-123456", "is one that anybody would guess."),
            ("kkkkkkkkkkkkkkkk", "is one that anybody would guess."),
            ("local-only-api-secret", "is the one of the guide, which everybody can read."),
        ],
    )
    def test_others_are_refused_by_name_and_not_repeated(self, secret: str, sentence: str) -> None:
        asking = refusal_of(asking_with(secret))
        assert asking.detail == f"identity.issuers.0.introspection.client_secret {sentence}"
        signing_in = refusal_of(signing_in_with(secret))
        assert signing_in.detail == f"identity.web.client_secret {sentence}"
        assert secret not in f"{asking.hint}{signing_in.hint}"

    def test_those_of_the_guide_are_good_on_this_machine(self) -> None:
        refuse_unsafe(asking_with("local-only-api-secret", "http://127.0.0.1:8080/realms/m"))

    def test_those_of_the_guide_are_known_by_their_beginning(self) -> None:
        realm = json.loads(Path("examples/keycloak/muniment-realm.json").read_text("utf-8"))
        secrets = [client["secret"] for client in realm["clients"] if "secret" in client]
        assert len(secrets) > 2
        for secret in secrets:
            assert "of the guide" in refusal_of(asking_with(secret)).detail


class TestDatabasePasswords:
    @pytest.mark.parametrize(
        "password", ["postgres", "Password1", "change%4De", "muniment_serving"]
    )
    def test_that_are_usual_are_refused_elsewhere(self, password: str) -> None:
        for host in ("db.internal:5432", "10.0.0.7", "[2001:db8::1]"):
            refused = refusal_of(database_at(host, serving=password))
            assert refused.detail == "The password in database.url is one that anybody would guess."
            assert password not in (refused.hint or "")

    def test_each_role_is_looked_at(self) -> None:
        assert "database.worker_url" in refusal_of(database_at("db", worker="admin")).detail

    @pytest.mark.parametrize("host", ["127.0.0.1:5432", "localhost", "[::1]", ""])
    def test_that_are_usual_do_on_this_machine(self, host: str) -> None:
        refuse_unsafe(database_at(host, serving="postgres"))

    @pytest.mark.parametrize(
        ("place", "is_refused"), [("/var/run/postgresql", False), ("db.internal", True)]
    )
    def test_a_host_may_be_a_parameter(self, place: str, is_refused: bool) -> None:  # noqa: FBT001
        address = f"postgresql://muniment_serving:postgres@/m?host={place}"
        settings = Settings.model_validate({"database": {"url": address}})
        if is_refused:
            refusal_of(settings)
        else:
            refuse_unsafe(settings)

    @pytest.mark.parametrize(
        "address", ["nonsense", "postgresql://u:Zt8[kq@h/m", "postgresql://[::1/m"]
    )
    def test_an_address_that_cannot_be_read_is_told_elsewhere(self, address: str) -> None:
        refuse_unsafe(Settings.model_validate({"database": {"url": address}}))

    def test_none_at_all_is_for_the_database_to_judge(self) -> None:
        address = "postgresql://muniment_serving@db.internal/m"
        refuse_unsafe(Settings.model_validate({"database": {"url": address}}))


class TestPublicUrl:
    @staticmethod
    def reached_at(address: str, issuers: list[JsonValue]) -> Settings:
        given = {"server": {"public_url": address}, "identity": {"issuers": issuers}}
        return Settings.model_validate(given)

    def test_in_clear_is_refused_with_an_issuer(self) -> None:
        refused = refusal_of(self.reached_at("http://ask.example.com", [ISSUER]))
        assert "server.public_url is http://ask.example.com" in refused.detail

    @pytest.mark.parametrize(
        "address", ["https://ask.example.com", "http://127.0.0.1:8000", "http://localhost"]
    )
    def test_with_tls_or_on_this_machine_is_taken(self, address: str) -> None:
        refuse_unsafe(self.reached_at(address, [ISSUER]))

    def test_in_local_mode_is_taken(self) -> None:
        refuse_unsafe(self.reached_at("http://ask.example.com", []))


class TestStart:
    def test_is_refused_before_anything_is_opened(self) -> None:
        with pytest.raises(ConfigurationError, match="fewer than 12"):
            refuse_open_local_mode(asking_with("hunter2"))

    async def test_of_a_worker_is_refused_too(self, migrated: TestDatabase, tmp_path: Path) -> None:
        given: Mapping[str, object] = {
            **asking_with("hunter2").model_dump(),
            "data_dir": tmp_path,
            "embedding": {"space": "hashing"},
        }
        settings = Settings.model_validate(given)
        async with open_shared(settings) as shared:
            with pytest.raises(ConfigurationError, match="fewer than 12"):
                async with open_worker(shared, migrated.urls):
                    pass

    async def test_doctor_says_the_same(self, tmp_path: Path) -> None:
        settings = asking_with("hunter2").model_copy(update={"data_dir": tmp_path / "data"})
        first = await anext(aiter(examine(settings)))
        assert first.subject == "settings"
        assert first.problem is not None
        assert "has fewer than 12 characters" in first.problem
