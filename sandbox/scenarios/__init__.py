"""The scenarios of the practice world, as data."""
