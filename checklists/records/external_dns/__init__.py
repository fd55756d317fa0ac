"""The provider ``external-dns``: records that move because annotations say so."""
