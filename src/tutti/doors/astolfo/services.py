"""Astolfo's three services: accounts, files, and the list of files."""

from collections.abc import Mapping
from dataclasses import dataclass

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Told
from tutti.doors.astolfo.bodies import begun, receive
from tutti.doors.astolfo.calls import Context, Messages, Method, Pace, Policy, Visitors, address_of
from tutti.doors.astolfo.downloads import Downloads
from tutti.doors.astolfo.frames import PHONE_BYTES
from tutti.doors.astolfo.gen import auth_pb2, file_pb2, sync_pb2
from tutti.doors.astolfo.signing import POLICY, RULES
from tutti.doors.http.hop import Hop
from tutti.services.accounts import NewUser
from tutti.services.ingest import Ingest
from tutti.services.listing import Listing
from tutti.services.registration import Registration
from tutti.services.sessions import Client, Sessions, SignedIn

_ANSWER_BYTES = (4 << 20) - 1024
"""The largest list that the clients take, with room for what surrounds it."""
_HASH_BYTES = 66
"""What a hash takes in it."""


@dataclass(frozen=True, slots=True)
class AuthService:
    """`auth.AuthService`."""

    registration: Registration
    sessions: Sessions
    logins: Hop

    @property
    def methods(self) -> Mapping[str, Method]:
        """What it answers, by name."""
        return {"Register": Method(Policy.ANYONE, self.register), "Login": Method(Policy.ANYONE, self.login)}

    async def register(self, message: bytes, context: Context) -> bytes:
        """Make an account for whoever has the security key, and sign in."""
        request, client = auth_pb2.RegisterRequest.FromString(message), _client(context)

        def registered() -> SignedIn:
            wanted = NewUser(request.username, request.password)
            caller = self.registration.register_with_key(wanted, request.security_key, RULES)
            return self.sessions.open_for(caller, client, POLICY)

        signed_in = await self.logins(registered)
        return auth_pb2.RegisterResponse(token=signed_in.access_token).SerializeToString()

    async def login(self, message: bytes, context: Context) -> bytes:
        """Sign in."""
        request = auth_pb2.LoginRequest.FromString(message)
        sign_in = self.sessions.sign_in
        signed_in = await self.logins(sign_in, request.username, request.password, _client(context), POLICY)
        return auth_pb2.LoginResponse(token=signed_in.access_token).SerializeToString()


@dataclass(frozen=True, slots=True)
class FileService:
    """`file.FileService`."""

    visitors: Visitors
    ingest: Ingest
    listing: Listing
    bodies: Hop
    downloads: Downloads
    pace: Pace

    @property
    def methods(self) -> Mapping[str, Method]:
        """What it answers, by name."""
        return {
            "Upload": Method(Policy.SIGNED_IN, self.visitors.known(self.upload)),
            "Download": Method(Policy.SIGNED_IN, self.visitors.known(self.download)),
            "Delete": Method(Policy.SIGNED_IN, self.visitors.known(self.delete)),
        }

    async def upload(self, messages: Messages, context: Context) -> bytes:
        """Take a file; who may not bring one is refused before anything of it is read."""
        async with begun(self.visitors.call_by(self.bodies, context, self.ingest.stage, ""), self.bodies) as upload:
            said = await receive(messages, file_pb2.UploadRequest, upload, bodies=self.bodies, pace=self.pace)
            said = said or file_pb2.FileMetadata()
            told = Told(said.title, said.artist, said.album, said.duration * 1000)
            accepted = await self.bodies(self.ingest.accept, upload, filename=said.filename, told=told)
        return file_pb2.UploadResponse(hash=accepted.blob_hash).SerializeToString()

    async def download(self, message: bytes, context: Context) -> None:
        """Give the bytes of a file."""
        request = file_pb2.DownloadRequest.FromString(message)
        caller = await self.visitors.caller(context)
        await self.downloads.send(caller, request.hash, context, piece_bytes=PHONE_BYTES)

    async def delete(self, message: bytes, context: Context) -> bytes:
        """Delete a file."""
        request = file_pb2.DeleteRequest.FromString(message)
        await self.visitors.call(context, self.listing.delete, request.hash)
        return file_pb2.DeleteResponse(success=True).SerializeToString()


@dataclass(frozen=True, slots=True)
class SyncService:
    """`sync.SyncService`."""

    visitors: Visitors
    listing: Listing

    @property
    def methods(self) -> Mapping[str, Method]:
        """What it answers, by name."""
        return {"GetSync": Method(Policy.SIGNED_IN, self.visitors.known(self.get_sync))}

    async def get_sync(self, _message: bytes, context: Context) -> bytes:
        """List what phones should have; it is written in the thread, since it can be long."""
        return await self.visitors.call(context, lambda caller: list_for(self.listing, caller))


def list_for(listing: Listing, caller: Caller) -> bytes:
    """Return the answer of `GetSync`.

    Raises:
        AppError: TOO_LARGE `list_too_large`; as `Listing.phone_list`.
    """
    files = listing.phone_list(caller)
    answer = sync_pb2.GetSyncResponse(
        files=[sync_pb2.FileInfo(hash=file.hash, filename=file.filename) for file in files]
    )
    # With its hash alone each file takes half as much again, so a long list goes without.
    size_bytes = answer.ByteSize()
    if size_bytes + _HASH_BYTES * len(files) <= _ANSWER_BYTES:
        answer.hashes.extend(file.hash for file in files)
        answer.has_hashes = True
    elif size_bytes > _ANSWER_BYTES:
        message = f"{len(files)} files are more than one answer holds; use tutti.v1.SyncService, which has pages."
        raise AppError(ErrorKind.TOO_LARGE, "list_too_large", message)
    return answer.SerializeToString()


def _client(context: Context) -> Client:
    agent = next((value for key, value in context.invocation_metadata() or () if key == "user-agent"), "")
    return Client(agent if isinstance(agent, str) else "", address_of(context.peer()))
