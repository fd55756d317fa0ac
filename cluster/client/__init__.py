"""Reads a live cluster: connect, discover, list, watch, and notice when nothing comes any more."""
