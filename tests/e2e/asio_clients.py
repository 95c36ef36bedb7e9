"""What the tests of Asio's programs speak to them with: WebSocket frames, and certificates made on the fly."""

import base64
import os
import shutil
import socket
import struct
import subprocess
import unittest
from pathlib import Path


def receive(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


class WebSocket:
    """A client of RFC 6455 that speaks as little as will do."""

    text, close, ping, pong = 1, 8, 9, 10

    def __init__(self, test, client: socket.socket):
        self.test, self.socket = test, client
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = self.socket.recv(1)
            test.assertTrue(piece, head)
            head += piece
        test.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)

    def send(self, kind: int, data: bytes):
        mask = os.urandom(4)
        length = (bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data)))
        self.socket.sendall(bytes([0x80 | kind]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        """A message, which may come in several frames: its kind and its data."""
        kind, data = None, b""
        while True:
            head, length = receive(self.socket, 2)
            if length == 126:
                length, = struct.unpack("!H", receive(self.socket, 2))
            kind = head & 15 if kind is None else kind
            data += receive(self.socket, length)
            if head & 0x80:
                return kind, data

    def say(self, text: str):
        self.send(self.text, text.encode())

    def hear(self, expected: str):
        self.test.assertEqual(self.receive(), (self.text, expected.encode()))


class Certificates:
    """ca.pem and other.pem, two authorities, and server.pem, which the first signed for localhost; keys beside them."""

    def __init__(self, folder: Path):
        if not shutil.which("openssl"):
            raise unittest.SkipTest("not installed: openssl")
        self.folder = folder
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        for authority in ("ca", "other"):
            self.openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN=test {authority}",
                         "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
        self.openssl("req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        (folder / "names").write_text("subjectAltName=DNS:localhost\n", encoding="utf-8")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "2", "-extfile", "names", "-out", "server.pem")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def server_chain_and_key(self) -> str:
        return "".join((self.folder / name).read_text(encoding="utf-8") for name in ("server.pem", "server.key"))
