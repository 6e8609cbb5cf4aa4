"""The gRPC servers of one process: every service on every port, with or without a token needed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.astolfo.calls import Handler, Method, Note, guarded
from tutti.doors.astolfo.gen import auth_pb2, file_pb2, sync_pb2, tutti_v1_pb2

SERVICES: Sequence[ServiceDescriptor] = [
    one
    for file in (auth_pb2.DESCRIPTOR, file_pb2.DESCRIPTOR, sync_pb2.DESCRIPTOR, tutti_v1_pb2.DESCRIPTOR)
    for one in file.services_by_name.values()
]
"""Every service of this door."""

_MOST_CALLS = 1000
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server is refused the port instead of sharing it
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Left to itself, the window of a stream grows to many megabytes on a fast line: memory, and no speed.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 19),
)


class Service(Protocol):
    """Answers the methods of one service."""

    @property
    def methods(self) -> Mapping[str, Method]:
        """What it answers, by name."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how a server listens.

    Attributes:
        tls: Private key and certificate chain, PEM; None is without TLS, as the phones need it.
        has_reflection: Whether clients may ask which services there are.
    """

    host: str
    ports: Sequence[int]
    tls: tuple[bytes, bytes] | None = None
    has_reflection: bool = False


class Servers:
    """The servers of one process, one for each way of knowing who calls; lives on the event loop."""

    def __init__(self) -> None:
        self._servers: list[grpc.aio.Server] = []
        self._health: list[health.aio.HealthServicer] = []

    async def start(self, listening: Listening, services: Mapping[str, Service], note: Note) -> Sequence[int]:
        """Serve; return the ports in their order, where 0 was asked for the ones that were free.

        Args:
            listening: Where.
            services: By their full names, all of `SERVICES`.
            note: Counts each call.

        Raises:
            AppError: UNAVAILABLE `cannot_listen`.
        """
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=_MOST_CALLS)
        server.add_generic_rpc_handlers(
            [_handlers(descriptor, services[descriptor.full_name].methods, note) for descriptor in SERVICES]
        )
        names = [descriptor.full_name for descriptor in SERVICES]
        alive = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(alive, server)
        for name in ("", *names):
            await alive.set(name, health_pb2.HealthCheckResponse.SERVING)
        if listening.has_reflection:
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        ports = [_bind(server, listening, port) for port in listening.ports]
        await server.start()
        self._servers.append(server)
        self._health.append(alive)
        return ports

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, let those that run finish for so long, then end them; asked again, it may be sooner."""
        for alive in self._health:
            await alive.enter_graceful_shutdown()
        await asyncio.gather(*(server.stop(grace_s) for server in self._servers))


def read_tls(cert: str, key: str) -> tuple[bytes, bytes] | None:
    """Return private key and certificate chain; None when none are named.

    Raises:
        AppError: INVALID `bad_setting`.
    """
    if not cert:
        return None
    try:
        return Path(key).read_bytes(), Path(cert).read_bytes()
    except OSError as error:
        message = f"TUTTI_GRPC__TLS_CERT: {error.filename} cannot be read."
        raise AppError(ErrorKind.INVALID, "bad_setting", message) from error


def _bind(server: grpc.aio.Server, listening: Listening, port: int) -> int:
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    try:
        if listening.tls is None:
            return server.add_insecure_port(f"{host}:{port}")
        return server.add_secure_port(f"{host}:{port}", grpc.ssl_server_credentials([listening.tls]))
    except (RuntimeError, ValueError) as error:
        message = f"{listening.host} port {port} cannot be listened on for gRPC; see TUTTI_GRPC__PORTS."
        raise AppError(ErrorKind.UNAVAILABLE, "cannot_listen", message) from error


def _handlers(service: ServiceDescriptor, methods: Mapping[str, Method], note: Note) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service.full_name,
        {
            method.name: _handler(
                method, guarded(f"/{service.full_name}/{method.name}", methods[method.name].handler, note)
            )
            for method in service.methods
        },
    )


def _handler(method: MethodDescriptor, handler: Handler) -> grpc.RpcMethodHandler:  # type: ignore[type-arg]
    """Wrap a handler of raw messages; each is read by the service, which can say what is wrong with it."""
    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return kinds[method.client_streaming, method.server_streaming](handler)
