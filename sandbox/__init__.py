"""PRACTISE: a whole practice world on loopback: API server, controller, DNS, old and new edge."""
