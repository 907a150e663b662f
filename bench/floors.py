"""The floor of a request: the least that FastAPI can do for a caller it knows.

`python -m bench.floors` serves it on a free port and prints the address.
"""

import hashlib
import hmac
import socket
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel

_SECRET = b"bench"
_NAME = "alice"
TOKEN = f"{_NAME}." + hmac.new(_SECRET, _NAME.encode(), hashlib.sha256).hexdigest()


class Me(BaseModel):
    """A caller."""

    id: int
    name: str
    email: str
    roles: list[str]


def current_user(authorization: Annotated[str, Header()]) -> Me:
    """Check a token by its signature alone."""
    name, _, signature = authorization.removeprefix("Bearer ").partition(".")
    expected = hmac.new(_SECRET, name.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, expected):
        raise PermissionError
    return Me(id=1, name=name, email=f"{name}@example.org", roles=["member"])


async def known_user(authorization: Annotated[str, Header()]) -> Me:
    """Check it without leaving the event loop."""
    return current_user(authorization)


app = FastAPI()


@app.get("/me")
async def read_me(me: Annotated[Me, Depends(known_user)]) -> Me:
    """Give the caller."""
    return me


def main() -> None:
    """Serve on a free port, as the product would."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", access_log=False, log_level="error"
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
