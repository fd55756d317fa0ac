"""Questions asked of a Snapshot of the cluster; no I/O."""
