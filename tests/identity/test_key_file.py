import multiprocessing
import os
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from muniment.identity.key_file import _create, load_or_create_key
from muniment.kit.errors import ConfigurationError

RACERS = 3


def modulus(key: RSAPrivateKey) -> int:
    return key.public_key().public_numbers().n


def _race(path: Path, barrier: Barrier, found: "Queue[int]") -> None:
    barrier.wait(60)
    found.put(modulus(load_or_create_key(path)))


def ed25519_pem(encryption: KeySerializationEncryption) -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class TestLoadOrCreate:
    def test_makes_a_key_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "key.pem"
        before = os.umask(0)
        try:
            load_or_create_key(path)
        finally:
            os.umask(before)

        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert [file.name for file in path.parent.iterdir()] == ["key.pem"]

    def test_keeps_the_key_that_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"

        assert modulus(load_or_create_key(path)) == modulus(load_or_create_key(path))

    def test_of_processes_that_race_ends_with_one_key(self, tmp_path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        found: Queue[int] = context.Queue()
        barrier = context.Barrier(RACERS)
        path = tmp_path / "key.pem"
        racers = [context.Process(target=_race, args=(path, barrier, found)) for _ in range(RACERS)]
        for racer in racers:
            racer.start()
        keys = {found.get(timeout=60) for _ in racers}
        for racer in racers:
            racer.join(60)

        assert keys == {modulus(load_or_create_key(path))}
        assert [file.name for file in tmp_path.iterdir()] == ["key.pem"]

    def test_that_lost_the_race_leaves_the_winner_and_no_draft(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        winner = modulus(load_or_create_key(path))
        _create(path, b"of the loser")

        assert modulus(load_or_create_key(path)) == winner
        assert [file.name for file in tmp_path.iterdir()] == ["key.pem"]

    def test_is_not_disturbed_by_the_draft_of_a_killed_process(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        (tmp_path / ".key.pem.0123456789abcdef").write_bytes(b"-----BEGIN PRIV")

        assert load_or_create_key(path).key_size == 2048

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700])
    def test_refuses_a_key_that_others_can_read(self, mode: int, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        load_or_create_key(path)
        path.chmod(mode)

        with pytest.raises(ConfigurationError, match="read by others") as refused:
            load_or_create_key(path)
        assert refused.value.hint is not None
        assert "chmod 600" in refused.value.hint

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"rubbish",
            ed25519_pem(NoEncryption()),
            ed25519_pem(BestAvailableEncryption(b"secret")),
        ],
        ids=["empty", "rubbish", "of another kind", "encrypted"],
    )
    def test_refuses_what_is_no_signing_key(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        path.write_bytes(content)
        path.chmod(0o600)

        with pytest.raises(ConfigurationError, match="does not hold a signing key"):
            load_or_create_key(path)
