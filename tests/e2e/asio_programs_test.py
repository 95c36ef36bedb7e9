"""Programs that know nothing of tau, from the documentation of Boost, Asio and WebSocket++ as it is installed: compiled
unmodified, each main() called in a plugin.

With --table at its end the command line has the results written into docs/compat-asio.md."""

import base64
import hashlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest
from pathlib import Path

from asio_clients import Certificates, WebSocket, receive
from support import PATIENCE, SOURCE, TauTest, main, needs

PROGRAMS = SOURCE / "tests/e2e/programs"
BOOST = Path("/usr/share/doc/libboost1.81-doc/examples/libs")
BEAST = BOOST / "beast/example"
ASIO = Path("/usr/share/doc/libasio-dev/examples")
WEBSOCKETPP = Path("/usr/share/doc/libwebsocketpp-dev/examples")
MESON = """\
project('{name}', 'cpp', default_options: ['cpp_std=c++20'])
dependencies = [{dependencies}]
headers = []
foreach dependency : dependencies
  headers += dependency.partial_dependency(compile_args: true, includes: true)
endforeach
program = static_library('program', '{source}', pic: true, dependencies: headers,
  include_directories: [{includes}], cpp_args: ['-O0', '-w', '-std={standard}'])
shared_module('{name}', 'program.cpp', link_with: program, dependencies: [dependency('tau'), dependencies],
  cpp_args: ['-DPROGRAM="{name}"'])
"""
TABLE = []  # of (method, library, package, what)


def exercises(library: str, package: str, what: str, *sources: Path):
    """Says what a test shows, for the table, and skips it where a program's source is not installed."""
    missing = [str(source) for source in sources if not source.exists()]

    def decorate(method):
        TABLE.append((method.__name__, library, package, what))
        return unittest.skipIf(missing, "not installed: " + ", ".join(missing))(method)
    return decorate


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Programs(TauTest):
    def program(self, source: Path, dependencies="dependency('boost')", includes=(), name=None,
                standard="c++20") -> Path:
        name = name or source.stem
        tree = self.folder / name
        if not tree.exists():
            tree.mkdir()
            shutil.copy(PROGRAMS / "program.cpp", tree)
            text = MESON.format(name=name, source=source, dependencies=dependencies,
                                includes=", ".join(f"'{folder}'" for folder in includes), standard=standard)
            (tree / "meson.build").write_text(text, encoding="utf-8")
        return tree

    def called(self, host, name: str):
        """A program may take longer to compile than a socket's patience."""
        host.wait_for(rf"\[{name}\] main\(\) is called")

    def connect(self, port: int) -> socket.socket:
        """To a server that may be about to listen."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                self.addCleanup(client.close)
                return client
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)

    def get(self, client, target: str) -> bytes:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := client.recv(10_000):
            answer += piece
        return answer

    def assert_unloaded(self, host, code=0):
        host.signal(signal.SIGTERM)
        done = host.end()
        self.assert_ended(done, code, never=("mapped", "left an event loop", "run\\(\\) ended"))
        return done

    @needs("boost/beast.hpp")
    @exercises("Boost.Beast", "libboost1.81-dev", "HTTP server and client (async), in one process",
               BEAST / "http/server/async/http_server_async.cpp", BEAST / "http/client/async/http_client_async.cpp")
    def test_beast_http(self):
        (self.folder / "page.html").write_text("<p>the page</p>\n", encoding="utf-8")
        port = free_port()
        server = self.program(BEAST / "http/server/async/http_server_async.cpp")
        client = self.program(BEAST / "http/client/async/http_client_async.cpp")
        host = self.start("run", server, client, http_server_async=f"127.0.0.1 {port} {self.folder} 1",
                          http_client_async=f"localhost {port} /page.html")
        host.wait_for("<p>the page</p>")
        host.wait_for(r"\[http_client_async\] main\(\) returned 0")
        self.assertIn(b"<p>the page</p>", self.get(self.connect(port), "/page.html"))
        self.assertIn(b"404 Not Found", self.get(self.connect(port), "/none"))
        self.connect(port)  # and says nothing
        self.assert_unloaded(host)

    @needs("boost/beast.hpp")
    @exercises("Boost.Beast", "libboost1.81-dev", "WebSocket server and client (async), in one process",
               BEAST / "websocket/server/async/websocket_server_async.cpp",
               BEAST / "websocket/client/async/websocket_client_async.cpp")
    def test_beast_websocket(self):
        port = free_port()
        server = self.program(BEAST / "websocket/server/async/websocket_server_async.cpp")
        client = self.program(BEAST / "websocket/client/async/websocket_client_async.cpp")
        host = self.start("run", server, client, websocket_server_async=f"127.0.0.1 {port} 1",
                          websocket_client_async=f"localhost {port} greetings")
        host.wait_for("greetings")
        host.wait_for(r"\[websocket_client_async\] main\(\) returned 0")
        other = WebSocket(self, self.connect(port))
        other.say("echo")
        self.assertEqual(other.receive()[1], b"echo")
        self.assert_unloaded(host)

    @needs("boost/beast.hpp", "openssl/ssl.h")
    @exercises("Boost.Beast, OpenSSL", "libboost1.81-dev",
               "server for HTTP, HTTPS and WebSocket on one port; ends by its own signal_set",
               BEAST / "advanced/server-flex/advanced_server_flex.cpp")
    def test_beast_flexible_server(self):
        (self.folder / "page.html").write_text("<p>the page</p>\n", encoding="utf-8")
        port = free_port()
        server = self.program(BEAST / "advanced/server-flex/advanced_server_flex.cpp",
                              "dependency('boost'), dependency('openssl')", includes=[BOOST / "beast"])
        host = self.start("run", server, advanced_server_flex=f"127.0.0.1 {port} {self.folder} 1")
        self.called(host, "advanced_server_flex")
        self.assertIn(b"<p>the page</p>", self.get(self.connect(port), "/page.html"))
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with trusting.wrap_socket(self.connect(port)) as client:
            self.assertIn(b"<p>the page</p>", self.get(client, "/page.html"))
        other = WebSocket(self, self.connect(port))
        other.say("echo")
        self.assertEqual(other.receive()[1], b"echo")
        done = self.assert_unloaded(host)
        self.assertIn("[advanced_server_flex] main() returned 0", done.text)

    @needs("boost/asio.hpp", "openssl/ssl.h")
    @exercises("Boost.Asio, OpenSSL", "libboost1.81-dev", "TLS client and server, the certificate verified",
               BOOST / "asio/example/cpp11/ssl/client.cpp", BOOST / "asio/example/cpp11/ssl/server.cpp")
    def test_tls(self):
        certificates = Certificates(self.folder)
        (self.folder / "server.pem").write_text(certificates.server_chain_and_key(), encoding="utf-8")
        shutil.copy(BOOST / "asio/example/cpp11/ssl/dh4096.pem", self.folder)
        dependencies = "dependency('boost'), dependency('openssl')"
        server = self.program(BOOST / "asio/example/cpp11/ssl/server.cpp", dependencies, name="tls_server")
        client = self.program(BOOST / "asio/example/cpp11/ssl/client.cpp", dependencies, name="tls_client")
        port = free_port()
        typed = self.folder / "typed"
        typed.write_text("a line that is typed\n", encoding="utf-8")
        environment = {"tls_server": f"{port}", "tls_client": f"localhost {port}"}
        host = self.start("run", server, client, given=typed, **environment)
        host.wait_for(r".*\[tls_client\] main\(\) returned 0")  # after a question without an end of line
        done = self.assert_unloaded(host)
        self.assertRegex(done.text, "Reply: a line that is typed\n")  # never flushed by the program
        self.assertEqual(done.text.count("Verifying "), 2, done.text)
        shutil.copy(self.folder / "other.pem", self.folder / "ca.pem")
        host = self.start("run", server, client, given=typed, **environment)
        host.wait_for(r".*\[tls_client\] main\(\) returned 0")  # after a question without an end of line
        self.assertRegex(self.assert_unloaded(host).text, "Handshake failed: certificate verify failed")

    @needs("websocketpp/server.hpp", "boost/asio.hpp")
    @exercises("WebSocket++ (Boost.Asio)", "libwebsocketpp-dev", "echo server")
    def test_websocketpp_server(self):
        port = free_port()
        host = self.start("run", self.program(PROGRAMS / "websocketpp_echo.cpp", standard="c++17"),
                          websocketpp_echo=f"{port}")
        self.called(host, "websocketpp_echo")
        clients = [WebSocket(self, self.connect(port)) for _ in range(3)]
        for number, client in enumerate(clients):
            client.say(f"echo {number}")
        for number, client in enumerate(clients):
            self.assertEqual(client.receive()[1], b"echo %d" % number)
        self.assert_unloaded(host)

    @needs("websocketpp/client.hpp", "boost/asio.hpp")
    @exercises("WebSocket++ (Boost.Asio)", "libwebsocketpp-dev", "echo client",
               WEBSOCKETPP / "echo_client/echo_client.cpp")
    def test_websocketpp_client(self):
        client = self.program(WEBSOCKETPP / "echo_client/echo_client.cpp", standard="c++17")
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            host = self.start("run", client, echo_client=f"ws://localhost:{server.getsockname()[1]}")
            self.called(host, "echo_client")
            with server.accept()[0] as peer:
                peer.settimeout(PATIENCE)
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += peer.recv(10_000)
                key = next(line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
                accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
                peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x05hello")
                frame = receive(peer, 11)
                mask, data = frame[2:6], frame[6:]
                self.assertEqual(bytes(b ^ mask[i % 4] for i, b in enumerate(data)), b"hello")
                peer.sendall(b"\x88\x02\x03\xe8")
                peer.recv(100)
            host.wait_for(r"\[echo_client\] main\(\) returned 0")
            self.assertEqual(host.end().code, 0)

    @needs("restinio/all.hpp", "asio.hpp", "fmt/format.h", "http_parser.h")
    @exercises("RESTinio (standalone Asio)", "librestinio-dev", "server with an express router; stopped by a request")
    def test_restinio(self):
        server = self.program(PROGRAMS / "restinio_hello.cpp", "dependency('asio'), dependency('fmt'), "
                              "meson.get_compiler('cpp').find_library('http_parser')")
        port = free_port()
        host = self.start("run", server, restinio_hello=f"{port}")
        self.called(host, "restinio_hello")
        for _ in range(3):
            self.assertTrue(self.get(self.connect(port), "/hello/ann").endswith(b"hello, ann"))
        self.assertIn(b" 501 ", self.get(self.connect(port), "/none"))
        self.assertTrue(self.get(self.connect(port), "/end").endswith(b"bye"))
        host.wait_for(r"\[restinio_hello\] main\(\) returned 5")
        self.assertEqual(host.end().code, 0)

    @needs("asio.hpp")
    @exercises("Asio", "libasio-dev", "chat server (coroutines, signal_set); ends by its own signal_set",
               ASIO / "cpp17/coroutines_ts/chat_server.cpp")
    def test_asio_chat(self):
        port = free_port()
        host = self.start("run", self.program(ASIO / "cpp17/coroutines_ts/chat_server.cpp", "dependency('asio')"),
                          chat_server=f"{port}")
        self.called(host, "chat_server")
        clients = [self.connect(port) for _ in range(2)]
        said = b""
        while not said:  # it keeps what was said for those who come later
            clients[0].sendall(b"hello\n")
            said = receive(clients[1], 6)
        self.assertEqual(said, b"hello\n")
        done = self.assert_unloaded(host)
        self.assertIn("[chat_server] main() returned 0", done.text)

    @needs("boost/asio.hpp")
    @exercises("Boost.Asio", "libboost1.81-dev", "thread_pool, use_future, std::thread, std::future::get in main()")
    def test_pool_and_future(self):
        done = self.tau("run", self.program(PROGRAMS / "pool_and_future.cpp"))
        self.assert_ended(done, 0, "the sum is 45", r"\[pool_and_future\] main\(\) returned 0")


def write_table(result):
    """Between the two marks in the document."""
    bad = {test._testMethodName for test, _ in result.failures + result.errors}  # pylint: disable=protected-access
    skipped = {test._testMethodName for test, _ in result.skipped}  # pylint: disable=protected-access
    lines = ["| library | version | what was exercised | result |", "|---|---|---|---|"]
    for method, library, package, what in TABLE:
        version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True,
                                 check=False).stdout or "?"
        outcome = "failed" if method in bad else "not installed" if method in skipped else "passed"
        lines.append(f"| {library} | {version} | {what} | {outcome} |")
    document = SOURCE / "docs/compat-asio.md"
    before, rest = document.read_text(encoding="utf-8").split("<!-- results -->\n", 1)
    after = rest.split("<!-- end of results -->\n", 1)[1]
    document.write_text(before + "<!-- results -->\n" + "\n".join(lines) + "\n<!-- end of results -->\n" + after,
                        encoding="utf-8")


if __name__ == "__main__":
    main(write_table if "--table" in sys.argv else None)
