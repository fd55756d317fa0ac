"""Handshakes by address, and what the chains that are served mean."""
