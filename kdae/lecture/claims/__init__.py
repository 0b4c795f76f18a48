"""The claims of the lecture, one file each. `kdae.lecture` says what such a file holds."""
