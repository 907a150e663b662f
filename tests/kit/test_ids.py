from datetime import UTC, datetime

from muniment.kit.ids import new_id


class TestNewId:
    def test_is_a_version_7_of_now(self) -> None:
        before = datetime.now(UTC).timestamp()
        made = new_id()
        after = datetime.now(UTC).timestamp()
        assert made.version == 7
        assert before - 0.001 <= (made.int >> 80) / 1000 <= after

    def test_later_ones_sort_later_and_no_two_are_alike(self) -> None:
        made = [new_id() for _ in range(5_000)]
        assert len(set(made)) == len(made)
        assert [one.int >> 80 for one in made] == sorted(one.int >> 80 for one in made)

    def test_what_follows_the_time_cannot_be_guessed(self) -> None:
        endings = {new_id().int & (2**62 - 1) for _ in range(1_000)}
        ones = [sum(ending >> bit & 1 for ending in endings) for bit in range(32)]
        assert len(endings) == 1_000
        assert all(350 < count < 650 for count in ones)
