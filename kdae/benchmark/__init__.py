"""Measures kdae: see `kdae.benchmark.__main__`."""
