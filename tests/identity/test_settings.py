from collections.abc import Mapping
from datetime import timedelta

import pytest
from pydantic import ValidationError

from muniment.identity.permissions import DEFAULT_ROLES, Permission
from muniment.identity.settings import (
    ApiKeySettings,
    IdentitySettings,
    IssuerSettings,
    WebSignInSettings,
)
from tests.support.fake_idp import AUDIENCE, ISSUER, changed

MINIMAL: Mapping[str, object] = {
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "clients": ["muniment-web"],
    "tenant": "acme",
}
CONTRACT: Mapping[str, object] = {
    "rights_max_age": "PT24H",
    "refresh_grace": "PT5M",
    "issuers": [
        {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "clients": ["muniment-web", "muniment-service"],
            "tenants": {"acme": "acme"},
            "service_accounts": {"muniment-service": "acme"},
            "jwks_uri": f"{ISSUER}/protocol/openid-connect/certs",
            "groups_claim": "groups",
            "roles": ["member", "admin", "auditor"],
            "attributes": ["department", "clearance"],
            "group_prefix": "/",
        }
    ],
    "attributes": {"department": "str", "clearance": "int"},
    "web": {"issuer": ISSUER, "client_id": "muniment-web", "client_secret": "hush-hush"},
}


def issuer(changes: Mapping[str, object]) -> IssuerSettings:
    return IssuerSettings.model_validate(changed(MINIMAL, changes))


def identity(changes: Mapping[str, object]) -> IdentitySettings:
    return IdentitySettings.model_validate(changed(CONTRACT, changes))


class TestIdentitySettings:
    def test_take_the_page_of_the_contract(self) -> None:
        settings = identity({})

        assert settings.rights_max_age == timedelta(hours=24)
        assert settings.refresh_grace == timedelta(minutes=5)
        assert settings.issuers[0].tenants == {"acme": "acme"}
        assert settings.web is not None
        assert settings.web.client_secret.get_secret_value() == "hush-hush"
        assert "hush-hush" not in repr(settings)

    def test_without_any_are_those_of_local_mode(self) -> None:
        settings = IdentitySettings()

        assert settings.issuers == ()
        assert settings.attributes == {"department": "str", "clearance": "int"}
        assert settings.roles == DEFAULT_ROLES

    @pytest.mark.parametrize("value", ["PT90S", 90, "90", 90.0])
    def test_take_durations_in_iso_8601_or_seconds(self, value: object) -> None:
        assert identity({"rights_max_age": value}).rights_max_age == timedelta(seconds=90)

    @pytest.mark.parametrize("value", ["-PT5M", -1, "soon", ""])
    def test_refuse_other_durations(self, value: object) -> None:
        with pytest.raises(ValidationError, match="rights_max_age"):
            identity({"rights_max_age": value})

    def test_let_roles_be_added_and_replaced(self) -> None:
        roles = identity(
            {"roles": {"editor": ["documents:write"], "auditor": ["audit:read", "users:read"]}}
        ).roles

        assert roles["editor"] == {Permission.DOCUMENTS_WRITE}
        assert roles["auditor"] == {Permission.AUDIT_READ, Permission.USERS_READ}
        assert roles["member"] == DEFAULT_ROLES["member"]

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"unknown": 1}, "Extra inputs"),
            ({"roles": {"editor": ["documents:fly"]}}, "documents:write"),
            ({"roles": {" ": []}}, "no spaces around it"),
            ({"attributes": {"department": "float"}}, "'str' or 'int'"),
            ({"attributes": {"sub": "str"}}, "choose other names than sub"),
            ({"attributes": {"de partment": "str"}}, "pattern"),
            ({"attributes": {"department": "str"}}, "declare clearance with its type"),
            ({"issuers": [MINIMAL, MINIMAL], "web": None}, "is there twice: merge"),
            ({"issuers": [MINIMAL], "web": {"issuer": ISSUER, "client_id": "x"}}, "client_secret"),
            (
                {
                    "issuers": [MINIMAL],
                    "web": {"issuer": ISSUER, "client_id": "x", "client_secret": "y"},
                },
                "add the client there",
            ),
            ({"token_cache_size": -1}, "token_cache_size"),
            ({"api_keys": {"max_lifetime": "P30D"}}, "default_lifetime is longer"),
            ({"api_keys": {"max_lifetime": "P366D"}}, "days=365"),
            ({"api_keys": {"default_lifetime": 0}}, "minutes=1|seconds=60"),
            ({"api_keys": {"max_per_user": -1}}, "max_per_user"),
        ],
    )
    def test_refuse_with_a_sentence_that_says_what_to_do(
        self, changes: Mapping[str, object], sentence: str
    ) -> None:
        with pytest.raises(ValidationError, match=sentence):
            identity(changes)


class TestWebSignInSettings:
    def test_asks_to_sign_somebody_in(self) -> None:
        given = {"issuer": "https://id.example.com", "client_id": "web", "client_secret": "s"}
        assert WebSignInSettings.model_validate(given).scopes == ("openid",)
        both = WebSignInSettings.model_validate({**given, "scopes": ["openid", "organization"]})
        assert both.scopes == ("openid", "organization")
        with pytest.raises(ValidationError, match="name openid"):
            WebSignInSettings.model_validate({**given, "scopes": ["organization"]})
        for scope in ("two words", "", 'quo"te', "new\nline"):
            with pytest.raises(ValidationError):
                WebSignInSettings.model_validate({**given, "scopes": ["openid", scope]})


class TestIssuerSettings:
    def test_have_defaults_for_what_the_issuer_may_assert(self) -> None:
        settings = issuer({})

        assert settings.roles == ("member", "admin", "auditor")
        assert settings.attributes is None
        assert (settings.groups_claim, settings.group_prefix) == ("groups", "/")
        assert settings.algorithms == ("RS256", "PS256", "ES256", "EdDSA")

    @pytest.mark.parametrize(
        "address",
        [
            "http://localhost:8080/realms/muniment",
            "http://127.0.0.1:8080/realms/muniment",
            "http://[::1]:8080/realms/muniment",
            "https://sso.example.com",
        ],
    )
    def test_accept_https_and_http_on_loopback(self, address: str) -> None:
        assert issuer({"issuer": address}).issuer == address

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"issuer": "http://sso.example.com"}, "use https"),
            ({"issuer": "http://127.0.0.1.example.com"}, "use https"),
            ({"issuer": "http://10.0.0.1"}, "use https"),
            ({"issuer": "urn:muniment:local"}, "write the whole address"),
            ({"issuer": "sso.example.com"}, "write the whole address"),
            ({"issuer": "https://"}, "write the whole address"),
            ({"issuer": "https://me@sso.example.com"}, "without user"),
            ({"issuer": "https://sso.example.com?a=b"}, "without user"),
            ({"issuer": "https://sso.example.com#a"}, "without user"),
            ({"issuer": "https://sso.example.com/a|b"}, "an issuer is"),
            ({"issuer": "https://sso.example.com/" + "a" * 250}, "an issuer is"),
            ({"jwks_uri": "http://sso.example.com/certs"}, "use https"),
            ({"clients": []}, "clients"),
            ({"clients": [""]}, "clients"),
            ({"audience": ""}, "audience"),
            ({"tenant": None}, "say which tenant"),
            ({"tenants": {"acme": "acme"}}, "not both"),
            ({"tenant": "a b"}, "tenant"),
            ({"service_accounts": {"robot": "acme"}}, "add robot to `clients`"),
            ({"group_prefix": "eng"}, "full path"),
            ({"roles": ["a\nb"]}, "a role has"),
            ({"algorithms": ["none"]}, "algorithms"),
            ({"algorithms": ["HS256"]}, "algorithms"),
            ({"algorithms": []}, "algorithms"),
            ({"leeway": "PT1H"}, "leeway"),
            ({"unknown": 1}, "Extra inputs"),
        ],
    )
    def test_refuse_with_a_sentence_that_says_what_to_do(
        self, changes: Mapping[str, object], sentence: str
    ) -> None:
        with pytest.raises(ValidationError, match=sentence):
            issuer(changes)

    def test_require_clients(self) -> None:
        with pytest.raises(ValidationError, match="clients"):
            IssuerSettings.model_validate({**{k: MINIMAL[k] for k in MINIMAL if k != "clients"}})


class TestEverySetting:
    @pytest.mark.parametrize(
        "model", [ApiKeySettings, IdentitySettings, IssuerSettings, WebSignInSettings]
    )
    def test_is_described_and_frozen(
        self, model: type[ApiKeySettings | IdentitySettings | IssuerSettings | WebSignInSettings]
    ) -> None:
        assert model.model_config["frozen"] is True
        assert all(field.description for field in model.model_fields.values())
