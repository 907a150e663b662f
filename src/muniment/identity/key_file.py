"""Files with keys of this installation: made once, whole, and for their owner's eyes alone."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from muniment.kit.errors import ConfigurationError

KEY_BITS: Final = 2048
FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700


def load_or_create_key(path: Path) -> RSAPrivateKey:
    """Read the signing key of the local issuer, made first where there is none.

    Blocks, so call it outside the event loop.
    """
    return _read_signing_key(path, read_or_create(path, _new_signing_key))


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Read a file of a key, made first where there is none; blocks.

    Raises ConfigurationError where others than its owner could read it.
    """
    if not path.exists():
        path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        _create(path, make())
    if stat.S_IMODE(path.stat().st_mode) & ~FILE_MODE:
        raise ConfigurationError(
            f"The key {path} can be read by others than its owner.",
            hint=f"Run chmod 600 {path}; if others may have read it, delete it and start again.",
        )
    return path.read_bytes()


def _new_signing_key() -> bytes:
    return generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _create(path: Path, content: bytes) -> None:
    """Write a new key beside its place and link it there: whole or not at all, and the first wins.

    A hard link fails where the name is taken, so of two processes that start at once the second
    goes on with the key of the first; a process killed in between leaves only the stray file.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_durably(draft, content)
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_signing_key(path: Path, content: bytes) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(path) from error
    if not isinstance(key, RSAPrivateKey):
        raise _unreadable(path)
    return key


def _unreadable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The file {path} does not hold a signing key.",
        hint="Delete it: a new key is made at the next start, and old tokens stop working.",
    )
