"""What every test run needs first, whichever folder it is of."""

import os
import sys
from pathlib import Path

# Node and npm lie beside Python (see `make install`), also when pytest is called by its path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Tests side by side (pytest-xdist): two workers with a thread each get more out of two cores
# than two with two each, which wait for one another. Set before TensorFlow is imported; child
# processes inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
