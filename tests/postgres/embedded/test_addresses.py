"""URLs of the server, and the short name for a socket with a long one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from muniment.postgres.embedded.addresses import Address, remove_link, socket_address, sockets_work
from muniment.postgres.embedded.files import DataFolder


class TestUrl:
    @pytest.mark.parametrize("host", ["/run/with space & more", "/plain", "127.0.0.1"])
    def test_every_part_survives_the_quoting(self, host: str) -> None:
        url = make_url(Address(host, 5432).url("r", SecretStr("p@:/?#"), "d").get_secret_value())
        assert (url.username, url.password, url.database) == ("r", "p@:/?#", "d")
        assert (url.host or url.query["host"]) == host


class TestSocketAddress:
    def test_a_short_directory_needs_no_link(self, root: Path) -> None:
        folder = DataFolder(root)
        assert socket_address(folder) == Address(str(root / "cluster"), 5432)
        assert not folder.link_record.exists()

    def test_a_link_is_made_once_and_used_again(self, deep: DataFolder) -> None:
        first = socket_address(deep)
        assert socket_address(deep) == first
        assert Path(first.host).readlink() == deep.cluster
        assert len(first.host) < 90

    def test_a_link_that_others_could_have_changed_is_not_used(self, deep: DataFolder) -> None:
        first = Path(socket_address(deep).host)
        first.parent.chmod(0o777)
        second = Path(socket_address(deep).host)
        assert second != first
        first.unlink()
        first.parent.rmdir()

    def test_a_link_that_points_elsewhere_is_not_used(self, deep: DataFolder) -> None:
        first = Path(socket_address(deep).host)
        first.unlink()
        first.symlink_to("/")
        assert Path(socket_address(deep).host) != first
        first.unlink()
        first.parent.rmdir()


class TestSocketsWork:
    def test_true_where_a_socket_can_be_made_and_leaves_none(self, deep: DataFolder) -> None:
        assert sockets_work(deep)
        assert list(deep.cluster.iterdir()) == []

    def test_false_where_none_can_be_made(self) -> None:
        assert not sockets_work(DataFolder(Path("/proc")))


@pytest.fixture
def deep(root: Path) -> Iterator[DataFolder]:
    folder = DataFolder(root / ("d" * 120))
    folder.cluster.mkdir(parents=True)
    yield folder
    remove_link(folder)
