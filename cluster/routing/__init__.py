"""Where a request ends: both APIs, by the specs alone."""
