import pytest

from muniment.identity.errors import UnknownIssuerError, UnknownRoleError
from muniment.identity.known import KnownNames
from muniment.identity.local_issuer import ISSUER
from muniment.identity.settings import IdentitySettings, IssuerSettings

SSO = "https://sso.example.com"
KNOWN = KnownNames(
    IdentitySettings(
        issuers=(
            IssuerSettings(issuer=SSO, audience="muniment-api", clients=("web",), tenant="acme"),
        ),
        roles={"reviewer": frozenset()},
    )
)


class TestKnownNames:
    @pytest.mark.parametrize("role", ["reviewer", "member", "admin", "auditor"])
    def test_hold_the_roles_of_the_settings_and_the_built_in_ones(self, role: str) -> None:
        KNOWN.require_role(role, "/principal")

    @pytest.mark.parametrize("issuer", [SSO, ISSUER])
    def test_hold_the_issuers_of_the_settings_and_the_built_in_one(self, issuer: str) -> None:
        KNOWN.require_issuer(issuer, "/issuer")

    def test_name_what_there_is_to_who_writes_something_else(self) -> None:
        with pytest.raises(UnknownRoleError, match="admin, auditor, member, reviewer"):
            KNOWN.require_role("reviewers", "/principal")
        with pytest.raises(UnknownIssuerError, match=f"{SSO}, {ISSUER}"):
            KNOWN.require_issuer(f"{SSO}/", "/issuer")
