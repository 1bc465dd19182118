"""What sequences the core's decisions: the source of the blocking twin."""
