"""What can go wrong with a subscription."""


class SubscriptionMissing(Exception):
    """There is no subscription of that id; the text is the id."""


class SubscriptionLimitReached(Exception):
    """There are as many subscriptions as may be."""


class EventsDisabled(Exception):
    """The EventService is disabled: nobody is told of anything."""


class FeedStopping(Exception):
    """The process is about to end and opens no streams any more."""
