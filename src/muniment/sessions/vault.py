"""Where sessions are kept: what reads them, what writes them, and what seals their tokens."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions
from muniment.sessions.key_ring import KeyRing

REFRESH: Final = "refresh"
ID_TOKEN: Final = "id_token"  # noqa: S105 - the name of a column
VERIFIER: Final = "verifier"


@dataclass(frozen=True, slots=True)
class Vault:
    """One for the whole process."""

    reads: PreparedReads
    transactions: Transactions
    ring: KeyRing

    def seal(self, secret: SecretStr | None, row: UUID | str, column: str) -> bytes | None:
        """Seal a token for its place, a column of a row: it opens in no other."""
        if secret is None:
            return None
        return self.ring.seal(secret.get_secret_value(), _place(row, column))

    def open(self, sealed: bytes, row: UUID | str, column: str) -> str:
        """Open what was sealed for a place. Raises SealBrokenError."""
        return self.ring.open(sealed, _place(row, column))


def _place(row: UUID | str, column: str) -> str:
    return f"{row}.{column}"
