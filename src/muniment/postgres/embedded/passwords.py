"""The passwords of the embedded database: random, made once, readable by one user."""

import json
import secrets

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from muniment.postgres.embedded.errors import EmbeddedPostgresError
from muniment.postgres.embedded.files import DataFolder, sync_folder, write_private

_ENTROPY_BYTES = 24


class Passwords(BaseModel):
    """One password for each role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    superuser: SecretStr
    owner: SecretStr
    serving: SecretStr
    worker: SecretStr


def load_or_make_passwords(folder: DataFolder) -> Passwords:
    """Read the passwords of a data directory, making them for a new one."""
    try:
        return Passwords.model_validate_json(folder.passwords.read_bytes())
    except FileNotFoundError:
        return _make(folder)
    except ValidationError:
        # Without the cause, which quotes what is in the file.
        raise EmbeddedPostgresError(
            f"The file {folder.passwords} does not hold the database's passwords any more.",
            hint="Restore it from a backup.",
        ) from None


def _make(folder: DataFolder) -> Passwords:
    if folder.cluster.exists():
        raise EmbeddedPostgresError(
            f"The database in {folder.root} has lost its file {folder.passwords.name}.",
            hint="Restore it from a backup: without it nobody can log in.",
        )
    passwords = {role: secrets.token_urlsafe(_ENTROPY_BYTES) for role in Passwords.model_fields}
    made = Passwords.model_validate(passwords)
    write_private(folder.passwords, _as_json(made))
    sync_folder(folder.root)
    return made


def _as_json(passwords: Passwords) -> str:
    plain = {role: secret.get_secret_value() for role, secret in passwords}
    return json.dumps(plain, indent=2)
