"""The part of bezant without I/O: requests, responses, errors, rate limits and state.

The modules in this package take bytes and the current time as arguments, and return values. They
never send anything, sleep, lock or read a clock.
"""
