"""Hypothesis settings of the core's tests: no deadlines, because a busy machine can be slow."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", settings.get_profile("any"), max_examples=60)
settings.load_profile("core")
