"""Which requests to send: read from files that people already have."""
