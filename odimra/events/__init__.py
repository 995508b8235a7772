"""From a change of a task to the subscriber that hears of it.

The atomic steps of tasks and of this room append to one stream; subscriptions are kept here, and
the push side delivers the stream to each of them. Called by the faces and the worker processes;
knows tasks and the store, never a face: how an event is worded is passed in.
"""

from odimra.events.errors import (
    EventsDisabled,
    FeedStopping,
    SubscriptionLimitReached,
    SubscriptionMissing,
)
from odimra.events.feed import Feed, FeedOptions
from odimra.events.model import (
    DISABLED,
    ENABLED,
    HEARTBEAT_MINUTES,
    RETRY_POLICIES,
    STREAMED,
    Event,
    Filters,
    NewSubscription,
    Rendered,
    Subscription,
)
from odimra.events.origins import OriginGone, ReadOrigin
from odimra.events.push import Push, PushOptions
from odimra.events.settings import (
    EventServiceSettings,
    EventSettings,
    event_service_settings,
)
from odimra.events.streams import NewStream, StreamOptions, Streams
from odimra.events.subscriptions import SubscriptionOptions, Subscriptions
from odimra.events.telling import Teller, Wording
from odimra.events.trial import TestEvents

__all__ = [
    "DISABLED",
    "ENABLED",
    "HEARTBEAT_MINUTES",
    "RETRY_POLICIES",
    "STREAMED",
    "Event",
    "EventServiceSettings",
    "EventSettings",
    "EventsDisabled",
    "Feed",
    "FeedOptions",
    "FeedStopping",
    "Filters",
    "NewStream",
    "NewSubscription",
    "OriginGone",
    "Push",
    "PushOptions",
    "ReadOrigin",
    "Rendered",
    "StreamOptions",
    "Streams",
    "Subscription",
    "SubscriptionLimitReached",
    "SubscriptionMissing",
    "SubscriptionOptions",
    "Subscriptions",
    "Teller",
    "TestEvents",
    "Wording",
    "event_service_settings",
]
