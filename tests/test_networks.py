"""Networks that may or may not be connected to."""

from __future__ import annotations

import pytest

from odimra.networks import WORDS, Reach, meant, parse


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10.0.0.0/8 192.0.2.1", ["10.1.2.3", "192.0.2.1"], ["11.0.0.1", "192.0.2.2"]),
        (
            "private",
            ["10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"],
            ["8.8.8.8"],
        ),
        ("loopback", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::"], ["128.0.0.1"]),
        ("link-local", ["169.254.1.1", "fe80::1", "fe80::1%eth0"], ["169.253.1.1"]),
        ("metadata", ["169.254.169.254", "fd00:ec2::254"], ["169.254.1.1"]),
        ("", [], ["127.0.0.1", "::1"]),
    ],
)
def test_what_is_denied_is_refused(text: str, inside: list[str], outside: list[str]) -> None:
    reach = Reach(denied=parse(text))
    assert [reach.refuses(one) for one in inside] == [True] * len(inside)
    assert [reach.refuses(one) for one in outside] == [False] * len(outside)


def test_where_some_are_allowed_all_others_are_not() -> None:
    reach = Reach(allowed=parse("10.0.0.0/8"), denied=parse("10.9.0.0/16"))
    refused = [reach.refuses(one) for one in ("10.1.1.1", "10.9.1.1", "8.8.8.8", "::1")]
    assert refused == [False, True, True, True]


@pytest.mark.parametrize(
    ("address", "others"),
    [
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("64:ff9b::7f00:1", ["64:ff9b::7f00:1", "127.0.0.1"]),
        ("2002:7f00:1::", ["2002:7f00:1::", "127.0.0.1"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("2001:db8::1", ["2001:db8::1"]),
    ],
)
def test_an_address_stands_for_what_it_carries(address: str, others: list[str]) -> None:
    assert [str(one) for one in meant(address)] == others
    loopback = Reach(denied=parse("loopback"))
    assert loopback.refuses(address) == ("127.0.0.1" in others)


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("127.0.0.1", True),
        ("127.1", True),
        ("2130706433", True),
        ("0177.0.0.1", True),
        ("::ffff:7f00:1", True),
        ("fe80::zz", True),
        ("8.8.8.8", False),
        ("example.com", False),
        ("0x7f.1", False),  # a name, as far as anybody can tell: whoever resolves it judges
    ],
)
def test_hosts_as_they_are_written(host: str, refused: bool) -> None:
    assert Reach(denied=parse("loopback link-local")).refuses_literal(host) is refused


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "public", "10.0.0", "::1/129"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_nothing_is_no_network_at_all(text: str) -> None:
    assert parse(text) == ()


def test_words_and_networks_are_read_together() -> None:
    found = [str(one) for one in parse(" 192.0.2.1\tlink-local\n2001:db8::/32 ")]
    assert found == ["192.0.2.1/32", "169.254.0.0/16", "fe80::/10", "2001:db8::/32"]


@pytest.mark.parametrize("address", ["", "example.com", "127.1", "0x7f.1", "1.2.3.4/8", "::1::"])
def test_only_an_address_is_judged(address: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Reach().refuses(address)


def test_each_metadata_address_is_one_of_its_own() -> None:
    """No neighbour is refused with it."""
    metadata = Reach(denied=parse("metadata"))
    for text in WORDS["metadata"]:
        (network,) = parse(text)
        assert network.num_addresses == 1
        address = network.network_address
        assert metadata.refuses(str(address))
        assert not metadata.refuses(str(address + 1)) and not metadata.refuses(str(address - 1))


def test_what_is_allowed_is_the_address_itself() -> None:
    """Not one that only carries it: packets to that go another way first."""
    loopback = Reach(allowed=parse("loopback"))
    assert not loopback.refuses("127.0.0.1") and not loopback.refuses("::ffff:127.0.0.1")
    assert loopback.refuses("64:ff9b::7f00:1") and loopback.refuses("2002:7f00:1::")


def test_the_words_are_told() -> None:
    with pytest.raises(ValueError, match=", ".join(WORDS)):
        parse("everywhere")
