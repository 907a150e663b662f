"""What an issuer says about a caller: roles, groups, attributes, organisations.

Nothing here refuses a token. What is missing, of the wrong type, or more than the issuer may say
is no right; what looks like a fault of configuration is logged by its name, never by its value.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import structlog

from muniment.identity.issuers import TrustedIssuer
from muniment.identity.names import is_at_or_below, is_plain, valid_group
from muniment.identity.settings import AttributeType
from muniment.ports.access import AttributeValue

MAX_TEXT_LENGTH: Final = 255
MAX_NUMBER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, 6)."""

_log = structlog.get_logger(__name__)


def roles_of(claims: Mapping[str, object], issuer: TrustedIssuer) -> frozenset[str]:
    """Give the roles of our own client that the issuer may assert, and of no other client."""
    access = claims.get("resource_access", {})
    ours = access.get(issuer.audience, {}) if isinstance(access, Mapping) else None
    roles = _texts(ours.get("roles", [])) if isinstance(ours, Mapping) else None
    if roles is None:
        _pass_over(issuer, "resource_access", "wrong_type")
        return frozenset()
    return issuer.assertable.roles.intersection(roles)


def groups_of(claims: Mapping[str, object], issuer: TrustedIssuer) -> frozenset[str]:
    """Give the full paths at or below the issuer's prefix."""
    name = issuer.assertable.groups_claim
    paths = _texts(claims.get(name, []))
    if paths is None:
        _pass_over(issuer, name, "wrong_type")
        return frozenset()
    groups = frozenset(path for path in paths if _is_group(path))
    if len(groups) < len(set(paths)):
        _pass_over(issuer, name, "not_a_full_path")
    prefix = issuer.assertable.group_prefix
    return frozenset(group for group in groups if is_at_or_below(group, prefix))


def attributes_of(
    claims: Mapping[str, object], issuer: TrustedIssuer
) -> Mapping[str, AttributeValue]:
    """Give the attributes that the issuer may assert, each of its declared type."""
    attributes: dict[str, AttributeValue] = {}
    for name, kind in issuer.assertable.attributes.items():
        if name not in claims:
            continue
        value = attribute_value(claims[name], kind)
        if value is None:
            _pass_over(issuer, name, "wrong_type")
        else:
            attributes[name] = value
    return MappingProxyType(attributes)


def organisations_of(claims: Mapping[str, object], issuer: TrustedIssuer) -> frozenset[str]:
    """Give the names of the caller's organisations, from a list, a text or an object by name."""
    value = claims.get("organization", [])
    names = _texts([value] if isinstance(value, str) else value)
    if isinstance(value, Mapping):
        names = list(value)
    if names is None:
        _pass_over(issuer, "organization", "wrong_type")
        return frozenset()
    return frozenset(names)


def attribute_value(value: object, kind: AttributeType) -> AttributeValue | None:
    """Give the value back if an attribute of this type can have it, else None."""
    if kind == "str":
        return value if isinstance(value, str) and is_plain(value, MAX_TEXT_LENGTH) else None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_NUMBER:
        return None
    return value


def _is_group(path: str) -> bool:
    try:
        valid_group(path)
    except ValueError:
        return False
    return True


def _texts(value: object) -> list[str] | None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    return value


def _pass_over(issuer: TrustedIssuer, claim: str, reason: str) -> None:
    _log.warning("claim_passed_over", issuer=issuer.identifier, claim=claim, reason=reason)
