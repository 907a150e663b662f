import pytest
from typing_extensions import override

from muniment.library.errors import StorageLowError, TenantFullError
from muniment.library.repository.usage import Usage
from muniment.library.service.admission import Admission, require_within
from muniment.library.settings import TenantLimits
from tests.support.fake_originals import FakeOriginals

MIN_FREE = 100


class Disk(FakeOriginals):
    """A store that has so much space left."""

    def __init__(self, free: int | None) -> None:
        super().__init__()
        self.free = free

    @override
    async def free_bytes(self) -> int | None:
        return self.free


def limits(**values: int) -> TenantLimits:
    return TenantLimits.model_validate(values)


class TestSpace:
    @pytest.mark.parametrize(("free", "announced"), [(100, 0), (150, 50), (None, 10**12)])
    async def test_that_leaves_enough_or_is_unknown_is_given(
        self, free: int | None, announced: int
    ) -> None:
        await Admission(Disk(free), limits(), MIN_FREE).require_space(announced)

    @pytest.mark.parametrize(("free", "announced"), [(99, 0), (150, 51), (0, 0)])
    async def test_that_would_get_low_is_refused(self, free: int, announced: int) -> None:
        with pytest.raises(StorageLowError):
            await Admission(Disk(free), limits(), MIN_FREE).require_space(announced)


class TestLimits:
    @pytest.mark.parametrize(
        ("before", "growth"),
        [
            (Usage(9, 90), Usage(1, 10)),
            (Usage(50, 50), Usage(0, 10)),
            (Usage(5, 500), Usage(1, 0)),
        ],
        ids=["up to the limits", "a version of one too many", "an empty one of too much"],
    )
    def test_let_pass_what_stays_within_or_does_not_grow(
        self, before: Usage, growth: Usage
    ) -> None:
        require_within(before, growth, limits(documents=10, bytes=100))

    @pytest.mark.parametrize(
        ("before", "growth", "most"),
        [(Usage(10, 0), Usage(1, 1), "10 documents"), (Usage(1, 91), Usage(1, 10), "100 bytes")],
    )
    def test_name_what_is_full(self, before: Usage, growth: Usage, most: str) -> None:
        with pytest.raises(TenantFullError, match=most):
            require_within(before, growth, limits(documents=10, bytes=100))

    def test_that_are_not_set_refuse_nothing(self) -> None:
        require_within(Usage(10**9, 10**18), Usage(1, 10**12), limits())
