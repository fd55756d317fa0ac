"""Carrying a cutover out: the only part that touches DNS, the cluster, the clock and the disk."""
