"""Asio and Boost.Asio in plugins: the examples as users run them, and unloaded beneath open connections."""

import contextlib
import os
import signal
import socket
import ssl
import struct
import threading

from asio_clients import Certificates, WebSocket, receive
from asio_rig import AsioTest, PLUGINS
from support import PATIENCE, main, needs


@needs("asio.hpp")
class Echo(AsioTest):
    def test_what_clients_send_comes_back_to_each_of_them(self):
        host = self.start("run", PLUGINS / "asio-echo")
        port = self.port_of(host, "asio-echo")
        clients = [self.connect(port) for _ in range(8)]
        for number, client in enumerate(clients):
            client.sendall(f"number {number}".encode())
        for number, client in reversed(list(enumerate(clients))):
            self.assertEqual(receive(client, 8), f"number {number}".encode())
        self.assert_echoes(clients[0], os.urandom(100_000))
        clients[1].close()
        host.wait_for(r"\[asio-echo\] a client has left: End of file")
        self.assert_echoes(clients[2], b"still here")
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 0, never=("mapped", "exception"))
        self.assert_hung_up(clients[3])

    def test_it_is_unloaded_beneath_open_connections_and_loaded_again(self):
        script = f"load '{PLUGINS}/asio-echo'\nsend gate\nunload asio-echo\nassert_unmapped asio-echo\n"
        host = self.start_script(script + script)
        ports = []
        for _ in range(2):
            ports.append(self.port_of(host, "asio-echo"))
            clients = [self.connect(ports[-1]) for _ in range(20)]
            for client in clients:
                self.assert_echoes(client, b"hello")
            clients[0].sendall(b"x" * 3_000_000)  # more than fits, and nobody reads it
            self.pass_gate(host)
            for client in clients[1:]:
                self.assert_hung_up(client)
        self.assert_ended(host.end(), 0, never=("exception", "left an event loop"))
        for port in ports:
            with self.assertRaises(ConnectionRefusedError):
                self.connect(port)

    def test_a_port_that_is_taken_is_said_and_the_exit_code(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = self.tau("run", PLUGINS / "asio-echo", ECHO_PORT=str(port))
        self.assert_ended(done, 1, r"\[tau\] plugin 'asio-echo': plugin_init failed: .*in use.*")


@needs("boost/beast.hpp")
class Chat(AsioTest):
    def setUp(self):
        self.host = self.start("run", PLUGINS / "websocket-chat")
        self.port = self.port_of(self.host, "websocket-chat")

    def test_everyone_reads_what_anyone_says_until_they_leave(self):
        clients = [WebSocket(self, self.connect(self.port)) for _ in range(3)]
        self.host.wait_for(r"\[websocket-chat\] 3 here")
        clients[0].say("hello")
        clients[2].say("long " * 1000)
        for client in clients:
            heard = sorted([client.receive(), client.receive()])
            self.assertEqual(heard, [(1, b"hello"), (1, b"long " * 1000)])
        clients[1].send(WebSocket.ping, b"there?")
        self.assertEqual(clients[1].receive(), (WebSocket.pong, b"there?"))
        clients[1].send(WebSocket.close, struct.pack("!H", 1000))
        self.assertEqual(clients[1].receive()[0], WebSocket.close)
        clients[1].socket.close()
        self.host.wait_for(r"\[websocket-chat\] 2 here")
        clients[2].socket.close()  # without a word
        self.host.wait_for(r"\[websocket-chat\] 1 here")
        clients[0].say("alone")
        clients[0].hear("alone")

    def test_who_speaks_no_websocket_or_breaks_its_rules_goes_alone(self):
        good = WebSocket(self, self.connect(self.port))
        odd = self.connect(self.port)
        odd.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(odd.recv(100).startswith(b"HTTP/1.1 "))
        bad = WebSocket(self, self.connect(self.port))
        bad.socket.sendall(b"\x81\x05hello")  # a client has to mask
        bad.socket.recv(100)
        self.connect(self.port).close()
        good.say("still here")
        good.hear("still here")

    def test_the_end_of_the_server_is_the_end_of_its_connections(self):
        clients = [WebSocket(self, self.connect(self.port)) for _ in range(3)]
        self.connect(self.port)  # in the middle of a handshake
        self.host.wait_for(r"\[websocket-chat\] 3 here")
        self.host.signal(signal.SIGTERM)
        self.assert_ended(self.host.end(), 0, never=("mapped", "exception"))
        for client in clients:
            self.assert_hung_up(client.socket)


@needs("boost/beast.hpp", "openssl/ssl.h")
class Https(AsioTest):
    page = b"<p>a page</p>\n" * 1000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()

        Certificates(cls.folder)

    def serve(self) -> int:
        """Answers one client with the page; returns its port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(PATIENCE)

        def answer():
            # What the client refuses shows at its end.
            with contextlib.suppress(OSError), server, server.accept()[0] as plain:
                with context.wrap_socket(plain, server_side=True) as client:
                    client.recv(10_000)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.page) + self.page)

        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        return server.getsockname()[1]

    def get(self, url: str, authority="ca.pem"):
        return self.tau("run", PLUGINS / "https-get", GET_URL=url, GET_CA=str(self.folder / authority))

    def test_a_page_is_fetched_from_a_server_whose_certificate_is_good(self):
        self.assert_ended(self.get(f"https://localhost:{self.serve()}/page"), 0,
                          rf"\[https-get\] 200 OK, {len(self.page)} bytes", never=("exception",))

    def test_a_certificate_of_another_authority_or_for_another_name_is_refused(self):
        refused = r"\[https-get\] run\(\) ended with an exception: .*certificate verify failed.*"
        self.assert_ended(self.get(f"https://localhost:{self.serve()}/", "other.pem"), 0, refused, never=("200",))
        self.assert_ended(self.get(f"https://127.0.0.1:{self.serve()}/"), 0, refused, never=("200",))

    def test_what_cannot_be_fetched_is_said(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            done = self.get(f"https://localhost:{closed.getsockname()[1]}/")
        self.assert_ended(done, 0, r"\[https-get\] run\(\) ended with an exception: .*Connection refused.*")
        self.assert_ended(self.get("https://no-such-name.invalid/"), 0,
                          r"\[https-get\] run\(\) ended with an exception: .*\[asio\.netdb:\d+\]")
        self.assert_ended(self.get("ftp://localhost/"), 1, r"\[tau\] plugin 'https-get': plugin_init failed: GET_URL .*")
        self.assert_ended(self.get("https://localhost/", "none.pem"), 1, r"\[tau\] plugin 'https-get': plugin_init .*")

    def test_a_server_that_says_nothing_holds_up_no_unload(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            port = server.getsockname()[1]
            host = self.start("run", PLUGINS / "https-get", GET_URL=f"https://localhost:{port}/")
            with server.accept()[0] as client:
                self.assertTrue(client.recv(1))  # of its half of the handshake
                host.signal(signal.SIGTERM)
                self.assert_ended(host.end(), 0, never=("mapped", "exception"))


if __name__ == "__main__":
    main()
