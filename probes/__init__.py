"""ASK: one question each, of the picture or of the wire, answered with a verdict and its evidence."""
