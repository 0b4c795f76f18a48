"""Serves kdae's SavedModel with KServe: `python server.py exports/photo/savedmodel/1`.

REST listens on one port (version 1 of the protocol, as in TF Serving: POST
/v1/models/photo:predict; GET /v2/health/live, /v2/health/ready, /v1/models/photo, /metrics),
and gRPC of the open inference protocol (version 2) on another. A broken picture is refused
alone, and the others of its batch are answered. Too many and too large requests are refused
before they are stored.

It needs the packages of requirements.lock, but not kdae.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import warnings
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")  # see memory.py

import uvicorn
from denoiser import Denoiser
from fastapi.responses import JSONResponse
from grpc import aio
from grpc_interceptor.exceptions import Unavailable
from kserve import ModelRepository
from kserve.errors import InvalidInput, ModelNotFound
from kserve.model_server import app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.rest.server import RESTServer
from limits import Limits, Places
from memory import give_back, keep_buffers


class Fixed:
    """Replaces KServe's loading and unloading of models, which anyone could call."""

    async def load(self, model_name: str) -> None:
        """Refuses the request."""
        raise InvalidInput("models are neither loaded nor unloaded here")

    unload = load


async def serve(args: argparse.Namespace) -> None:
    """Runs both servers until the process gets a signal to stop."""
    keep_buffers()
    places = Places(args.queue)
    models = ModelRepository()
    models.update(Denoiser(args.name, args.model, args.workers, places))
    dataplane = DataPlane(models)
    RESTServer("", dataplane, Fixed(), args.port).create_application()
    app.add_exception_handler(InvalidInput, bad_request)
    warnings.filterwarnings("ignore", "ORJSONResponse is deprecated")  # KServe calls it
    logger = logging.getLogger("kserve")
    logger.setLevel(logging.WARNING)
    logger.addFilter(told_to_the_user)
    limits = Limits(app, f"/v1/models/{args.name}:predict", places, args.max_bytes)
    rest = uvicorn.Server(
        uvicorn.Config(
            limits, args.host, args.port, log_level="warning", timeout_graceful_shutdown=30
        )
    )
    grpc = aio.server(
        interceptors=[ExceptionToStatusInterceptor()],
        options=[
            ("grpc.max_receive_message_length", args.max_bytes),
            ("grpc.max_send_message_length", -1),
        ],
        # gRPC reads a request before it takes a place. This number bounds their memory.
        maximum_concurrent_rpcs=4 * args.queue,
    )
    grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
        InferenceServicer(dataplane, Fixed()), grpc
    )
    grpc.add_insecure_port(f"{args.host}:{args.grpc_port}")
    await grpc.start()
    giving = asyncio.create_task(give_back())
    await rest.serve()
    giving.cancel()
    await grpc.stop(30)


def told_to_the_user(record: logging.LogRecord) -> bool:
    """Keeps mistakes of users out of the log; the answer names them."""
    raised = record.exc_info[0] if record.exc_info else None
    return raised not in (InvalidInput, ModelNotFound, Unavailable)


async def bad_request(_: Any, error: Exception) -> JSONResponse:
    """Returns KServe's answer to InvalidInput, without a traceback in the log."""
    return JSONResponse({"error": str(error)}, 400)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="folder of one version of the SavedModel")
    parser.add_argument(
        "--name", default="photo", help="name of the model in addresses (photo)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address (127.0.0.1); 0.0.0.0 is the whole network"
    )
    parser.add_argument("--port", type=int, default=8501, help="port of REST (8501)")
    parser.add_argument("--grpc-port", type=int, default=8500, help="port of gRPC (8500)")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        help="pictures at a time (number of processors)",
    )
    parser.add_argument(
        "--queue", type=int, default=32, help="requests accepted at a time (32)"
    )
    parser.add_argument("--max-bytes", type=int, default=2**24, help="largest request (16 MiB)")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
