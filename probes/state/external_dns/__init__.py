"""external-dns: whose a record is, and what it would do next. Pure."""
