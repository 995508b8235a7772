"""How a BMC is spoken to: connections, sessions, patience; and operations that it goes on with."""

from odimra.aggregation.bmc.bmc import Bmc, BmcOptions, Credentials
from odimra.aggregation.bmc.errors import (
    BadAnswer,
    BmcDown,
    BmcError,
    CertificateRefused,
    LoginRefused,
    Refused,
    Unreachable,
)
from odimra.aggregation.bmc.following import Followed, FollowOptions, Operation, cancel, follow
from odimra.aggregation.bmc.wire import Answer, Wire, WireOptions

__all__ = [
    "Answer",
    "BadAnswer",
    "Bmc",
    "BmcDown",
    "BmcError",
    "BmcOptions",
    "CertificateRefused",
    "Credentials",
    "FollowOptions",
    "Followed",
    "LoginRefused",
    "Operation",
    "Refused",
    "Unreachable",
    "Wire",
    "WireOptions",
    "cancel",
    "follow",
]
