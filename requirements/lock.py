"""Resolves the requirement files anew: hash-pinned, for every platform, without index addresses."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

COOLDOWN = timedelta(days=4)
"""A release that is younger than this has not been looked at by anybody."""

TARGETS = {
    "run.txt": ["pyproject.toml"],
    "dev.txt": ["pyproject.toml", "--group", "dev"],
    "uv.txt": ["requirements/uv.in"],
    "clients.txt": ["requirements/clients.in"],
}


def main() -> None:
    """Write each file with one run of the resolver."""
    uv = Path(sys.executable).with_name("uv")
    newest = (datetime.now(UTC) - COOLDOWN).date().isoformat()
    for name, sources in TARGETS.items():
        command = [
            *(str(uv), "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
            *("--no-emit-index-url", "--no-header", "--python-version", "3.11"),
            *("--no-emit-package", "muniment-minilm", "--exclude-newer", newest),
            *("-o", f"requirements/{name}", *sources),
        ]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
