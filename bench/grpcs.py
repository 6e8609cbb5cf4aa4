"""The anchor of the gRPC rows, a server of its own: `python -m bench.grpcs PORT MEGABYTES`.

It speaks the phones' messages through generated code, throws away what comes, and sends as many pieces of 1 MiB.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from bench.uploads import NOISE
from tutti.doors.astolfo.gen import file_pb2

_OPTIONS = [("grpc.max_receive_message_length", 4 << 20)]


def main() -> None:
    """Be the server."""
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))


async def _serve(port: int, megabytes: int) -> None:
    async def upload(messages: AsyncIterator[Any], _context: object) -> Any:  # noqa: ANN401 - generated
        async for _ in messages:
            pass
        return file_pb2.UploadResponse(hash="0" * 64)

    async def download(_request: Any, _context: object) -> AsyncIterator[Any]:  # noqa: ANN401 - generated
        for _ in range(megabytes):
            yield file_pb2.DownloadResponse(chunk=NOISE)

    server = grpc.aio.server(options=_OPTIONS)
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Upload": grpc.stream_unary_rpc_method_handler(
            upload, file_pb2.UploadRequest.FromString, file_pb2.UploadResponse.SerializeToString
        ),
        "Download": grpc.unary_stream_rpc_method_handler(
            download, file_pb2.DownloadRequest.FromString, file_pb2.DownloadResponse.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("file.FileService", handlers)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    main()
