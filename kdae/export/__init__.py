"""The verb that exports models for servers, phones and browsers: `python -m kdae.export`.

The folder `export/` at the root of the repository is something else: the deployment kits that
run the exported files.
"""

from typing import TYPE_CHECKING

from kdae.faces import lazy

if TYPE_CHECKING:
    from kdae.export.formats import FORMATS
    from kdae.export.run import export_model

__all__ = ["FORMATS", "export_model"]

__getattr__ = lazy(
    __name__, {"FORMATS": "kdae.export.formats", "export_model": "kdae.export.run"}
)
