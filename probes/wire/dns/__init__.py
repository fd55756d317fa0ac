"""Name servers and resolvers, each asked by itself."""
