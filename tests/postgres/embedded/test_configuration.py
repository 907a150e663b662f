"""The settings of the server as PostgreSQL reads them: the last line of a name counts."""

from collections.abc import Mapping

import pytest

from muniment.postgres.embedded.configuration import ACCESS_RULES, server_settings


def read(text: str) -> Mapping[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = (line.partition(" = ") for line in lines)
    return {name: value for name, _, value in pairs}


class TestServerSettings:
    def test_nothing_listens_on_the_network(self) -> None:
        settings = read(server_settings(fsync=True, tcp_port=None))
        assert settings["listen_addresses"] == "''"
        assert settings["unix_socket_directories"] == "'.'"
        assert settings["unix_socket_permissions"] == "0700"

    def test_without_sockets_it_listens_on_this_machine_alone(self) -> None:
        settings = read(server_settings(fsync=True, tcp_port=54_321))
        assert settings["listen_addresses"] == "'127.0.0.1'"
        assert settings["port"] == "54321"
        assert settings["unix_socket_directories"] == "''"

    @pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes"])
    def test_safety_is_given_up_only_when_asked(self, name: str) -> None:
        assert name not in read(server_settings(fsync=True, tcp_port=None))
        assert read(server_settings(fsync=False, tcp_port=None))[name] == "off"

    def test_its_messages_can_be_recognised_in_every_country(self) -> None:
        settings = read(server_settings(fsync=True, tcp_port=None))
        assert settings["lc_messages"] == "'C'"
        assert (settings["timezone"], settings["log_timezone"]) == ("'UTC'", "'UTC'")


class TestAccessRules:
    def test_everybody_needs_a_password_and_comes_from_here(self) -> None:
        rules = [line.split() for line in ACCESS_RULES.splitlines() if not line.startswith("#")]
        assert {rule[-1] for rule in rules} == {"scram-sha-256"}
        assert {rule[3] for rule in rules if rule[0] != "local"} == {"127.0.0.1/32"}
