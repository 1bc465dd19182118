"""Paths of the gateway that belong to no operation."""

from __future__ import annotations

API = "/v1/api"
"""Prefix of the API's operations."""

CONTROL = "/_control"
"""Prefix of the control endpoint."""
