"""All routers under `/api/v1`. Routes are matched in this order, so the most asked come first."""

from fastapi import APIRouter

from muniment.answers.router import router as answers
from muniment.index.router import router as chunks
from muniment.library.router.library import router as library
from muniment.profiles.router import router as profiles
from muniment.retrieval.router import router as search
from muniment.sources.router import router as sources

ROUTERS: tuple[APIRouter, ...] = (profiles, search, answers, library, chunks, sources)
