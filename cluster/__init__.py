"""HOLD: the live picture of Kubernetes, and the Gateway API's own rules."""
