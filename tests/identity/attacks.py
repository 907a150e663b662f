"""Tokens that must be refused, each with the reason that the log must name.

Every one of them is signed with a true key of the issuer unless the attack is about the signature:
so a case can only be refused by the rule that it is about.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from joserfc.jwk import RSAKey

from muniment.identity.refusals import Reason
from tests.support.fake_idp import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    FakeIdp,
    compact_json,
    encode,
    kid_of,
    sign,
)

Forge = Callable[[FakeIdp], str]


@dataclass(frozen=True)
class Attack:
    name: str
    reason: Reason
    forge: Forge


def in_header(name: str, reason: Reason, member: str, value: object) -> Attack:
    return Attack(f"header: {name}", reason, lambda idp: idp.token(header={member: value}))


def in_claims(name: str, reason: Reason, member: str, value: object) -> Attack:
    return Attack(f"claims: {name}", reason, lambda idp: idp.token({member: value}))


def in_time(name: str, reason: Reason, **offsets: float) -> Attack:
    """Set times relative to the moment of issue in the usual token."""

    def forge(idp: FakeIdp) -> str:
        issued = idp.claims({})["iat"]
        assert isinstance(issued, int)
        return idp.token({member: issued + offset for member, offset in offsets.items()})

    return Attack(f"time: {name}", reason, forge)


def raw_header(name: str, reason: Reason, header: bytes) -> Attack:
    return Attack(
        f"raw header: {name}", reason, lambda idp: idp.signed(header, compact_json(idp.claims({})))
    )


def raw_claims(name: str, reason: Reason, change: Callable[[bytes], bytes]) -> Attack:
    return Attack(
        f"raw claims: {name}",
        reason,
        lambda idp: idp.signed(compact_json(idp.header({})), change(compact_json(idp.claims({})))),
    )


def respelled(name: str, reason: Reason, change: Callable[[str], str]) -> Attack:
    return Attack(f"spelling: {name}", reason, lambda idp: change(idp.token()))


def _with_member(member: str) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:-1] + b"," + member.encode() + b"}"


def _public_pem(idp: FakeIdp) -> bytes:
    key = idp.keys["RS256"]
    assert isinstance(key, RSAKey)
    return key.as_pem(private=False)


def _stripped(token: str) -> str:
    return token.rpartition(".")[0] + "."


def _flipped(token: str) -> str:
    """Change the first character of the signature, which no padding rule can notice."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _stray_bits(token: str) -> str:
    """Set an unused bit of the last character: the same bytes in a second spelling."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def _tampered(token: str) -> str:
    header, claims, signature = token.split(".")
    return f"{header}.{encode(b'{' + claims.encode() + b'}')}.{signature}"


def _promoted(idp: FakeIdp) -> str:
    header, _, signature = idp.token().split(".")
    claims = idp.claims({"resource_access": {AUDIENCE: {"roles": ["admin"]}}})
    return f"{header}.{encode(compact_json(claims))}.{signature}"


def _unsigned(algorithm: str) -> Forge:
    def forge(idp: FakeIdp) -> str:
        header = encode(compact_json(idp.header({"alg": algorithm})))
        return f"{header}.{encode(compact_json(idp.claims({})))}.AAAA"

    return forge


def _own_key(idp: FakeIdp) -> str:
    header = compact_json(idp.header({}))
    claims = compact_json(idp.claims({}))
    return sign(encode(header), encode(claims), "RS256", RSAKey.generate_key(2048))


def _own_key_embedded(idp: FakeIdp) -> str:
    key = RSAKey.generate_key(2048)
    header = compact_json(idp.header({"jwk": key.as_dict(private=False)}))
    return sign(encode(header), encode(compact_json(idp.claims({}))), "RS256", key)


def _standard_alphabet(idp: FakeIdp) -> str:
    header = b64encode(compact_json(idp.header({"note": "???>>>"}))).decode().rstrip("=")
    assert "/" in header or "+" in header
    return sign(header, encode(compact_json(idp.claims({}))), "RS256", idp.keys["RS256"])


def _padded_claims(idp: FakeIdp) -> str:
    claims = compact_json(idp.claims({}))
    claims += b" " * ((1 - len(claims)) % 3)
    padded = b64encode(claims, b"-_").decode()
    assert padded.endswith("=")
    return sign(encode(compact_json(idp.header({}))), padded, "RS256", idp.keys["RS256"])


def _deep(opening: str, closing: str, depth: int) -> Callable[[bytes], bytes]:
    return _with_member(f'"x":{opening * depth}1{closing * depth}')


SIGNATURE = (
    Attack("alg none", Reason.ALGORITHM, _unsigned("none")),
    Attack("alg nOnE", Reason.ALGORITHM, _unsigned("nOnE")),
    Attack("alg empty", Reason.ALGORITHM, _unsigned("")),
    Attack("alg HS256 by name", Reason.ALGORITHM, _unsigned("HS256")),
    Attack(
        "HS256 with the public key as secret",
        Reason.ALGORITHM,
        lambda idp: idp.as_hmac({"alg": "HS256"}, _public_pem(idp)),
    ),
    Attack(
        "RS256 in name, HS256 with the public key in fact",
        Reason.SIGNATURE,
        lambda idp: idp.as_hmac({"alg": "RS256"}, _public_pem(idp)),
    ),
    Attack(
        "RS256 key with PS256",
        Reason.ALGORITHM,
        lambda idp: idp.token(header={"alg": "PS256"}, key="PS256"),
    ),
    Attack(
        "ES256 in the header, key of RS256",
        Reason.ALGORITHM,
        lambda idp: idp.token(header={"alg": "ES256"}, key="ES256"),
    ),
    Attack(
        "a published key of an algorithm that is not allowed",
        Reason.ALGORITHM,
        lambda idp: idp.with_algorithm("ES384"),
    ),
    Attack("a key of the attacker", Reason.SIGNATURE, _own_key),
    Attack("claims changed after signing", Reason.SIGNATURE, _promoted),
    respelled("claims are no JSON", Reason.JSON, _tampered),
    respelled("signature changed", Reason.SIGNATURE, _flipped),
    respelled("signature of one byte", Reason.SIGNATURE, lambda t: _stripped(t) + "AA"),
    Attack(
        "ES256 signature of zeros (CVE-2022-21449)",
        Reason.SIGNATURE,
        lambda idp: _stripped(idp.with_algorithm("ES256")) + encode(bytes(64)),
    ),
    Attack(
        "ES256 signature in DER",
        Reason.SIGNATURE,
        lambda idp: (
            _stripped(idp.with_algorithm("ES256")) + encode(b"\x30\x06" + b"\x02\x01\x01" * 2)
        ),
    ),
    Attack(
        "EdDSA signature of zeros",
        Reason.SIGNATURE,
        lambda idp: _stripped(idp.with_algorithm("EdDSA")) + encode(bytes(64)),
    ),
)

HEADER = (
    Attack("header: own key embedded (jwk)", Reason.HEADER_MEMBER, _own_key_embedded),
    in_header("jku", Reason.HEADER_MEMBER, "jku", "https://evil.example/jwks"),
    in_header("x5u", Reason.HEADER_MEMBER, "x5u", "https://evil.example/cert"),
    in_header("x5c", Reason.HEADER_MEMBER, "x5c", ["MIIB"]),
    in_header("crit empty", Reason.HEADER_MEMBER, "crit", []),
    in_header("crit of a known member", Reason.HEADER_MEMBER, "crit", ["alg"]),
    in_header("crit of an unknown member", Reason.HEADER_MEMBER, "crit", ["x"]),
    in_header("crit null", Reason.HEADER_MEMBER, "crit", None),
    in_header("b64 true", Reason.HEADER_MEMBER, "b64", True),
    in_header("b64 false", Reason.HEADER_MEMBER, "b64", False),
    in_header("zip", Reason.HEADER_MEMBER, "zip", "DEF"),
    in_header("cty", Reason.HEADER_MEMBER, "cty", "JWT"),
    in_header("typ missing", Reason.HEADER_TYPE, "typ", ABSENT),
    in_header("typ of a logout token", Reason.HEADER_TYPE, "typ", "logout+jwt"),
    in_header("typ of a DPoP proof", Reason.HEADER_TYPE, "typ", "dpop+jwt"),
    in_header("typ JOSE", Reason.HEADER_TYPE, "typ", "JOSE"),
    in_header("typ a list", Reason.HEADER_TYPE, "typ", ["JWT"]),
    in_header("alg missing", Reason.ALGORITHM, "alg", ABSENT),
    in_header("alg a list", Reason.ALGORITHM, "alg", ["RS256"]),
    in_header("alg in lower case", Reason.ALGORITHM, "alg", "rs256"),
    in_header("kid missing", Reason.KEY_ID, "kid", ABSENT),
    in_header("kid empty", Reason.KEY_ID, "kid", ""),
    in_header("kid a list", Reason.KEY_ID, "kid", [kid_of("RS256")]),
    in_header("kid a number", Reason.KEY_ID, "kid", 1),
    in_header("kid with CRLF", Reason.KEY_ID, "kid", f"{kid_of('RS256')}\r\nX: y"),
    in_header("kid with an escape sequence", Reason.KEY_ID, "kid", "\x1b[31mred"),
    in_header("kid of 256 characters", Reason.KEY_ID, "kid", "k" * 256),
    in_header("kid a path", Reason.UNKNOWN_KEY, "kid", "../../../../dev/null"),
    in_header("kid SQL", Reason.UNKNOWN_KEY, "kid", "x' UNION SELECT 'secret"),
    in_header("kid unknown", Reason.UNKNOWN_KEY, "kid", "key-of-yesterday"),
    in_header("kid in upper case", Reason.UNKNOWN_KEY, "kid", kid_of("RS256").upper()),
    raw_header(
        "alg twice", Reason.JSON, b'{"alg":"none","alg":"RS256","typ":"JWT","kid":"key-rs256"}'
    ),
    raw_header(
        "member twice by escape",
        Reason.JSON,
        b'{"alg":"RS256","\\u0061lg":"RS256","typ":"JWT","kid":"key-rs256"}',
    ),
    raw_header("an array", Reason.JSON, b'["RS256"]'),
    raw_header("a text", Reason.JSON, b'"RS256"'),
    raw_header("null", Reason.JSON, b"null"),
    raw_header("no JSON", Reason.JSON, b"alg=RS256"),
    raw_header("cut off", Reason.JSON, b'{"alg":"RS256"'),
    raw_header("something behind", Reason.JSON, b'{"alg":"RS256"} {}'),
    raw_header("UTF-16", Reason.JSON, '{"alg":"RS256"}'.encode("utf-16")),
    raw_header("UTF-8 with a byte order mark", Reason.JSON, b'\xef\xbb\xbf{"alg":"RS256"}'),
    raw_header("broken UTF-8", Reason.JSON, b'{"alg":"RS256","x":"\xff"}'),
)

FORM = (
    Attack("form: empty", Reason.FORM, lambda _: ""),
    Attack("form: dots alone", Reason.FORM, lambda _: ".."),
    respelled("one segment", Reason.FORM, lambda t: t.replace(".", "")),
    respelled("two segments", Reason.FORM, lambda t: t.rpartition(".")[0]),
    respelled("four segments", Reason.FORM, lambda t: t + ".AAAA"),
    respelled("five segments, as if encrypted", Reason.FORM, lambda t: t + ".AAAA.AAAA"),
    respelled("no signature", Reason.FORM, _stripped),
    respelled("no header", Reason.FORM, lambda t: "." + t.partition(".")[2]),
    respelled("padded signature", Reason.FORM, lambda t: t + "=="),
    Attack("spelling: padded claims", Reason.FORM, _padded_claims),
    Attack("spelling: standard alphabet", Reason.FORM, _standard_alphabet),
    respelled("stray bits at the end", Reason.FORM, _stray_bits),
    respelled("impossible length", Reason.FORM, lambda t: _stripped(t) + "AAAAA"),
    respelled("space in front", Reason.FORM, lambda t: " " + t),
    respelled("space behind", Reason.FORM, lambda t: t + " "),
    respelled("newline behind", Reason.FORM, lambda t: t + "\n"),
    respelled("space inside", Reason.FORM, lambda t: t.replace(".", " .", 1)),
    respelled("NUL behind", Reason.FORM, lambda t: t + "\x00"),
    respelled("not ASCII", Reason.FORM, lambda t: t[:-1] + "é"),
    respelled("a look-alike dot", Reason.FORM, lambda t: t.replace(".", "․")),  # noqa: RUF001 - that is the attack
    respelled("a second token after a comma", Reason.FORM, lambda t: f"{t},{t}"),
    Attack("form: flattened JSON", Reason.FORM, lambda idp: json.dumps({"payload": idp.token()})),
    Attack("form: 20 KiB", Reason.SIZE, lambda idp: idp.token({"padding": "x" * 20 * 1024})),
    Attack("form: 1 MiB of rubbish", Reason.SIZE, lambda _: "A" * 2**20),
)

JSON = (
    raw_claims("sub twice", Reason.JSON, _with_member('"sub":"somebody-else"')),
    raw_claims("twice deep inside", Reason.JSON, _with_member('"x":{"a":1,"a":2}')),
    raw_claims("NaN", Reason.JSON, _with_member('"x":NaN')),
    raw_claims("Infinity", Reason.JSON, _with_member('"x":-Infinity')),
    raw_claims("trailing comma", Reason.JSON, lambda raw: raw[:-1] + b",}"),
    raw_claims("a comment", Reason.JSON, lambda raw: raw + b"//"),
    raw_claims("arrays 17 deep", Reason.JSON, _deep("[", "]", 17)),
    raw_claims("arrays 4,000 deep", Reason.JSON, _deep("[", "]", 4000)),
    raw_claims("objects 1,000 deep", Reason.JSON, _deep('{"a":', "}", 1000)),
    raw_claims("never closed", Reason.JSON, lambda raw: raw[:-1] + b',"x":' + b"[" * 4000),
    raw_claims("escaped quotes without end", Reason.JSON, lambda _: b"[" * 20 + b'"\\' * 4000),
    raw_claims("5,000 digits", Reason.JSON, _with_member(f'"x":{"9" * 5000}')),
    raw_claims("an array", Reason.JSON, lambda raw: b"[" + raw + b"]"),
)

CLAIMS = (
    in_claims("iss missing", Reason.ISSUER, "iss", ABSENT),
    in_claims("iss a list", Reason.ISSUER, "iss", [ISSUER]),
    in_claims("iss an object", Reason.ISSUER, "iss", {"iss": ISSUER}),
    in_claims("iss with a slash behind", Reason.ISSUER, "iss", f"{ISSUER}/"),
    in_claims("iss in upper case", Reason.ISSUER, "iss", ISSUER.upper()),
    in_claims("iss of another realm", Reason.ISSUER, "iss", f"{ISSUER}2"),
    in_claims("iss of the local issuer", Reason.ISSUER, "iss", "urn:muniment:local"),
    in_claims("aud missing", Reason.AUDIENCE, "aud", ABSENT),
    in_claims("aud of another", Reason.AUDIENCE, "aud", "account"),
    in_claims("aud begins like ours", Reason.AUDIENCE, "aud", f"{AUDIENCE}-2"),
    in_claims("aud empty list", Reason.AUDIENCE, "aud", []),
    in_claims("aud list without ours", Reason.AUDIENCE, "aud", ["account", "other"]),
    in_claims("aud list with a number", Reason.AUDIENCE, "aud", [AUDIENCE, 1]),
    in_claims("aud list in a list", Reason.AUDIENCE, "aud", [[AUDIENCE]]),
    in_claims("aud an object", Reason.AUDIENCE, "aud", {AUDIENCE: True}),
    in_claims("aud null", Reason.AUDIENCE, "aud", None),
    in_claims("exp missing", Reason.TIME, "exp", ABSENT),
    in_claims("exp a text", Reason.TIME, "exp", "9999999999"),
    in_claims("exp true", Reason.TIME, "exp", True),
    in_claims("exp null", Reason.TIME, "exp", None),
    in_claims("exp beyond all time", Reason.TIME, "exp", 10**15),
    in_claims("exp negative", Reason.TIME, "exp", -1),
    in_claims("exp of 401 digits", Reason.TIME, "exp", 10**400),
    in_claims("iat of 401 digits", Reason.TIME, "iat", 10**400),
    in_claims("nbf of 401 digits", Reason.TIME, "nbf", -(10**400)),
    raw_claims(
        "exp overflows to infinity",
        Reason.TIME,
        lambda raw: raw.replace(b'"exp":', b'"exp":1e999,"old":'),
    ),
    in_claims("iat missing", Reason.TIME, "iat", ABSENT),
    in_claims("iat a text", Reason.TIME, "iat", "0"),
    in_claims("iat false", Reason.TIME, "iat", False),
    in_claims("nbf a text", Reason.TIME, "nbf", "0"),
    in_claims("nbf null", Reason.TIME, "nbf", None),
    in_time("expired this second", Reason.EXPIRED, iat=-300, exp=0),
    in_time("expired an hour ago", Reason.EXPIRED, iat=-7200, exp=-3600),
    in_time("nbf beyond the leeway", Reason.NOT_YET_VALID, nbf=31),
    in_time("iat beyond the leeway", Reason.NOT_YET_VALID, iat=31),
    in_time("issued for more than a day", Reason.LIFETIME, exp=86_401),
    in_time("expires before it is issued", Reason.LIFETIME, iat=20, exp=10),
    in_claims("sub missing", Reason.SUBJECT, "sub", ABSENT),
    in_claims("sub empty", Reason.SUBJECT, "sub", ""),
    in_claims("sub blank", Reason.SUBJECT, "sub", " "),
    in_claims("sub a number", Reason.SUBJECT, "sub", 7),
    in_claims("sub a list", Reason.SUBJECT, "sub", ["alice"]),
    in_claims("sub of 256 characters", Reason.SUBJECT, "sub", "a" * 256),
    in_claims("sub with a line break", Reason.SUBJECT, "sub", "alice\nadmin"),
    in_claims("sub with the separator of names", Reason.SUBJECT, "sub", "alice\x1frole:admin"),
    in_claims("sub with a lone surrogate", Reason.SUBJECT, "sub", "alice\ud800"),
    in_claims("azp missing", Reason.CLIENT, "azp", ABSENT),
    in_claims("azp of a client with full scope", Reason.CLIENT, "azp", "other-app"),
    in_claims("azp is the audience", Reason.CLIENT, "azp", AUDIENCE),
    in_claims("azp a list", Reason.CLIENT, "azp", ["muniment-web"]),
    in_claims("sid a number", Reason.IDENTIFIER, "sid", 1),
    in_claims("sid null", Reason.IDENTIFIER, "sid", None),
    in_claims("sid empty", Reason.IDENTIFIER, "sid", ""),
    in_claims("jti with a line break", Reason.IDENTIFIER, "jti", "a\nb"),
)

CONFUSION = (
    in_claims("an identity token", Reason.TOKEN_TYPE, "typ", "ID"),
    in_claims("a refresh token", Reason.TOKEN_TYPE, "typ", "Refresh"),
    in_claims("an offline token", Reason.TOKEN_TYPE, "typ", "Offline"),
    in_claims("a logout token", Reason.TOKEN_TYPE, "typ", "Logout"),
    in_claims("a DPoP-bound token", Reason.TOKEN_TYPE, "typ", "DPoP"),
    in_claims("typ missing", Reason.TOKEN_TYPE, "typ", ABSENT),
    in_claims("typ in lower case", Reason.TOKEN_TYPE, "typ", "bearer"),
    in_claims("typ a list", Reason.TOKEN_TYPE, "typ", ["Bearer"]),
    in_claims(
        "events of a logout token",
        Reason.OTHER_PURPOSE,
        "events",
        {"http://schemas.openid.net/event/backchannel-logout": {}},
    ),
    in_claims("events null", Reason.OTHER_PURPOSE, "events", None),
    in_claims("nonce of an identity token", Reason.OTHER_PURPOSE, "nonce", "n"),
    in_claims("at_hash of an identity token", Reason.OTHER_PURPOSE, "at_hash", "h"),
    in_claims("c_hash of an identity token", Reason.OTHER_PURPOSE, "c_hash", "h"),
    in_claims("cnf jkt", Reason.BOUND_TO_KEY, "cnf", {"jkt": "x"}),
    in_claims("cnf x5t", Reason.BOUND_TO_KEY, "cnf", {"x5t#S256": "x"}),
    in_claims("cnf empty", Reason.BOUND_TO_KEY, "cnf", {}),
)

ATTACKS = (*SIGNATURE, *HEADER, *FORM, *JSON, *CLAIMS, *CONFUSION)
