from ipaddress import ip_address, ip_network

import pytest

from muniment.kit.egress.addresses import AddressPolicy, is_public

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NEVER = [
    *("0.0.0.1", "0.1.2.3", "127.0.0.1", "127.255.0.9", "169.254.169.254", "192.0.0.170"),
    *("192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "fe80::1", "fe80::1%1", "ff02::1"),
    *("2001::1", "2001:0:53aa:64c::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::"),
    *("3fff::1", "100::1", "fec0::1", "4000::1"),
]
PRIVATE = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd00::1"]


class TestPublic:
    @pytest.mark.parametrize("text", PUBLIC)
    def test_an_address_of_the_internet_is(self, text: str) -> None:
        assert is_public(ip_address(text))

    @pytest.mark.parametrize("text", [*NEVER, *PRIVATE, "::ffff:10.0.0.1", "64:ff9b::a00:1"])
    def test_every_other_kind_is_not_in_whatever_form(self, text: str) -> None:
        assert not is_public(ip_address(text))


class TestPolicy:
    @pytest.mark.parametrize("text", [*PRIVATE, "::ffff:10.0.0.1"])
    def test_a_named_host_may_be_private_and_no_other(self, text: str) -> None:
        policy = AddressPolicy(hosts=["Wiki.example"])
        assert policy.admits("wiki.EXAMPLE", ip_address(text))
        assert not policy.admits("evil.example", ip_address(text))

    @pytest.mark.parametrize("text", NEVER)
    def test_a_named_host_may_not_be_what_nobody_is(self, text: str) -> None:
        assert not AddressPolicy(hosts=["wiki"]).admits("wiki", ip_address(text))

    def test_a_network_admits_its_addresses_under_any_name_and_form(self) -> None:
        policy = AddressPolicy(networks=[ip_network("127.0.0.0/30"), ip_network("fe80::/10")])
        for text in ("127.0.0.1", "::ffff:127.0.0.1", "fe80::1"):
            assert policy.admits("any", ip_address(text))
        assert not policy.admits("any", ip_address("127.0.0.9"))
