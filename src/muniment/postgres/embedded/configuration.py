"""The settings of the embedded server: modest, private, the same at every start."""

import re
import shutil
from pathlib import Path

PORT = 5432
"""Part of the socket's name; nothing listens on the network unless sockets are impossible."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, never written
_ENOUGH_SHARED_MEMORY = 256 * 1024 * 1024

_LASTING = """\
max_connections = 100
shared_buffers = 128MB
maintenance_work_mem = 64MB
max_wal_size = 1GB
jit = off
unix_socket_directories = '.'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
allow_alter_system = off
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.simple'
cluster_name = 'muniment'
log_line_prefix = '%m [%p] %u '
log_checkpoints = off
"""

_WITHOUT_SAFETY = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""

ACCESS_RULES = """\
# Written by Muniment at every start. A password for everybody, local users too.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


def server_settings(*, fsync: bool, tcp_port: int | None) -> str:
    """Write out `postgresql.conf`; `tcp_port` only where Unix sockets are impossible."""
    network = f"listen_addresses = ''\nport = {PORT}\n"
    if tcp_port is not None:
        network = f"listen_addresses = '127.0.0.1'\nport = {tcp_port}\n"
        network += "unix_socket_directories = ''\n"
    parts = ["# Written by Muniment at every start: changes made here are lost.\n", _LASTING]
    parts += [network, "" if fsync else _WITHOUT_SAFETY, _parallel_memory()]
    return "".join(parts)


def written_port(settings: str) -> int:
    """Read the TCP port out of such a file; 0 where it has none."""
    tcp = re.search(r"^listen_addresses = '127\.0\.0\.1'\nport = (\d+)$", settings, re.MULTILINE)
    return int(tcp[1]) if tcp else 0


def _parallel_memory() -> str:
    # A container's /dev/shm often holds 64 MB: a parallel index build would run out of it.
    if not _SHARED_MEMORY.exists():
        return ""
    if shutil.disk_usage(_SHARED_MEMORY).total >= _ENOUGH_SHARED_MEMORY:
        return ""
    return "dynamic_shared_memory_type = mmap\n"
