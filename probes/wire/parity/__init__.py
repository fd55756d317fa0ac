"""The old side beside the new side: what a client would notice."""
