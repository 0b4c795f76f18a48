"""What every test run needs first, whichever folder it is of."""

import os
import sys
from pathlib import Path

# Node and npm lie beside Python (see `make install`), also when pytest is called by its path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
