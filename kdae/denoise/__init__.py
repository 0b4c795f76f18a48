"""Denoises files and folders: `python -m kdae.denoise`."""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.denoise.plan import Job
    from kdae.denoise.stream import Result, denoise_file, denoise_files

__all__ = ["Job", "Result", "denoise_file", "denoise_files"]

__getattr__ = lazy(
    __name__,
    {
        "Job": "kdae.denoise.plan",
        "Result": "kdae.denoise.stream",
        "denoise_file": "kdae.denoise.stream",
        "denoise_files": "kdae.denoise.stream",
    },
)
