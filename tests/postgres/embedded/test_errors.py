"""What the file system and PostgreSQL's programs say, as one sentence and a hint."""

import errno
import os
from pathlib import Path

import pytest

from muniment.kit.errors import ConfigurationError
from muniment.postgres.embedded.errors import (
    ServerFailedError,
    StorageError,
    program_failed,
    storage_errors,
)


class TestStorageErrors:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_is_called_full(self, number: int) -> None:
        with pytest.raises(StorageError, match="no space left on the disk of /d"):
            fail(number)

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOTDIR])
    def test_a_closed_directory_is_named_with_the_reason(self, number: int) -> None:
        with pytest.raises(StorageError, match=os.strerror(number)) as caught:
            fail(number)
        assert isinstance(caught.value, ConfigurationError)
        assert caught.value.hint is not None

    def test_other_errors_pass_unchanged(self) -> None:
        with pytest.raises(BlockingIOError):
            fail(errno.EAGAIN)


class TestProgramFailed:
    @pytest.mark.parametrize(
        "output",
        [
            'FATAL:  could not extend file "base/1/2691": No space left on device\nmore\n' * 4,
            "ERROR:  wrote only 4096 of 8192 bytes\nHINT:  Check free disk space.\n1\n2\n3\n4\n5",
        ],
    )
    def test_a_full_disk_is_recognised_anywhere_in_the_output(self, output: str) -> None:
        assert isinstance(program_failed("initdb", output, Path("/d")), StorageError)

    def test_the_last_lines_are_shown(self) -> None:
        error = program_failed("initdb", "\n".join(str(line) for line in range(9)), Path("/d"))
        assert isinstance(error, ServerFailedError)
        assert error.detail == "initdb of the embedded PostgreSQL failed: 4 | 5 | 6 | 7 | 8."


def fail(number: int) -> None:
    with storage_errors(Path("/d")):
        raise OSError(number, os.strerror(number))
