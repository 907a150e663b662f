from uuid import UUID

import pytest

from muniment.identity.errors import PermissionDeniedError
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal, ensure
from muniment.identity.verifier import TokenVerifier
from tests.support.fake_idp import CLIENT, ISSUER, FakeIdp

USER_ID = UUID("0192f4c4-7d3a-7a41-8f52-0a4d3c1b2e9f")


def principal(*, groups: frozenset[str] = frozenset(), group_prefix: str = "/") -> Principal:
    return Principal(
        user_id=USER_ID,
        tenant_id=1,
        tenant="acme",
        issuer=ISSUER,
        subject="alice",
        roles=frozenset({"member", "auditor"}),
        groups=groups,
        attributes={"clearance": 3},
        permissions=frozenset({Permission.ANSWERS_ASK}),
        group_prefix=group_prefix,
    )


class TestNames:
    def test_are_all_that_mean_the_caller(self) -> None:
        assert principal(groups=frozenset({"/eng/search", "/legal"})).names == {
            "everyone",
            f"user:{USER_ID}",
            f"user:{ISSUER}|alice",
            "role:member",
            "role:auditor",
            "group:/eng/search",
            "group:/eng",
            "group:/legal",
        }

    def test_hold_no_group_above_what_the_issuer_may_assert(self) -> None:
        caller = principal(groups=frozenset({"/partners/b/hr"}), group_prefix="/partners/b")

        assert {name for name in caller.names if name.startswith("group:")} == {
            "group:/partners/b/hr",
            "group:/partners/b",
        }

    def test_do_not_make_callers_differ(self) -> None:
        one, other = principal(), principal()

        assert one.names
        assert one == other


class TestFromClaims:
    async def test_joins_token_and_account(self, idp: FakeIdp, verifier: TokenVerifier) -> None:
        claims = await verifier.verify(idp.token())
        caller = Principal.from_claims(
            claims, user_id=USER_ID, tenant_id=7, tenant="acme", permissions=frozenset()
        )

        assert (caller.user_id, caller.tenant_id, caller.tenant) == (USER_ID, 7, "acme")
        assert (caller.issuer, caller.subject) == (ISSUER, claims.subject)
        assert caller.roles == {"member"}
        assert caller.groups == {"/eng/search"}
        assert caller.attributes == {"department": "hr", "clearance": 3}
        assert (caller.client, caller.expires_at) == (CLIENT, claims.expires_at)


class TestEnsure:
    def test_lets_a_permission_pass(self) -> None:
        ensure(principal(), Permission.ANSWERS_ASK)

    def test_names_the_permission_that_is_missing(self) -> None:
        with pytest.raises(PermissionDeniedError, match="audit:read") as denied:
            ensure(principal(), Permission.AUDIT_READ)

        assert (denied.value.status, denied.value.code) == (403, "permission_denied")
