"""Measures the claims of a lecture on learned image representations: `python -m kdae.lecture`.

kdae grew out of that lecture. Each claim is one file in `claims`, which tests it in a small
experiment on photographs. The command runs the experiments and writes one page with the
results.

A claim's file has `TITLE`, `CLAIM` (the words of the lecture), `READ` (paths of the code that
the claim is about) and `run(lab) -> Outcome`. To add a claim, write the file and add its name
to `CLAIMS`.
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
    "alone",
)
