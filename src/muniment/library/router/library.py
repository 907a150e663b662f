"""All routes of the library, to be mounted under `/api/v1`."""

from fastapi import APIRouter

from muniment.library.router import access, collections, contents, documents, grants, uploads

router = APIRouter()
for part in (collections, grants, documents, uploads, access, contents):
    router.include_router(part.router)
