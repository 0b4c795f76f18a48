"""SavedModel for servers; see `kdae.export.savedmodel.exporter`."""
