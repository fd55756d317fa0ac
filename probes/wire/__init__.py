"""Questions asked of an address: HTTP, TLS, DNS."""
