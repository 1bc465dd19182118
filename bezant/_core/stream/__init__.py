"""WebSocket streams without their I/O: topics, subscriptions, messages and state."""
