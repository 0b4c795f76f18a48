"""Lets the tests import the modules of the server, which are not in a package."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
