"""Rating: what usage costs, by rules that operators set, exact to the last digit.

:mod:`.model` says what usage and prices are, :mod:`.hashmap` what rules make of a point of usage.
Amounts are decimals everywhere; nothing here ever counts in binary fractions.
"""
