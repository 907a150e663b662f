"""Errors come from one tree, and every setting says what it does."""

from collections.abc import Iterator

from pydantic import BaseModel

from muniment.app.settings import Settings
from tests.architecture.sources import sources

FRAMEWORK_ERRORS = {"fastapi.HTTPException", "fastapi.exceptions.HTTPException"}


def test_nobody_imports_the_frameworks_exception() -> None:
    found = [source.path for source in sources() if source.imported() & FRAMEWORK_ERRORS]
    assert found == []


def test_only_the_renderer_of_problems_knows_the_routers_exception() -> None:
    users = {
        source.path
        for source in sources()
        if any(name.endswith("HTTPException") for name in source.imported())
    }
    assert users <= {"kit/problems.py", "kit/error_translation.py", "kit/middleware.py"}


def fields_without_description(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields_without_description(kind, (*path, name))
            if not field.description and not kind.__doc__:
                yield ".".join((*path, name))
        elif not field.description:
            yield ".".join((*path, name))


def test_every_setting_is_documented() -> None:
    assert list(fields_without_description(Settings)) == []


def test_rule_finds_a_setting_without_a_word() -> None:
    class Bare(BaseModel):
        """A table."""

        port: int = 1

    class Outer(BaseModel):
        inner: Bare

    assert list(fields_without_description(Outer)) == ["inner.port"]
