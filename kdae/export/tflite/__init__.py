"""Writes TFLite files for phones; see `kdae.export.tflite.exporter`."""
