"""The lecture, made runnable: every claim about learned representations, measured.

kdae comes from a lecture on learned image representations. Each of its claims is one file
in `claims`, which measures it on photographs; `python -m kdae.lecture` writes what came out
as a page. A claim's file has `TITLE`, `CLAIM` (the lecture's words), `READ` (the code it is
about) and `run(lab) -> Outcome`; to add one, write the file and add its name below.
"""

CLAIMS = (
    "detectors",
    "forgiving",
    "convolution",
    "patches",
    "transfer",
    "cheating",
    "noises",
    "sharpness",
    "indicator",
    "descent",
    "generalization",
    "decay",
)
