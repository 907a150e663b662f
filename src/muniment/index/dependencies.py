"""What the routes of the index ask for."""

from typing import Annotated

from fastapi import Depends

from muniment.identity.dependencies import Session, requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.index.reading import ChunkReader
from muniment.index.service import ChunkService

CanReadDocuments = Annotated[Principal, Depends(requires(Permission.DOCUMENTS_READ))]


async def _make_service(session: Session) -> ChunkService:
    return ChunkService(ChunkReader(session))


Chunks = Annotated[ChunkService, Depends(_make_service)]
