"""Measures kdae here: `python -m kdae.benchmark quality | memory | folder | pipeline`."""
