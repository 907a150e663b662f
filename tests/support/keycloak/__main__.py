"""`make keycloak`: the Keycloak of the guide, to play with until Ctrl-C."""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from tests.support.keycloak.distribution import DistributionError, missing_programs
from tests.support.keycloak.realm import Realm
from tests.support.keycloak.server import ADMIN, running_keycloak


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _play(port: int, password: str) -> None:
    _say("Starting Keycloak (the first time it is fetched and built, which takes a minute) ...")
    with tempfile.TemporaryDirectory(prefix="muniment-keycloak-") as folder:
        async with running_keycloak(Path(folder), port=port, password=password) as keycloak:
            realm = Realm(keycloak)
            await realm.make()
            _say(f"Keycloak    {keycloak.address}  (administrator {ADMIN} / {password})")
            _say(f"Issuer      {realm.issuer}")
            _say("Users       alice bob carol dave erin frank grace heidi; password NAME-password")
            _say("Everything is in memory and gone with Ctrl-C.")
            await asyncio.Event().wait()


def main() -> None:
    """Run it until it is interrupted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=int(os.environ.get("KEYCLOAK_PORT", "8080")))
    options.add_argument("--admin-password", default=ADMIN)
    given = options.parse_args()
    if missing := missing_programs():
        sys.exit(f"Keycloak needs {' and '.join(missing)}, which is not installed here.")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_play(given.port, given.admin_password))
    except DistributionError as error:
        sys.exit(f"Keycloak cannot be started: {error}")


if __name__ == "__main__":
    main()
