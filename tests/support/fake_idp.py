"""An identity provider that signs whatever a test wants, good or evil."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from muniment.kit.clock import Clock

ISSUER: Final = "https://sso.example.com/realms/muniment"
AUDIENCE: Final = "muniment-api"
CLIENT: Final = "muniment-web"

ABSENT: Final = object()
"""Put in place of a value, it takes the member away."""


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def changed(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**base, **changes}.items() if value is not ABSENT}


class FakeIdp:
    """Keys of every kind, each published for one algorithm under a `kid` that names it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.keys: dict[str, Key] = {
            "RS256": RSAKey.generate_key(2048),
            "PS256": RSAKey.generate_key(2048),
            "ES256": ECKey.generate_key("P-256"),
            "ES384": ECKey.generate_key("P-384"),
            "EdDSA": OKPKey.generate_key("Ed25519"),
        }

    def jwks(self) -> list[dict[str, object]]:
        return [
            {**key.as_dict(private=False), "kid": kid_of(alg), "use": "sig", "alg": alg}
            for alg, key in self.keys.items()
        ]

    def header(self, changes: Mapping[str, object]) -> dict[str, object]:
        base = {"alg": "RS256", "typ": "JWT", "kid": kid_of("RS256")}
        return changed(base, changes)

    def claims(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Make the claims that Keycloak 26.7 puts into an access token of a browser client."""
        now = int(self._clock.now().timestamp())
        base: dict[str, object] = {
            "exp": now + 300,
            "iat": now,
            "jti": "onrtac:4f0d1c3e-6f0e-4a32-8f0f-0d3f4c8d7a11",
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "7b0c8a52-31c3-4f7e-9f0e-0b7b2a4d9c55",
            "typ": "Bearer",
            "azp": CLIENT,
            "sid": "1d3b9c52-8f9b-4f0c-a0a5-5c8f0e7a7d10",
            "acr": "1",
            "resource_access": {AUDIENCE: {"roles": ["member"]}},
            "scope": "openid profile",
            "organization": ["acme"],
            "name": "Alice Example",
            "groups": ["/eng/search"],
            "department": "hr",
            "clearance": 3,
        }
        return changed(base, changes)

    def token(
        self,
        claims: Mapping[str, object] | None = None,
        header: Mapping[str, object] | None = None,
        *,
        key: str = "RS256",
    ) -> str:
        """Sign the usual token with these changes to its claims and header."""
        return self.signed(
            compact_json(self.header(header or {})),
            compact_json(self.claims(claims or {})),
            key=key,
        )

    def signed(self, header: bytes, claims: bytes, *, key: str = "RS256") -> str:
        """Sign any bytes at all."""
        return sign(encode(header), encode(claims), key, self.keys[key])

    def with_algorithm(self, algorithm: str, claims: Mapping[str, object] | None = None) -> str:
        return self.token(claims, {"alg": algorithm, "kid": kid_of(algorithm)}, key=algorithm)

    def as_hmac(self, header: Mapping[str, object], secret: bytes) -> str:
        """Sign with a secret that everybody knows, such as the public key."""
        signed = ".".join(
            encode(compact_json(part)) for part in (self.header(header), self.claims({}))
        )
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def kid_of(algorithm: str) -> str:
    return f"key-{algorithm.lower()}"


def sign(header: str, claims: str, algorithm: str, key: Key) -> str:
    """Sign two segments that are already encoded, however badly."""
    signed = f"{header}.{claims}"
    signature = JWSRegistry.algorithms[algorithm].sign(signed.encode(), key)
    return f"{signed}.{encode(signature)}"
