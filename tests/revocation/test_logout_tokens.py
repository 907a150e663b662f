from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import StaticKeySource
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.identity.settings import IssuerSettings
from muniment.revocation.entries import Entry
from muniment.revocation.logout_tokens import EVENT, LogoutTokenVerifier
from tests.support.fake_idp import ABSENT, AUDIENCE, CLIENT, ISSUER, FakeIdp
from tests.support.fixed_clock import FixedClock

Forge = Callable[[FakeIdp, int], str]
MINUTE = 60


def logout_token(
    idp: FakeIdp, now: int, header: dict[str, object] | None = None, **changes: object
) -> str:
    """Make what Keycloak 26.7 sends, with these changes."""
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "logout-1",
        "sub": "alice",
        "sid": "sid-1",
        "typ": "Logout",
        "events": {EVENT: {"revoke_offline_access": False}},
        **changes,
    }
    unused = dict.fromkeys(
        (
            *("azp", "acr", "resource_access", "scope", "organization"),
            *("name", "groups", "department", "clearance"),
        ),
        ABSENT,
    )
    return idp.token({**unused, **claims}, {"typ": "logout+jwt", **(header or {})})


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="module")
def idp(clock: FixedClock) -> FakeIdp:
    return FakeIdp(clock)


@pytest.fixture(scope="module")
def verifier(idp: FakeIdp, clock: FixedClock) -> LogoutTokenVerifier:
    settings = IssuerSettings(
        issuer=ISSUER, audience=AUDIENCE, clients=(CLIENT, "muniment-test"), tenant="acme"
    )
    trusted = TrustedIssuer.from_settings(settings, {}, StaticKeySource(idp.jwks()))
    return LogoutTokenVerifier(TrustedIssuers([trusted]), clock)


@pytest.fixture(scope="module")
def now(clock: FixedClock) -> int:
    return int(clock.now().timestamp())


class TestAcceptance:
    async def test_of_a_session(
        self, verifier: LogoutTokenVerifier, idp: FakeIdp, now: int
    ) -> None:
        heard = await verifier.verify(logout_token(idp, now))
        cutoff = datetime.fromtimestamp(now, UTC)
        assert heard.entry == Entry("session", ISSUER, "sid-1", cutoff)
        assert heard.token_id == "logout-1"

    async def test_of_all_sessions_of_a_user(
        self, verifier: LogoutTokenVerifier, idp: FakeIdp, now: int
    ) -> None:
        heard = await verifier.verify(logout_token(idp, now, sid=ABSENT))
        assert (heard.entry.kind, heard.entry.name) == ("subject", "alice")

    @pytest.mark.parametrize(
        "forge",
        [
            lambda idp, now: logout_token(idp, now, sub=ABSENT),
            lambda idp, now: logout_token(idp, now, aud=["x", "muniment-test"]),
            lambda idp, now: logout_token(idp, now, typ=ABSENT),
            lambda idp, now: logout_token(idp, now, exp=ABSENT),
            lambda idp, now: logout_token(idp, now, {"typ": "JWT"}),
            lambda idp, now: logout_token(idp, now, {"typ": "application/logout+jwt"}),
            lambda idp, now: logout_token(idp, now + 20),
            lambda idp, now: logout_token(idp, now - 100),
        ],
    )
    async def test_of_every_form_that_the_specification_allows(
        self, verifier: LogoutTokenVerifier, idp: FakeIdp, now: int, forge: Forge
    ) -> None:
        await verifier.verify(forge(idp, now))


ATTACKS: dict[str, tuple[Forge, Reason]] = {
    "for another client": (
        lambda idp, now: logout_token(idp, now, aud="other-app-full"),
        Reason.AUDIENCE,
    ),
    "for our audience, which is no client": (
        lambda idp, now: logout_token(idp, now, aud=AUDIENCE),
        Reason.AUDIENCE,
    ),
    "for nobody": (lambda idp, now: logout_token(idp, now, aud=ABSENT), Reason.AUDIENCE),
    "audience a number": (
        lambda idp, now: logout_token(idp, now, aud=[CLIENT, 1]),
        Reason.AUDIENCE,
    ),
    "another issuer": (
        lambda idp, now: logout_token(idp, now, iss="https://evil.example"),
        Reason.ISSUER,
    ),
    "no events": (lambda idp, now: logout_token(idp, now, events=ABSENT), Reason.OTHER_PURPOSE),
    "another event": (
        lambda idp, now: logout_token(idp, now, events={"http://x": {}}),
        Reason.OTHER_PURPOSE,
    ),
    "an event that is no object": (
        lambda idp, now: logout_token(idp, now, events={EVENT: None}),
        Reason.OTHER_PURPOSE,
    ),
    "events a list": (
        lambda idp, now: logout_token(idp, now, events=[EVENT]),
        Reason.OTHER_PURPOSE,
    ),
    "with a nonce": (lambda idp, now: logout_token(idp, now, nonce="n"), Reason.OTHER_PURPOSE),
    "neither sid nor sub": (
        lambda idp, now: logout_token(idp, now, sid=ABSENT, sub=ABSENT),
        Reason.IDENTIFIER,
    ),
    "a sid of another type": (
        lambda idp, now: logout_token(idp, now, sid=["x"]),
        Reason.IDENTIFIER,
    ),
    "a sid with a control character": (
        lambda idp, now: logout_token(idp, now, sid="a\x1fb"),
        Reason.IDENTIFIER,
    ),
    "no jti": (lambda idp, now: logout_token(idp, now, jti=ABSENT), Reason.IDENTIFIER),
    "issued long ago": (
        lambda idp, now: logout_token(idp, now - 10 * MINUTE, exp=now + MINUTE),
        Reason.EXPIRED,
    ),
    "expired": (lambda idp, now: logout_token(idp, now - 200, exp=now - 80), Reason.EXPIRED),
    "from the future": (lambda idp, now: logout_token(idp, now + 120), Reason.NOT_YET_VALID),
    "no time": (lambda idp, now: logout_token(idp, now, iat=ABSENT), Reason.TIME),
    "time a text": (lambda idp, now: logout_token(idp, now, iat="now"), Reason.TIME),
    "a refresh token": (lambda idp, now: logout_token(idp, now, typ="Refresh"), Reason.TOKEN_TYPE),
    "an access token": (lambda idp, _: idp.token({"aud": CLIENT}), Reason.OTHER_PURPOSE),
    "an identity token": (
        lambda idp, _: idp.token({"aud": CLIENT, "typ": "ID", "nonce": "n"}),
        Reason.OTHER_PURPOSE,
    ),
    "of a type for access": (
        lambda idp, now: logout_token(idp, now, {"typ": "at+jwt"}),
        Reason.HEADER_TYPE,
    ),
    "unsigned": (
        lambda idp, now: logout_token(idp, now, {"alg": "none"}),
        Reason.ALGORITHM,
    ),
    "with a key of its own": (
        lambda idp, now: logout_token(idp, now, {"jwk": {}}),
        Reason.HEADER_MEMBER,
    ),
    "signature cut": (lambda idp, now: logout_token(idp, now)[:-8] + "AAAAAAAA", Reason.SIGNATURE),
    "no token": (lambda _idp, _now: "rubbish", Reason.FORM),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_refuses(verifier: LogoutTokenVerifier, idp: FakeIdp, now: int, name: str) -> None:
    forge, reason = ATTACKS[name]
    with pytest.raises(TokenRefusedError) as caught:
        await verifier.verify(forge(idp, now))
    assert caught.value.reason is reason
