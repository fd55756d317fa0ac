"""The plan: what is to be cut over, from where to where, and under what conditions."""
