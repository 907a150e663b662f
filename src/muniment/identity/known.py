"""Names that the settings know: what a caller writes down has to be one that somebody can have."""

from collections.abc import Collection

from muniment.identity.errors import UnknownIssuerError, UnknownRoleError
from muniment.identity.local_issuer import ISSUER
from muniment.identity.settings import IdentitySettings


class KnownNames:
    """The roles and issuers of the settings, the built-in ones included."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._roles = frozenset(settings.roles)
        self._issuers = frozenset({ISSUER, *(issuer.issuer for issuer in settings.issuers)})

    def require_role(self, role: str, pointer: str) -> None:
        """Refuse a role that no issuer can assert. Raises UnknownRoleError."""
        if role not in self._roles:
            raise UnknownRoleError(role, _listed(self._roles), pointer)

    def require_issuer(self, issuer: str, pointer: str) -> None:
        """Refuse an issuer whose tokens are not accepted. Raises UnknownIssuerError."""
        if issuer not in self._issuers:
            raise UnknownIssuerError(issuer, _listed(self._issuers), pointer)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
