"""The cutover as pure functions: state, events, what is due, and what a person is shown of it."""
