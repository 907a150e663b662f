"""A profile field is named in three places, and they must agree."""

from muniment.profiles.models import Profile
from muniment.profiles.schemas import ProfileRead, ProfileUpdate, UserRead

FIELDS = set(Profile.__table__.columns.keys()) - {"account_id", "tenant_id"}


class TestProfileFields:
    def test_can_all_be_changed_and_nothing_else_can(self) -> None:
        assert set(ProfileUpdate.model_fields) == FIELDS

    def test_can_all_be_read(self) -> None:
        assert set(UserRead.model_fields) >= FIELDS

    def test_are_always_in_the_answer(self) -> None:
        schema = ProfileRead.model_json_schema(mode="serialization")
        assert set(schema["required"]) == set(schema["properties"]) >= FIELDS
