"""Writes TF.js graph models for browsers; see `kdae.export.tfjs.exporter`."""
