"""DNS changes: each provider reads, plans an exact diff, and applies it with a precondition."""
