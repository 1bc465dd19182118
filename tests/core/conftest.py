"""Hypothesis profile of the core's tests: no deadlines, because a busy CI machine is not a bug."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", settings.get_profile("any"), max_examples=60)
settings.load_profile("core")
