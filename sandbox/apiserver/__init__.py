"""A small Kubernetes API server that kubectl cannot tell from a cluster, for what Pointsman uses."""
