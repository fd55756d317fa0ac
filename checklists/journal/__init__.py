"""What happened, on disk: the journal, kept free of secrets, and the report of it."""
