"""The client of a trial: brings documents in, tries again what was not answered, keeps a ledger.

A request that got no answer may have been done or not, and the client cannot know: it sends the
same again, as every client has to. What was answered with 202 is in the ledger, and has to be there
in the end.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx2

from tests.trials.items import Item

PATIENCE_S = 30.0
"""How long the product may leave a client without an answer that says yes."""
_KEY_LEASE_S = 20.0
"""How much longer for a key whose request was killed: its lease has to run out first."""
_PAUSE_S = 0.2
_CUT_S = 10.0


@dataclass(frozen=True)
class Entry:
    """A document that was accepted, as the last 202 told it."""

    id: str
    version: int


@dataclass
class Ledger:
    """What the product has promised."""

    kept: dict[str, Entry] = field(default_factory=dict)
    """By name: what has to be found in the end."""
    deleted: dict[str, Entry] = field(default_factory=dict)
    """By name: what must not be found any more."""
    accepted: int = 0
    repeated: int = 0
    """Requests that were sent again because nobody knew what had become of them."""
    longest_wait_s: float = 0.0


class Client:
    """Speaks to all servers of a site, to another one whenever one does not answer."""

    def __init__(self, addresses: Sequence[str], token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._clients = [
            httpx2.AsyncClient(base_url=f"{address}/api/v1", headers=headers, timeout=30)
            for address in addresses
        ]
        self._token = token
        self._turn = 0
        self.ledger = Ledger()
        self.patience_s = PATIENCE_S

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.aclose()

    def forget(self) -> None:
        """Begin a new ledger."""
        self.ledger = Ledger()

    async def make_collection(self, name: str) -> str:
        """Make a collection; give its id."""
        made = await self._ask("POST", "/collections", json={"name": name})
        return str(made.json()["id"])

    async def bring(self, collection: str, item: Item, *, run: str) -> None:
        """Let everything happen to an item that is to happen to it."""
        entry = None
        for number, content in enumerate(item.contents):
            key = f"{run}-{item.name}-{number}" if item.has_key else None
            entry = await self._upload(collection, item.name, content, key)
        assert entry is not None
        if item.is_deleted:
            await self._delete(entry)
            self.ledger.deleted[item.name] = entry
        else:
            self.ledger.kept[item.name] = entry

    async def cut_upload(self, collection: str, item: Item, dice: random.Random) -> None:
        """Begin an upload and cut the connection at any byte of it, the last one included."""
        body = _form(item)
        address = self._clients[0].base_url
        head = (
            f"POST {address.path.rstrip('/')}/collections/{collection}/documents HTTP/1.1\r\n"
            f"Host: {address.host}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(_CUT_S):
                _, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(head.encode() + body[: dice.randint(1, len(body))])
                await writer.drain()
                await asyncio.sleep(dice.uniform(0, 0.1))
                writer.transport.abort()
        except (OSError, TimeoutError):
            return

    async def try_upload(self, collection: str, item: Item) -> httpx2.Response:
        """Upload once, whatever is answered."""
        return await self._clients[0].post(
            f"/collections/{collection}/documents",
            files={"file": (item.name, item.contents[0])},
        )

    async def wait_until_served(self) -> None:
        """Wait until every server answers a question that asks the database."""
        for client in self._clients:
            await self._ask("GET", "/collections?limit=1", only=client)

    async def statuses(self, collection: str) -> Mapping[str, str]:
        """Give the status of each document of a collection, by id."""
        found: dict[str, str] = {}
        path = f"/collections/{collection}/documents?limit=200"
        cursor: str | None = ""
        while cursor is not None:
            here = path + (f"&cursor={cursor}" if cursor else "")
            page = (await self._ask("GET", here)).json()
            found |= {document["id"]: document["status"] for document in page["items"]}
            cursor = page["next"]
        return found

    async def _upload(self, collection: str, name: str, content: bytes, key: str | None) -> Entry:
        answer = await self._ask(
            "POST",
            f"/collections/{collection}/documents",
            files={"file": (name, content)},
            headers={} if key is None else {"Idempotency-Key": key},
            extra_s=0.0 if key is None else _KEY_LEASE_S,
        )
        assert answer.status_code == 202, answer.text
        [document] = answer.json()["documents"]
        self.ledger.accepted += 1
        return Entry(document["id"], document["version"])

    async def _delete(self, entry: Entry) -> None:
        path = f"/documents/{entry.id}"
        status, is_sent = 412, False
        while status == 412:  # the worker has changed it since
            found = await self._ask("GET", path, also=(404,))
            if found.status_code == 404:
                assert is_sent, f"{entry} was accepted and is gone"
                return
            is_sent = True
            etag = {"If-Match": found.headers["ETag"]}
            answer = await self._ask("DELETE", path, headers=etag, also=(404, 412))
            status = answer.status_code

    async def _ask(
        self,
        verb: str,
        path: str,
        *,
        json: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        also: Sequence[int] = (),
        extra_s: float = 0.0,
        only: httpx2.AsyncClient | None = None,
    ) -> httpx2.Response:
        """Send until there is an answer; nothing but "not now" may be answered otherwise."""
        began = time.monotonic()
        patience_s = self.patience_s + extra_s
        told = ""
        while time.monotonic() - began < patience_s:
            self._turn += 1
            try:
                client = only or self._clients[self._turn % len(self._clients)]
                answer = await client.request(verb, path, json=json, files=files, headers=headers)
            except httpx2.TransportError as error:
                told = repr(error)
            else:
                if answer.is_success or answer.status_code in also:
                    waited_s = time.monotonic() - began
                    self.ledger.longest_wait_s = max(self.ledger.longest_wait_s, waited_s)
                    return answer
                told = answer.text
                assert _is_passing(answer), told
            self.ledger.repeated += 1
            await asyncio.sleep(_PAUSE_S)
        raise AssertionError(f"nothing but {told} for {patience_s:.0f} s")


def _is_passing(answer: httpx2.Response) -> bool:
    """Tell whether an answer asks to come again, and says when."""
    code = answer.json().get("code", "")
    if answer.status_code == 409:
        return code in {"idempotency_in_progress", "write_conflict"}
    return answer.status_code in {429, 503} and int(answer.headers["Retry-After"]) > 0


def _form(item: Item) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{item.name}"\r\n\r\n'
    return head.encode() + item.contents[0] + b"\r\n--x--\r\n"
