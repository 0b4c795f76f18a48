"""Has a server denoise pictures: `python -m kdae.client`."""

from kdae.client.client import Client

__all__ = ["Client"]
