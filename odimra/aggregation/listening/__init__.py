"""What BMCs tell, and what is seen of them, becomes events of this service.

One process at a time listens to a source: it has the BMC send its events to the receiver, which
every API process is, or looks at it now and then.
"""

from odimra.aggregation.listening.kinds import KINDS
from odimra.aggregation.listening.ledger import Ledger
from odimra.aggregation.listening.listener import ListeningOptions, OnChanged
from odimra.aggregation.listening.listening import Listening, nobody
from odimra.aggregation.listening.receiver import Receiver
from odimra.aggregation.listening.subscribing import RECEIVER

__all__ = [
    "KINDS",
    "RECEIVER",
    "Ledger",
    "Listening",
    "ListeningOptions",
    "OnChanged",
    "Receiver",
    "nobody",
]
