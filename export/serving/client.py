"""Has TF Serving denoise a picture: `python client.py NOISY CLEAN.png [--model photo]`.

Python's own library is all it needs.
"""

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

SERVER = "http://127.0.0.1:8501"


def denoise(
    file: bytes, model: str = "photo", strength: float = 1.0, server: str = SERVER
) -> bytes:
    """Sends a PNG or JPEG file; returns a PNG file.

    Raises:
        urllib.error.HTTPError: refused; its body is JSON, `{"error": reason}`.
    """
    # TF Serving wants every input, also those with a default.
    inputs = {"image_bytes": [{"b64": base64.b64encode(file).decode()}], "strength": [strength]}
    request = {"signature_name": "denoise_bytes", "inputs": inputs}
    url = f"{server}/v1/models/{model}:predict"
    with urllib.request.urlopen(url, json.dumps(request).encode()) as answer:
        return base64.b64decode(json.load(answer)["outputs"][0]["b64"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Has TF Serving denoise a picture.")
    parser.add_argument("noisy", type=Path, help="PNG or JPEG")
    parser.add_argument("clean", type=Path, help="PNG")
    parser.add_argument("--model", default="photo", help="its name in models.config (photo)")
    parser.add_argument("--strength", type=float, default=1.0, help="0 to 1 (1)")
    parser.add_argument("--server", default=SERVER, help=f"({SERVER})")
    args = parser.parse_args()
    try:
        file = denoise(args.noisy.read_bytes(), args.model, args.strength, args.server)
        args.clean.write_bytes(file)
    except urllib.error.HTTPError as error:
        sys.exit(f"error: {' '.join(json.load(error)['error'].split())}")
    except OSError as error:
        sys.exit(f"error: {error}")
