"""ONNX files for photo editors, OpenCV and ONNX Runtime; see `kdae.export.onnx.exporter`."""
