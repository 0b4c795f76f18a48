"""Writes SavedModels for servers; see `kdae.export.savedmodel.exporter`."""
