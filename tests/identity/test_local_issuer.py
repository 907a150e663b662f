from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.identity.errors import InvalidTokenError
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.local_issuer import MAX_LIFETIME, LocalIssuer
from muniment.identity.settings import IdentitySettings
from muniment.identity.tenants import resolve_tenant
from muniment.identity.verifier import TokenVerifier
from muniment.kit.errors import InvalidInputError
from tests.support.fake_idp import FakeIdp
from tests.support.fixed_clock import FixedClock


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local-issuer")


@pytest.fixture
def local(directory: Path) -> tuple[LocalIssuer, TokenVerifier, FixedClock]:
    clock = FixedClock()
    issuer = LocalIssuer.load_or_create(directory, IdentitySettings(), clock)
    return issuer, TokenVerifier(TrustedIssuers([issuer.trusted()]), clock), clock


Local = tuple[LocalIssuer, TokenVerifier, FixedClock]


class TestMint:
    async def test_makes_tokens_that_the_verifier_accepts(self, local: Local) -> None:
        issuer, verifier, clock = local
        claims = await verifier.verify(
            issuer.mint(
                "alice",
                roles=["member", "admin"],
                groups=["/eng/search"],
                attributes={"department": "hr", "clearance": 3},
                session_id="s-1",
                lifetime=timedelta(minutes=5),
            )
        )

        assert (claims.issuer, claims.subject) == ("urn:muniment:local", "alice")
        assert claims.client == "muniment-cli"
        assert claims.roles == {"member", "admin"}
        assert claims.groups == {"/eng/search"}
        assert claims.attributes == {"department": "hr", "clearance": 3}
        assert (claims.session_id, claims.name) == ("s-1", "alice")
        assert claims.expires_at == clock.now() + timedelta(minutes=5)

    async def test_gives_no_right_that_was_not_asked_for(self, local: Local) -> None:
        issuer, verifier, _ = local
        claims = await verifier.verify(issuer.mint("alice"))

        assert not claims.roles | claims.groups
        assert not claims.attributes
        assert claims.session_id is None

    @pytest.mark.parametrize("tenant", ["default", "acme"])
    async def test_puts_the_user_into_any_tenant(self, tenant: str, local: Local) -> None:
        issuer, verifier, _ = local
        claims = await verifier.verify(issuer.mint("alice", tenant=tenant))

        assert resolve_tenant(issuer.trusted(), claims) == tenant

    async def test_makes_each_token_anew(self, local: Local) -> None:
        issuer, _, _ = local

        assert issuer.mint("alice") != issuer.mint("alice")

    async def test_makes_tokens_that_end_to_the_second(self, local: Local) -> None:
        issuer, verifier, clock = local
        token = issuer.mint("alice", lifetime=timedelta(seconds=1))
        await verifier.verify(token)
        clock.advance(timedelta(seconds=1))

        with pytest.raises(InvalidTokenError):
            await verifier.verify(token)

    async def test_accepts_the_longest_lifetime(self, local: Local) -> None:
        issuer, verifier, clock = local
        claims = await verifier.verify(issuer.mint("alice", lifetime=MAX_LIFETIME))

        assert claims.expires_at == clock.now() + MAX_LIFETIME

    @pytest.mark.parametrize(
        ("mint", "sentence"),
        [
            (lambda issuer: issuer.mint(""), "cannot name a user"),
            (lambda issuer: issuer.mint("a\nb"), "cannot name a user"),
            (lambda issuer: issuer.mint("a", roles=["root"]), "no role root"),
            (lambda issuer: issuer.mint("a", groups=["eng"]), "is no group"),
            (lambda issuer: issuer.mint("a", attributes={"iss": "x"}), "no attribute iss"),
            (lambda issuer: issuer.mint("a", attributes={"clearance": "3"}), "of type int"),
            (lambda issuer: issuer.mint("a", attributes={"department": 3}), "of type str"),
            (lambda issuer: issuer.mint("a", tenant="a b"), "cannot name a tenant"),
            (lambda issuer: issuer.mint("a", lifetime=timedelta(0)), "at least one second"),
            (lambda issuer: issuer.mint("a", lifetime=timedelta(days=31)), "at most 30 days"),
        ],
    )
    def test_refuses_what_would_not_count(
        self, mint: Callable[[LocalIssuer], str], sentence: str, local: Local
    ) -> None:
        with pytest.raises(InvalidInputError, match=sentence):
            mint(local[0])


class TestTrust:
    async def test_lasts_over_a_restart(self, local: Local, directory: Path) -> None:
        _, verifier, clock = local
        again = LocalIssuer.load_or_create(directory, IdentitySettings(), clock)

        assert (await verifier.verify(again.mint("alice"))).subject == "alice"

    async def test_is_not_in_another_installation(self, local: Local, tmp_path: Path) -> None:
        _, verifier, clock = local
        other = LocalIssuer.load_or_create(tmp_path, IdentitySettings(), clock)

        with pytest.raises(InvalidTokenError):
            await verifier.verify(other.mint("alice"))

    async def test_needs_the_issuer_to_be_there(
        self, local: Local, trusted: TrustedIssuer, idp: FakeIdp
    ) -> None:
        """A server with issuers of its own does not accept tokens of a local installation."""
        issuer, _, clock = local
        verifier = TokenVerifier(TrustedIssuers([trusted]), clock)

        with pytest.raises(InvalidTokenError):
            await verifier.verify(issuer.mint("alice"))

    async def test_of_one_issuer_does_not_reach_to_keys_of_another(
        self, local: Local, trusted: TrustedIssuer, idp: FakeIdp
    ) -> None:
        issuer, _, clock = local
        both = TokenVerifier(TrustedIssuers([trusted, issuer.trusted()]), clock)
        forged = idp.token({"iss": "urn:muniment:local", "azp": "muniment-cli"})

        assert (await both.verify(idp.token())).issuer == trusted.identifier
        with pytest.raises(InvalidTokenError):
            await both.verify(forged)

    def test_publishes_no_private_part(self, local: Local) -> None:
        assert "PRIVATE" not in repr(replace(local[0].trusted()))
