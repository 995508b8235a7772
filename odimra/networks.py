"""Networks that may or may not be connected to, written as CIDR or by what they are.

Words stand for networks that a service has no business in when others choose where it connects.
Used by the configuration, which checks what is written, and by those who connect. Imports nothing
of the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

#: What the words stand for.
WORDS = {
    # RFC 1918, RFC 6598 (carriers' own), RFC 4193.
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    # RFC 1122, RFC 4291; the unspecified address leads to the host itself too.
    "loopback": ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"),
    # RFC 3927, RFC 4291.
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    # Where clouds tell a machine its credentials: most of them, ECS, EKS, Alibaba, Azure, Oracle.
    "metadata": (
        "169.254.169.254/32",
        "169.254.170.2/32",
        "169.254.170.23/32",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::254/128",
        "fd00:ec2::23/128",
        "fd20:ce::254/128",
    ),
}

#: IPv6 networks whose addresses carry an IPv4 address that the packets go to: NAT64 (RFC 6052) and
#: 6to4 (RFC 3056), and how far right the address is shifted.
CARRIERS = ((IPv6Network("64:ff9b::/96"), 0), (IPv6Network("2002::/16"), 80))


def parse(text: str) -> tuple[Network, ...]:
    """Read networks and words that are separated by blanks. Raises :class:`ValueError`."""
    found: list[Network] = []
    for one in text.split():
        try:
            found += [ip_network(network) for network in WORDS.get(one, (one,))]
        except ValueError as error:
            if any(letter in "0123456789:." for letter in one):
                raise
            known = ", ".join(WORDS)
            raise ValueError(f"'{one}' is no network, and none of {known}") from error
    return tuple(found)


def meant(address: str) -> tuple[Address, ...]:
    """Return an address and those that it stands for. Raises :class:`ValueError` if it is none."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return (found,)
    if found.ipv4_mapped is not None:
        return (found.ipv4_mapped,)
    carried = [
        IPv4Address((int(found) >> shift) & 0xFFFFFFFF)
        for network, shift in CARRIERS
        if found in network
    ]
    return (found, *carried)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where connections may go: not to ``denied``; where ``allowed`` names any, only there."""

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()

    def refuses(self, address: str) -> bool:
        """Tell whether no connection goes to ``address``. Raises :class:`ValueError` for none."""
        first, *others = meant(address)
        if self.allowed and not any(first in network for network in self.allowed):
            return True
        return any(one in network for one in (first, *others) for network in self.denied)

    def refuses_literal(self, host: str) -> bool:
        """Tell whether ``host`` of a URI is an address that is refused.

        A name is not: whoever resolves it judges the addresses. What only looks like an address
        (``127.1``, ``2130706433``) is refused: resolvers read it as one, each in its own way.
        """
        try:
            return self.refuses(host)
        except ValueError:
            return ":" in host or host.replace(".", "").isdigit()
