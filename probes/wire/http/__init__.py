"""Requests by address: HTTP, gRPC health, WebSocket."""
