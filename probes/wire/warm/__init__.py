"""Warming caches through the new side."""
