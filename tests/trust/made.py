"""A chain's repository with its offline keys at hand, a mirror that can lie about it, and the agent's client before it."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.keys import make_key, read_signer
from storeloom.core.control.trust.repository import Repository
from storeloom.core.trust.client import TufClient, pin

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
ROOT_KEYS, TARGETS_KEYS = ("r1", "r2", "r3"), ("t1", "t2")


class Mirror(FetcherInterface):
    """Serves a repository's folder; what stands in `lies` by its path (`metadata/timestamp.json`) instead; None: it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lies, self.asked = folder, dict[str, bytes | None](), list[str]()

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = url.partition("://")[2]
        self.asked.append(path)
        data = self.lies.get(path, self.read(path))
        if data is None:
            raise DownloadHTTPError("not there", 404)
        return iter([data])

    def read(self, path: str) -> bytes | None:
        kind, _, rest = path.partition("/")
        file = self.folder / kind / (unquote(rest).replace("vendors/", "vendors%2F") if kind == "metadata" else rest)
        return file.read_bytes() if file.is_file() else None


class Chain:
    """Root is signed by 2 of 3 keys, targets by 2 of 2. `clock[0]` is everybody's time."""

    def __init__(self, folder: Path, bits: int = 2) -> None:
        self.folder, self.clock = folder, [T0]
        self.repository = Repository(folder / "repository", "north", lambda: self.clock[0])
        for name in (*ROOT_KEYS, *TARGETS_KEYS):
            self.key(name)
        keys = {name: self.public[name] for name in self.public}
        drafts = ceremony.found(self.repository, [keys[name] for name in ROOT_KEYS], 2, [keys[name] for name in TARGETS_KEYS], 2, bits)
        self.take(drafts[0], "r1", "r2", more=[(drafts[1], ("t1", "t2"))])
        self.mirror = Mirror(self.repository.folder)

    @property
    def public(self) -> dict[str, Any]:
        from storeloom.core.control.trust.keys import read_public

        return {file.name.removesuffix(".pem.pub"): read_public(file) for file in sorted((self.folder / "keys").glob("*.pub"))}

    def key(self, name: str) -> Any:
        return make_key(self.folder / "keys" / f"{name}.pem")

    def signer(self, name: str) -> Any:
        return read_signer(self.folder / "keys" / f"{name}.pem")

    def take(self, file: Path, *names: str, more: Any = ()) -> list[str]:
        """Sign drafts by the named holders and take them in."""
        drafts = [(file, names), *more]
        for one, holders in drafts:
            for name in holders:
                ceremony.sign(one, self.signer(name))
        return ceremony.accept(self.repository, [one for one, _ in drafts])

    def wait(self, **span: float) -> None:
        self.clock[0] += timedelta(**span)

    def client(self, folder: str = "agent", root: int | None = None, **more: Any) -> TufClient:
        """An agent's client that pinned the root of a version; over the mirror, or a line of its own."""
        place = self.folder / folder
        if not (place / "pinned-root").is_file():
            pin(place, self.repository.root_bytes(root))
        more.setdefault("line", self.mirror)
        urls = more.pop("urls", ("mem://metadata", "mem://targets"))
        return TufClient(place, *urls, now=lambda: self.clock[0], **more)


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority of one's own: its certificate's file, and TLS for `localhost` with one that it issued."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def certificate(name: str, key: Any, by: str, signer: Any, **marks: Any) -> Any:
        made = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        made = made.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)])).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        made = made.not_valid_after(now + timedelta(days=1))
        for mark in marks.values():
            made = made.add_extension(mark, critical=isinstance(mark, x509.BasicConstraints))
        return made.sign(signer, hashes.SHA256())

    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    signs = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = certificate("ours", root, "ours", root, basic=x509.BasicConstraints(ca=True, path_length=0), usage=signs)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
    leaf = certificate("localhost", own, "ours", root, names=x509.SubjectAlternativeName([x509.DNSName("localhost")]), issuer=issuer)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return folder / "ca.pem", context


@contextmanager
def served(answer: Any, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """An HTTP server on this machine whose GET is `answer(handler)`, behind TLS where there is a context; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *words: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: Any, data: bytes, status: int = 200, **headers: str) -> None:
    """A whole answer."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)
