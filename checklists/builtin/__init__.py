"""The checklists that come with Pointsman, as data."""
