"""Findings, routes, runs and twins in words: the same lines on the screens and from the commands."""
