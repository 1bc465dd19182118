"""What a WebSocket connection to the gateway means, without the socket."""
