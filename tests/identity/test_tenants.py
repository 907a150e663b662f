from dataclasses import replace

import pytest

from muniment.identity.errors import TenantRequiredError
from muniment.identity.issuers import TenantRule, TrustedIssuer
from muniment.identity.tenants import resolve_tenant
from muniment.identity.verifier import TokenVerifier
from tests.support.fake_idp import CLIENT, FakeIdp

SERVICE = "muniment-service"
BY_ORGANISATION = TenantRule(
    organisations={"acme": "acme", "acme-labs": "acme", "beta": "beta"},
    service_accounts={SERVICE: "acme"},
)
ONE_FOR_ALL = TenantRule(tenant="acme", organisations={}, service_accounts={SERVICE: "robots"})
LOCAL = TenantRule()


async def resolve(
    idp: FakeIdp,
    verifier: TokenVerifier,
    trusted: TrustedIssuer,
    rule: TenantRule,
    organisations: list[str],
    client: str = CLIENT,
) -> str:
    claims = await verifier.verify(idp.token({"organization": organisations, "azp": client}))
    return resolve_tenant(replace(trusted, tenants=rule), claims)


class TestExactlyOneMatch:
    @pytest.mark.parametrize(
        ("rule", "organisations", "client", "tenant"),
        [
            (BY_ORGANISATION, ["acme"], CLIENT, "acme"),
            (BY_ORGANISATION, ["beta"], CLIENT, "beta"),
            (BY_ORGANISATION, ["acme", "unknown"], CLIENT, "acme"),
            (BY_ORGANISATION, ["acme", "acme-labs"], CLIENT, "acme"),
            (BY_ORGANISATION, [], SERVICE, "acme"),
            (BY_ORGANISATION, ["acme"], SERVICE, "acme"),
            (ONE_FOR_ALL, [], CLIENT, "acme"),
            (ONE_FOR_ALL, ["beta"], CLIENT, "acme"),
            (ONE_FOR_ALL, [], SERVICE, "robots"),
            (LOCAL, ["default"], CLIENT, "default"),
            (LOCAL, ["anything"], CLIENT, "anything"),
        ],
    )
    async def test_is_the_tenant(
        self,
        rule: TenantRule,
        organisations: list[str],
        client: str,
        tenant: str,
        idp: FakeIdp,
        verifier: TokenVerifier,
        trusted: TrustedIssuer,
    ) -> None:
        assert await resolve(idp, verifier, trusted, rule, organisations, client) == tenant


class TestAnythingElse:
    @pytest.mark.parametrize(
        ("rule", "organisations", "client", "sentence"),
        [
            (BY_ORGANISATION, [], CLIENT, "names no organisation"),
            (BY_ORGANISATION, ["unknown"], CLIENT, "No tenant is set up"),
            (BY_ORGANISATION, ["ACME"], CLIENT, "No tenant is set up"),
            (BY_ORGANISATION, ["acme", "beta"], CLIENT, "2 tenants at once"),
            (BY_ORGANISATION, ["beta"], SERVICE, "2 tenants at once"),
            (TenantRule(organisations={}), ["acme"], CLIENT, "No tenant is set up"),
            (LOCAL, [], CLIENT, "names no organisation"),
            (LOCAL, ["a", "b"], CLIENT, "2 tenants at once"),
        ],
    )
    async def test_is_refused_and_says_what_is_missing(
        self,
        rule: TenantRule,
        organisations: list[str],
        client: str,
        sentence: str,
        idp: FakeIdp,
        verifier: TokenVerifier,
        trusted: TrustedIssuer,
    ) -> None:
        with pytest.raises(TenantRequiredError, match=sentence) as refused:
            await resolve(idp, verifier, trusted, rule, organisations, client)

        assert (refused.value.status, refused.value.code) == (403, "tenant_required")
        assert refused.value.hint
