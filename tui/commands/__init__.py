"""One module a command: what can be seen on the screens, as text and as JSON."""
