"""All routers under `/api/v1`, in the order of the reference."""

from fastapi import APIRouter

from muniment.profiles.router import router as profiles

ROUTERS: tuple[APIRouter, ...] = (profiles,)
