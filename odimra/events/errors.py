"""What can go wrong with a subscription."""


class SubscriptionMissing(Exception):
    """There is no subscription of that id; the text is the id."""


class SubscriptionLimitReached(Exception):
    """There are as many subscriptions as may be."""
