"""The claims of the lecture, one file each; `kdae.lecture` says what is in one."""
