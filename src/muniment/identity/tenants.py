"""Whose documents a caller is among: exactly one tenant follows from a token, or none does."""

from muniment.identity.claims import VerifiedClaims
from muniment.identity.errors import TenantRequiredError
from muniment.identity.issuers import TrustedIssuer


def resolve_tenant(issuer: TrustedIssuer, claims: VerifiedClaims) -> str:
    """Give the one tenant that the settings map this caller to; raise TenantRequiredError else.

    A service account is found by its client. The tenant that an issuer names for all of its users
    is not for service accounts with a mapping of their own.
    """
    rule = issuer.tenants
    service = (rule.service_accounts or {}).get(claims.client)
    if rule.organisations is None:
        matches = set(claims.organisations)
    else:
        matches = {
            rule.organisations[name] for name in claims.organisations & rule.organisations.keys()
        }
    if service is not None:
        matches.add(service)
    elif rule.tenant is not None:
        matches.add(rule.tenant)
    if len(matches) != 1:
        raise TenantRequiredError(_what_is_missing(claims, len(matches)), hint=_HINT)
    return matches.pop()


_HINT = "An administrator maps organisations and service accounts to tenants in the settings."


def _what_is_missing(claims: VerifiedClaims, matches: int) -> str:
    if matches:
        return (
            f"The token belongs to {matches} tenants at once, and a request acts in exactly one: "
            "sign in with one organisation."
        )
    if claims.organisations:
        return "No tenant is set up for the organisation that the token names."
    return "The token names no organisation, and its client is not the service account of a tenant."
