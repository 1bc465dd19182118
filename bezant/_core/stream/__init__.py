"""WebSocket streams without the socket: topics, subscriptions, messages and state."""
