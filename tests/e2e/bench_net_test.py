"""The servers of plugins/bench-net: what they answer, not how fast; and `tau bench`, which starts them."""

import signal
import socket

from support import PATIENCE, SOURCE, TauTest, main

PLUGIN = SOURCE / "plugins" / "bench-net"
HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!")
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Servers(TauTest):
    def serve(self, *arguments, **environment) -> int:
        self.host = self.start(*arguments, **environment)
        return int(self.host.wait_for(r"\[bench-net\] listening on port (\d+)")[1])

    def connect(self, port: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.addCleanup(client.close)
        return client

    def read(self, client: socket.socket, size: int) -> bytes:
        came = b""
        while len(came) < size and (piece := client.recv(size - len(came))):
            came += piece
        return came

    def to_the_end(self, client: socket.socket) -> bytes:
        return self.read(client, 1 << 20)

    def end(self):
        self.host.signal(signal.SIGTERM)
        self.assertEqual(self.host.end().code, 0, self.host.text)

    def test_what_comes_goes_back_whole_and_in_order(self):
        for reactor in ("epoll", "auto"):
            with self.subTest(reactor):
                port = self.serve("--plugin", PLUGIN, BENCH_SERVE="echo", TAU_REACTOR=reactor)
                clients = [self.connect(port) for _ in range(3)]
                for number, client in enumerate(clients):
                    client.sendall(b"hello %d" % number)
                for number, client in enumerate(clients):
                    self.assertEqual(self.read(client, 7), b"hello %d" % number)
                much = bytes(range(256)) * 400
                clients[0].sendall(much)
                self.assertEqual(self.read(clients[0], len(much)), much)
                clients[1].shutdown(socket.SHUT_WR)
                self.assertEqual(self.to_the_end(clients[1]), b"")
                self.end()  # the others are still connected
                self.assertEqual(self.to_the_end(clients[2]), b"")

    def test_each_request_is_answered_and_the_connection_is_kept(self):
        port = self.serve("--plugin", PLUGIN, BENCH_SERVE="http")
        client = self.connect(port)
        for request, answers in ((GET, 1), (GET * 3, 3), (GET + GET[:9], 1), (GET[9:], 1)):
            client.sendall(request)
            self.assertEqual(self.read(client, answers * len(HELLO)), answers * HELLO)
        client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertEqual(self.to_the_end(client), HELLO)
        for wrong in (b"hello\r\n\r\n", b"GET /\r\n\r\n", b"x" * 8192):
            client = self.connect(port)
            client.sendall(wrong)
            self.assertEqual(self.to_the_end(client), REFUSAL)
        self.end()

    def test_the_bench_command_starts_them(self):
        for name, said, answer in (("echo", b"hello", b"hello"), ("http", GET, HELLO)):
            with self.subTest(name):
                client = self.connect(self.serve("bench", name, "--reactor", "epoll", "--port", "0"))
                client.sendall(said)
                self.assertEqual(self.read(client, len(answer)), answer)
                self.end()

    def test_what_makes_no_sense_is_told(self):
        self.assert_ended(self.tau("bench", "echo", "yield"), 2,
                          r"\[tau\] 'echo' serves until it is ended; name it alone")
        self.assert_ended(self.tau("bench", "yield", "--port", "1"), 2,
                          r"\[tau\] 'yield' is no server: --port does not go with it")
        self.assert_ended(self.tau("bench", "echo", "--reactor", "none"), 1, r"\[tau\] no reactor: .*'none'.*")
        self.assert_ended(self.tau("--plugin", PLUGIN, BENCH_SERVE="gopher"), 1,
                          r"\[tau\] plugin 'bench-net': plugin_init failed: BENCH_SERVE is gopher, not echo or http")


if __name__ == "__main__":
    main()
