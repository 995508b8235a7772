"""From a change of a task to the subscriber that hears of it.

The atomic steps of tasks and of this room append to one stream; subscriptions are kept here, and
the push side delivers the stream to each of them. Called by the faces and the worker processes;
knows tasks and the store, never a face: how an event is worded is passed in.
"""

from odimra.events.errors import SubscriptionLimitReached, SubscriptionMissing
from odimra.events.model import (
    DISABLED,
    ENABLED,
    RETRY_POLICIES,
    Event,
    Filters,
    NewSubscription,
    Rendered,
    Subscription,
)
from odimra.events.push import Push, PushOptions
from odimra.events.settings import (
    EventServiceSettings,
    EventSettings,
    event_service_settings,
)
from odimra.events.subscriptions import SubscriptionOptions, Subscriptions

__all__ = [
    "DISABLED",
    "ENABLED",
    "RETRY_POLICIES",
    "Event",
    "EventServiceSettings",
    "EventSettings",
    "Filters",
    "NewSubscription",
    "Push",
    "PushOptions",
    "Rendered",
    "Subscription",
    "SubscriptionLimitReached",
    "SubscriptionMissing",
    "SubscriptionOptions",
    "Subscriptions",
    "event_service_settings",
]
