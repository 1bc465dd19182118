"""A small exchange with one account: prices, orders, executions, positions and cash.

Pure: the time is passed in, nothing waits, nothing is read or sent, money is `Decimal`. What
happens depends on the seed, the time and what was asked, and on nothing else.
"""
