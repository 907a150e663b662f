from collections.abc import Callable, Mapping

import pytest
from joserfc.jwk import Key, OKPKey, RSAKey
from structlog.testing import capture_logs

from muniment.identity.keys import StaticKeySource, UnusableKeyError, VerificationKey, read_keys
from tests.support.fake_idp import ABSENT, FakeIdp, changed, kid_of

Jwk = Mapping[str, object]


def published(key: Key, algorithm: str) -> dict[str, object]:
    return {**key.as_dict(private=False), "kid": "k", "use": "sig", "alg": algorithm}


def with_changes(changes: Jwk) -> Callable[[FakeIdp], object]:
    return lambda idp: changed(idp.jwks()[0], changes)


UNUSABLE: dict[str, Callable[[FakeIdp], object]] = {
    "for encryption": with_changes({"use": "enc"}),
    "for anything": with_changes({"use": ABSENT}),
    "for encryption by its algorithm": with_changes({"alg": "RSA-OAEP"}),
    "for any algorithm": with_changes({"alg": ABSENT}),
    "for a symmetric algorithm": with_changes({"alg": "HS256"}),
    "for no algorithm": with_changes({"alg": "none"}),
    "for a list of algorithms": with_changes({"alg": ["RS256"]}),
    "for an algorithm of another type": with_changes({"alg": "ES256"}),
    "without kid": with_changes({"kid": ABSENT}),
    "with an empty kid": with_changes({"kid": ""}),
    "with a kid of two lines": with_changes({"kid": "a\nb"}),
    "with a kid that is a number": with_changes({"kid": 1}),
    "of no type": with_changes({"kty": ABSENT}),
    "of an unknown type": with_changes({"kty": "PQC"}),
    "of a list of types": with_changes({"kty": ["RSA"]}),
    "without modulus": with_changes({"n": ABSENT}),
    "with a modulus that is a number": with_changes({"n": 5}),
    "with a modulus that is no base64": with_changes({"n": "***"}),
    "with an exponent of one": with_changes({"e": "AQ"}),
    "a secret": lambda _: {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "use": "sig", "alg": "RS256"},
    "a text": lambda _: "key",
    "null": lambda _: None,
    "EC on an unknown curve": lambda idp: {
        **published(idp.keys["ES256"], "ES256"),
        "crv": "P-1",
    },
    "EC on the wrong curve": lambda idp: published(idp.keys["ES384"], "ES256"),
    "EC off the curve": lambda idp: {**published(idp.keys["ES256"], "ES256"), "x": "AAAA"},
    "X25519": lambda _: published(OKPKey.generate_key("X25519"), "EdDSA"),
}


class TestReadKeys:
    @pytest.mark.parametrize("name", UNUSABLE)
    def test_leaves_out_what_cannot_check_signatures(self, name: str, idp: FakeIdp) -> None:
        with capture_logs() as logs:
            keys = read_keys([UNUSABLE[name](idp), idp.jwks()[1]])

        assert set(keys) == {kid_of("PS256")}
        assert [log["event"] for log in logs] == ["key_left_out"]

    @pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
    def test_leaves_out_short_keys(self) -> None:
        with pytest.raises(UnusableKeyError, match="2048 bits"):
            VerificationKey.from_jwk(published(RSAKey.generate_key(1024), "RS256"))

    def test_keeps_the_first_of_two_with_one_kid(self, idp: FakeIdp) -> None:
        first, second = idp.jwks()[:2]
        with capture_logs() as logs:
            keys = read_keys([first, {**second, "kid": first["kid"]}])

        assert [key.algorithm for key in keys.values()] == ["RS256"]
        assert len(logs) == 1

    def test_passes_over_the_certificates_of_a_key(self, idp: FakeIdp) -> None:
        jwk = {**idp.jwks()[0], "x5c": ["MIIB"], "x5t": "abc", "x5t#S256": 5, "x5u": "ftp://x"}

        assert set(read_keys([jwk])) == {kid_of("RS256")}


class TestStaticKeySource:
    async def test_finds_by_kid_alone(self, idp: FakeIdp) -> None:
        source = StaticKeySource(idp.jwks())
        found = await source.find(kid_of("ES256"))

        assert found is not None
        assert found.algorithm == "ES256"
        assert await source.find("other") is None
