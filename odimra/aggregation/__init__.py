"""BMCs behind this service: how they are spoken to, what they have, what is done with them."""
