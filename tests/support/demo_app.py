"""A small application with one of everything that the HTTP shell promises."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, FastAPI, Path, Response, status
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from muniment.app.factory import Lifespan, create_app
from muniment.app.operations import Readiness
from muniment.app.settings import Settings
from muniment.kit.errors import NotFoundError
from muniment.kit.etag import PreconditionFailedError, PreconditionRequiredError, make_etag
from muniment.kit.pagination import InvalidCursorError, Ordering, Page
from muniment.kit.parameters import ExpectedRevision, Paging, body_limit
from muniment.kit.problems import problem_responses

KNOWN = UUID("01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77")
ORDERING = Ordering("notes.created", (datetime, UUID))


class NoteNotFoundError(NotFoundError):
    """There is no such note, or the caller may not know of it."""

    code = "note_not_found"
    title = "No such note"


class NoteCreate(BaseModel):
    """A note to be written down."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=80, description="What it is about.")
    colour: Literal["red", "blue"] = Field(default="blue", description="Colour of its card.")
    tags: list[Annotated[str, Field(max_length=20)]] = Field(
        default_factory=list, max_length=5, description="Words to find it by."
    )


class NoteRead(BaseModel):
    """A note as it was written down."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="Its id.")
    title: str = Field(description="What it is about.")
    created_at: datetime = Field(description="When it was written.")


class Row:
    """A row as a repository would give it: attributes, no dict."""

    def __init__(self, number: int) -> None:
        self.id = UUID(int=KNOWN.int + number)
        self.title = f"note {number}"
        self.created_at = datetime(2026, 1, 1, 12, number, tzinfo=UTC)


ROWS = [Row(number) for number in range(5)]
router = APIRouter(prefix="/notes", tags=["documents"])


@router.get(
    "",
    summary="List notes",
    response_model=Page[NoteRead],
    responses=problem_responses(InvalidCursorError),
)
async def list_notes(paging: Paging) -> Page[Row]:
    """List the notes, oldest first, in pages."""
    after = paging.after(ORDERING)
    rows = [row for row in ROWS if after is None or (row.created_at, row.id) > after]
    return paging.page(rows[: paging.fetch_limit], ORDERING, lambda row: (row.created_at, row.id))


@router.post("", status_code=status.HTTP_201_CREATED, summary="Write a note")
async def write_note(body: NoteCreate) -> NoteRead:
    """Write a note down. Its **title** is all it needs, for example `{"title": "Milk"}`."""
    return NoteRead(id=KNOWN, title=body.title, created_at=ROWS[0].created_at)


@router.get("/{note_id}", summary="Read a note", responses=problem_responses(NoteNotFoundError))
async def read_note(
    note_id: Annotated[UUID, Path(description="Id of the note.")], response: Response
) -> NoteRead:
    """Read one note with its ETag."""
    if note_id != KNOWN:
        raise NoteNotFoundError("There is no note with this id.")
    response.headers["ETag"] = make_etag(note_id, 1)
    return NoteRead.model_validate(ROWS[0])


@router.patch(
    "/{note_id}",
    summary="Change a note",
    responses=problem_responses(
        NoteNotFoundError, PreconditionRequiredError, PreconditionFailedError
    ),
)
async def change_note(note_id: UUID, body: NoteCreate, expected: ExpectedRevision) -> NoteRead:
    """Change a note that is still what the caller saw."""
    expected.check(make_etag(note_id, 1))
    return NoteRead(id=note_id, title=body.title, created_at=ROWS[0].created_at)


trouble = APIRouter(prefix="/trouble", include_in_schema=False)


@trouble.get("/secret")
async def break_with_secret() -> None:
    raise RuntimeError("password=hunter2 at row 17")


@trouble.get("/stream")
async def break_midway() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("cut")

    return StreamingResponse(parts())


@trouble.post("/upload", dependencies=[body_limit(4096)])
async def count_upload(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@trouble.get("/state")
async def read_state(request: Request) -> dict[str, str]:
    return {"word": request.state.word}


def create_demo_app(
    settings: Settings | None = None,
    *,
    lifespan: Lifespan | None = None,
    readiness: Readiness | None = None,
    registry: CollectorRegistry | None = None,
    routers: tuple[APIRouter, ...] = (),
) -> FastAPI:
    """Make the application."""
    return create_app(
        settings or Settings(),
        lifespan=lifespan,
        routers=[router, trouble, *routers],
        readiness=readiness,
        registry=registry,
        caller=None,
    )
