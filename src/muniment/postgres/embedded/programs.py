"""Runs PostgreSQL's own programs under the right account, with nothing of ours inherited."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from muniment.postgres.embedded.accounts import ServerAccount
from muniment.postgres.embedded.errors import AccountError, program_failed
from muniment.postgres.embedded.files import DataFolder

HERE = "/proc/self/cwd"
"""Names the directory a process stands in, even one whose parents it may not enter."""

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""Fixed: PG* variables must not steer the server, and our secrets are none of its business."""


@dataclass(frozen=True, slots=True)
class Program:
    """How to run a program of PostgreSQL on a directory."""

    folder: DataFolder
    where: Path
    account: ServerAccount | None

    @property
    def directory_argument(self) -> str:
        """What to pass as `-D`: a path that the program's account can follow."""
        return str(self.where) if self.account is None else HERE

    def run(self, *command: str | Path, stdin: int | None = None, keep: int | None = None) -> None:
        """Run to the end, in a session of its own, out of reach of the terminal's Ctrl-C.

        `keep` is a descriptor that the program and all its children hold on to.
        """
        account = self.account
        try:
            outcome = subprocess.run(  # noqa: S603 - programs and arguments of ours, no shell
                command,
                cwd=self.where,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                capture_output=True,
                pass_fds=() if keep is None else (keep,),
                start_new_session=True,
                umask=0o077,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
                check=False,
            )
        except PermissionError as error:
            raise AccountError(
                "This process may not run PostgreSQL's programs under another account.",
                hint="Run as an ordinary user; a container needs the SETUID and SETGID rights.",
            ) from error
        if outcome.returncode != 0:
            output = (outcome.stdout + outcome.stderr).decode("utf-8", "replace")
            name = os.path.basename(command[0])  # noqa: PTH119 - also takes a plain string
            raise program_failed(name, f"{output}\n{tail(self.folder.log)}", self.folder.root)


def tail(log: Path, lines: int = 5) -> str:
    """Read the last lines of a log, or nothing if there is none."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
