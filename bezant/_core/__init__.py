"""Everything that decides and nothing that waits.

The modules here build requests, read answers, map errors and keep state. They take bytes and the
time, and return values; they never send, sleep, lock or read a clock.
"""
