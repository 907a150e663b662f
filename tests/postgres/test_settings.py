import pytest
from pydantic import ValidationError

from muniment.postgres.settings import DatabaseSettings

URL = "postgresql://app:hunter2@db/name"


class TestDatabaseSettings:
    @pytest.mark.parametrize("lonely", ["owner_url", "worker_url"])
    def test_the_other_roles_of_an_embedded_database_are_ours_to_name(self, lonely: str) -> None:
        with pytest.raises(ValidationError, match="need url as well"):
            DatabaseSettings.model_validate({lonely: URL})
        assert DatabaseSettings.model_validate({lonely: URL, "url": URL}).url is not None

    def test_no_representation_shows_a_password(self) -> None:
        settings = DatabaseSettings.model_validate(
            {"url": URL, "owner_url": URL, "worker_url": URL}
        )
        assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("pool_size", 0),
            ("pool_size", 201),
            ("pool_timeout", "-PT1S"),
            ("statement_timeout", "soon"),
            ("lock_timeout", None),
            ("pooler", "perhaps"),
            ("host", "db"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_name(self, name: str, value: object) -> None:
        with pytest.raises(ValidationError) as caught:
            DatabaseSettings.model_validate({name: value})
        assert [fault["loc"] for fault in caught.value.errors()] == [(name,)]
