import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from muniment.identity.errors import InvalidTokenError
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import VerificationKey
from muniment.identity.verifier import TokenVerifier
from muniment.kit.errors import UnavailableError
from tests.identity.attacks import ATTACKS, Attack
from tests.support.fake_idp import ABSENT, AUDIENCE, CLIENT, ISSUER, FakeIdp, compact_json
from tests.support.fixed_clock import FixedClock

BENIGN: dict[str, Callable[[FakeIdp], str]] = {
    "as Keycloak sends it": lambda idp: idp.token(),
    "typ at+jwt": lambda idp: idp.token(header={"typ": "at+jwt"}),
    "typ application/at+jwt": lambda idp: idp.token(header={"typ": "application/at+jwt"}),
    "typ in other case": lambda idp: idp.token(header={"typ": "AT+JWT"}),
    "an unknown header member": lambda idp: idp.token(header={"x-new": {"a": [1]}}),
    "a thumbprint in the header": lambda idp: idp.token(header={"x5t": "abc"}),
    "an unknown claim": lambda idp: idp.token({"x-new": [1.5, None, True]}),
    "aud a list": lambda idp: idp.token({"aud": ["account", AUDIENCE]}),
    "PS256": lambda idp: idp.with_algorithm("PS256"),
    "ES256": lambda idp: idp.with_algorithm("ES256"),
    "EdDSA": lambda idp: idp.with_algorithm("EdDSA"),
    "without optional claims": lambda idp: idp.token(
        dict.fromkeys(
            ["sid", "jti", "acr", "scope", "name", "groups", "resource_access", "organization"],
            ABSENT,
        )
    ),
    "times with fractions": lambda idp: idp.token(_fractions(idp)),
    "a subject with letters of the world": lambda idp: idp.token({"sub": "Jörg Ångström 山田"}),
    "white space in the JSON": lambda idp: idp.signed(
        compact_json(idp.header({})), compact_json(idp.claims({})).replace(b",", b" ,\n\t")
    ),
    "many brackets, none deep": lambda idp: idp.token({"x": [[], {}] * 50, "name": '[[{"\\"]' * 9}),
    "arrays 15 deep": lambda idp: idp.signed(
        compact_json(idp.header({})),
        compact_json(idp.claims({}))[:-1] + b',"x":' + b"[" * 15 + b"]" * 15 + b"}",
    ),
}


def _fractions(idp: FakeIdp) -> dict[str, object]:
    issued_at = idp.claims({})["iat"]
    assert isinstance(issued_at, int)
    return {"iat": issued_at - 0.5, "exp": issued_at + 0.5}


class FailingKeySource:
    async def find(self, kid: str) -> VerificationKey | None:
        raise UnavailableError("The issuer does not answer.")


class TestRefusal:
    @pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
    async def test_gives_one_answer_and_logs_the_reason(
        self, attack: Attack, idp: FakeIdp, verifier: TokenVerifier
    ) -> None:
        token = attack.forge(idp)
        with capture_logs() as logs, pytest.raises(InvalidTokenError) as refused:
            await verifier.verify(token)

        assert (refused.value.status, refused.value.code) == (401, "invalid_token")
        assert refused.value.detail == InvalidTokenError().detail
        assert refused.value.hint == InvalidTokenError().hint
        assert refused.value.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        assert refused.value.__cause__ is None
        assert [(log["event"], log["reason"]) for log in logs] == [("token_refused", attack.reason)]
        assert len(token) < 20 or token not in repr(logs)

    def test_cases_are_many_and_named_apart(self) -> None:
        names = [attack.name for attack in ATTACKS]

        assert len(names) >= 150
        assert len(set(names)) == len(names)

    async def test_costs_little_whatever_is_sent(
        self, idp: FakeIdp, verifier: TokenVerifier
    ) -> None:
        tokens = [attack.forge(idp) for attack in ATTACKS]
        # A busy machine may hold up any of them once, but not the same one every time.
        slow = set(tokens)
        for _ in range(5):
            for token in list(slow):
                started = time.thread_time()
                with pytest.raises(InvalidTokenError):
                    await verifier.verify(token)
                if time.thread_time() - started < 0.1:
                    slow.remove(token)

        assert slow == set()

    async def test_with_a_key_of_another_issuer(
        self, idp: FakeIdp, trusted: TrustedIssuer, clock: FixedClock
    ) -> None:
        other = FakeIdp(clock)
        verifier = TokenVerifier(TrustedIssuers([trusted]), clock)
        with capture_logs() as logs, pytest.raises(InvalidTokenError):
            await verifier.verify(other.token())

        assert logs[0]["reason"] == "signature"


class TestAcceptance:
    @pytest.mark.parametrize("name", BENIGN)
    async def test_of_benign_tokens(self, name: str, idp: FakeIdp, verifier: TokenVerifier) -> None:
        claims = await verifier.verify(BENIGN[name](idp))

        assert (claims.issuer, claims.client) == (ISSUER, CLIENT)

    async def test_gives_what_the_token_says(
        self, idp: FakeIdp, verifier: TokenVerifier, clock: FixedClock
    ) -> None:
        claims = await verifier.verify(idp.token({"email": "alice@example.com", "locale": "de"}))

        assert claims.subject == "7b0c8a52-31c3-4f7e-9f0e-0b7b2a4d9c55"
        assert claims.issued_at == clock.now()
        assert (claims.expires_at - claims.issued_at).total_seconds() == 300
        assert claims.session_id == "1d3b9c52-8f9b-4f0c-a0a5-5c8f0e7a7d10"
        assert claims.token_id is not None
        assert (claims.name, claims.email, claims.locale) == (
            "Alice Example",
            "alice@example.com",
            "de",
        )

    async def test_passes_over_a_display_name_that_is_none(
        self, idp: FakeIdp, verifier: TokenVerifier
    ) -> None:
        claims = await verifier.verify(idp.token({"name": "a\x00b", "locale": 7}))

        assert (claims.name, claims.locale) == (None, None)

    async def test_within_the_leeway_of_a_fast_clock(
        self, idp: FakeIdp, verifier: TokenVerifier, clock: FixedClock
    ) -> None:
        soon = int(clock.now().timestamp()) + 30

        claims = await verifier.verify(idp.token({"iat": soon, "nbf": soon}))

        assert claims.issued_at > clock.now()

    async def test_waits_for_keys_that_cannot_be_had_as_unavailable(
        self, idp: FakeIdp, trusted: TrustedIssuer, clock: FixedClock
    ) -> None:
        issuer = replace(trusted, keys=FailingKeySource())
        with pytest.raises(UnavailableError):
            await TokenVerifier(TrustedIssuers([issuer]), clock).verify(idp.token())
