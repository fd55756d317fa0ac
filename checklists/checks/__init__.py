"""The checks: a checklist's items bound to probes, and run."""
