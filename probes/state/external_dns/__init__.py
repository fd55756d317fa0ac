"""external-dns: whose a record is, and what it would do next. Pure; observed behaviour of v0.21 to v0.23."""
