"""The keys of an issuer, and the port that a verifier gets them through.

The port is narrow on purpose: fetching, caching, rotation and the one fetch for an unknown `kid`
are the business of the source behind it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self, get_args

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import Key, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry
from pydantic import TypeAdapter, ValidationError

from muniment.identity.names import is_plain

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
]  # fmt: skip
"""The signature algorithms that an issuer may be allowed to use; none of them is symmetric."""

MIN_RSA_BITS: Final = 2048
MAX_KEY_ID_LENGTH: Final = 255

_ALGORITHMS: Final = frozenset(get_args(Algorithm))
_PUBLIC_TYPES: Final = ("RSA", "EC", "OKP")
_SIGNING_CURVES: Final = frozenset({"Ed25519", "Ed448"})
_JWK = TypeAdapter(dict[str, str | list[str]])
_log = structlog.get_logger(__name__)


class UnusableKeyError(ValueError):
    """A key of a key set cannot check signatures here; the others of the set still can."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with the one algorithm that it may be used with (RFC 8725, 3.1)."""

    kid: str
    algorithm: str
    key: Key

    @classmethod
    def from_jwk(cls, jwk: object) -> Self:
        """Read a JSON Web Key (RFC 7517); raise UnusableKeyError for what is not for signatures."""
        if not isinstance(jwk, Mapping):
            raise UnusableKeyError("not an object")
        kid, algorithm = jwk.get("kid"), jwk.get("alg")
        if jwk.get("use") != "sig":
            raise UnusableKeyError("not for signatures")
        if not isinstance(kid, str) or not is_plain(kid, MAX_KEY_ID_LENGTH):
            raise UnusableKeyError("without a plain kid")
        if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
            raise UnusableKeyError("of no accepted algorithm")
        if jwk.get("kty") not in _PUBLIC_TYPES:
            raise UnusableKeyError("of no type that has a public part")
        return cls(kid=kid, algorithm=algorithm, key=_import(jwk, algorithm))

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Tell whether this key made the signature over these bytes."""
        return JWSRegistry.algorithms[self.algorithm].verify(signed, signature, self.key)


def _import(jwk: Mapping[str, object], algorithm: str) -> Key:
    # Members beyond the key itself (x5c, x5t, …) are left out: nothing may be judged by them.
    members = {name: value for name, value in jwk.items() if not name.startswith("x5")}
    try:
        key = import_key(_JWK.validate_python(members, strict=True))
        JWSRegistry.algorithms[algorithm].check_key(key)
    except (JoseError, UnsupportedAlgorithm, ValidationError, ValueError, KeyError) as error:
        raise UnusableKeyError("not a well-formed key of its algorithm") from error
    if isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
        raise UnusableKeyError(f"shorter than {MIN_RSA_BITS} bits")
    if isinstance(key, OKPKey) and key.curve_name not in _SIGNING_CURVES:
        raise UnusableKeyError("on a curve that makes no signatures")
    return key


def read_keys(jwks: Iterable[object]) -> dict[str, VerificationKey]:
    """Read the `keys` of a JWK set by `kid`, leaving out and logging what cannot be used."""
    keys: dict[str, VerificationKey] = {}
    for jwk in jwks:
        try:
            key = VerificationKey.from_jwk(jwk)
        except UnusableKeyError as error:
            _log.info("key_left_out", reason=str(error))
            continue
        if keys.setdefault(key.kid, key) is not key:
            _log.warning("key_left_out", reason="with the kid of another key")
    return keys


class KeySource(Protocol):
    """Gives the keys of one issuer."""

    async def find(self, kid: str) -> VerificationKey | None:
        """Give the key with this identifier, or None when the issuer has no such key.

        A source that cannot tell, because the issuer never answered, raises UnavailableError: that
        is not the caller's fault, and a 401 would make the caller throw a good token away.
        """
        ...


class StaticKeySource:
    """A key set that is known from the start and never changes."""

    def __init__(self, jwks: Iterable[object]) -> None:
        self._keys = read_keys(jwks)

    async def find(self, kid: str) -> VerificationKey | None:
        """Give the key with this identifier, if it is in the set."""
        return self._keys.get(kid)
