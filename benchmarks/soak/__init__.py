"""Hours of trouble in minutes: what the clients hold to under faults, outages and limits."""
