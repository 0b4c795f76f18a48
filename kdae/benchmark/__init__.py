"""Measures kdae on this machine: `python -m kdae.benchmark quality | memory | pipeline`."""
