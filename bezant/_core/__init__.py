"""Decisions without I/O: requests, responses, errors, rate limits and state.

The modules here take bytes and the time, and return values. These modules never send, sleep, lock
or read a clock.
"""
