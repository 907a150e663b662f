"""Makes the cluster, whole or not at all, and launches its server."""

import os
import secrets
import shutil
from dataclasses import dataclass

from muniment.postgres.embedded.accounts import ServerAccount, account_of, borrowed_account
from muniment.postgres.embedded.addresses import free_port, sockets_work
from muniment.postgres.embedded.binaries import (
    MAJOR_VERSION,
    Binaries,
    find_binaries,
    reachable_binaries,
)
from muniment.postgres.embedded.configuration import ACCESS_RULES, server_settings, written_port
from muniment.postgres.embedded.errors import EmbeddedPostgresError, storage_errors
from muniment.postgres.embedded.files import (
    LOG_NAME,
    PRIVATE_FOLDER,
    DataFolder,
    give_tree,
    sync_folder,
    write_private,
)
from muniment.postgres.embedded.locks import try_lock
from muniment.postgres.embedded.passwords import Passwords
from muniment.postgres.embedded.programs import Program

SUPERUSER = "muniment_superuser"
_UNFINISHED = "unfinished-"
_LEFT_BY_A_DEAD_SERVER = ("postmaster.pid", ".s.PGSQL.*")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the server of a data directory; call it while no process of it is left."""

    folder: DataFolder
    fsync: bool
    loopback: bool

    def run(self, passwords: Passwords) -> None:
        """Make the cluster on first use, then start its server without waiting for it.

        The lock that says "a process of the server lives" is taken here and inherited by
        every program started: it is free again when the last of them has ended.
        """
        lock = try_lock(self.folder.server_lock)
        if lock is None:
            return
        try:
            with storage_errors(self.folder.root):
                self._launch(passwords, lock)
        finally:
            os.close(lock)

    def _launch(self, passwords: Passwords, lock: int) -> None:
        account = account_of(self.folder.cluster)
        binaries = find_binaries()
        if account is not None:
            binaries = reachable_binaries(binaries, account)
        self._remove_unfinished()
        if not self.folder.cluster.exists():
            self._make_cluster(binaries, account, passwords, lock)
        self._refuse_other_version()
        self._remove_stale()
        self._configure(account)
        # pg_ctl is a go-between: the server becomes nobody's child, in a session of its own.
        # An event loop kills the children it still has when it closes.
        server = Program(self.folder, self.folder.cluster, account)
        where = server.directory_argument
        server.run(binaries.pg_ctl, "start", "-W", "-s", "-D", where, "-l", LOG_NAME, keep=lock)

    def _make_cluster(
        self, binaries: Binaries, account: ServerAccount | None, passwords: Passwords, lock: int
    ) -> None:
        unfinished = self.folder.root / f"{_UNFINISHED}{secrets.token_hex(8)}"
        unfinished.mkdir(mode=PRIVATE_FOLDER)
        borrowed = None if account is None else borrowed_account()
        if borrowed is not None:
            give_tree(unfinished, borrowed)
        maker = Program(self.folder, unfinished, borrowed)
        _run_initdb(maker, binaries, passwords.superuser.get_secret_value(), lock)
        if account is not None:
            give_tree(unfinished, account)
        if self.fsync:
            owner = Program(self.folder, unfinished, account)
            where = owner.directory_argument
            owner.run(binaries.initdb, "--sync-only", "-D", where, keep=lock)
        unfinished.rename(self.folder.cluster)
        if self.fsync:
            sync_folder(self.folder.root)

    def _remove_unfinished(self) -> None:
        for leftover in self.folder.root.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(leftover)

    def _refuse_other_version(self) -> None:
        version = (self.folder.cluster / "PG_VERSION").read_text("ascii").strip()
        if version != MAJOR_VERSION:
            raise EmbeddedPostgresError(
                f"The database in {self.folder.root} was made by PostgreSQL {version}; "
                f"this release of Muniment brings PostgreSQL {MAJOR_VERSION}.",
                hint="Dump it with the release that made it, and load it into a new directory.",
            )

    def _remove_stale(self) -> None:
        # PostgreSQL believes the process number in these files, even that of a zombie or one
        # that was given to another process since. The lock has told us that nobody is left.
        for pattern in _LEFT_BY_A_DEAD_SERVER:
            for leftover in self.folder.cluster.glob(pattern):
                leftover.unlink()

    def _configure(self, account: ServerAccount | None) -> None:
        cluster = self.folder.cluster
        tcp = self.loopback or not sockets_work(self.folder)
        file = cluster / "postgresql.conf"
        # Whoever knew the server that died looks for its successor at the same port.
        port = free_port(written_port(file.read_text("utf-8"))) if tcp else None
        write_private(file, server_settings(fsync=self.fsync, tcp_port=port), account)
        write_private(cluster / "pg_hba.conf", ACCESS_RULES, account)
        if self.folder.log.exists():
            self.folder.log.replace(self.folder.log.with_suffix(".log.1"))


def _run_initdb(maker: Program, binaries: Binaries, password: str, lock: int) -> None:
    read_end, write_end = os.pipe()
    try:
        if maker.account is not None:
            os.fchown(read_end, maker.account.uid, maker.account.gid)
        os.write(write_end, f"{password}\n".encode())
        os.close(write_end)
        maker.run(
            binaries.initdb,
            *("-D", maker.directory_argument, "-U", SUPERUSER),
            *("--auth=scram-sha-256", "--pwfile=/dev/stdin", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-sync", "--no-instructions"),
            stdin=read_end,
            keep=lock,
        )
    finally:
        os.close(read_end)
