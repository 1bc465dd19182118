"""Paths of the simulated gateway that belong to no API operation."""

from __future__ import annotations

API = "/v1/api"
"""Prefix of the API's operations."""

CONTROL = "/_control"
"""Prefix of the control endpoint."""
