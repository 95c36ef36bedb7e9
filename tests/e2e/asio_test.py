"""Asio and Boost.Asio in plugins: examples as users run them, unloaded beneath open connections; signals and forks."""

import contextlib
import os
import signal
import socket
import ssl
import struct
import tempfile
import threading
import unittest
from pathlib import Path

from asio_clients import Certificates, WebSocket, receive
from support import PATIENCE, SOURCE, TauTest, main, needs

PLUGINS = SOURCE / "plugins"
ASIO = """
#include <asio.hpp>
namespace net = asio;
using error_code = std::error_code;
"""
BOOST = """
#include <boost/asio.hpp>
namespace net = boost::asio;
using error_code = boost::system::error_code;
"""
# Answers a message when SIGUSR2 comes: a script waits with it for what the test does meanwhile.
GATE = """
struct P {
  tau::Task<std::string> request(std::string_view) {
    auto go = tau::signal::on(tau::signal::SignalKind::user_defined2()).value();
    tau::print("closed");
    co_await go.recv();
    co_return "null";
  }
};"""


class AsioTest(TauTest):
    """The classes here share one TAU_HOME: what all plugins need is built once."""

    home_of_all = tempfile.TemporaryDirectory(prefix="tau-e2e-")  # removed when this program ends

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.environment["TAU_HOME"] = cls.home_of_all.name

    def asio_plugin(self, name: str, body: str, library=ASIO) -> Path:
        dependency = "asio" if library == ASIO else "boost"
        # What is tested is not how fast it is, and it compiles in half the time.
        return self.plugin(name, library + body, f"[dependency('tau'), dependency('{dependency}')], cpp_args: '-O0'")

    def start_script(self, text: str, **environment):
        """Beside the test; `gate` in it stands for a plugin that answers when pass_gate() is called."""
        folder = self.folder / self._testMethodName
        gate = self.plugin("gate", GATE, folder=folder)
        file = folder / "script"
        file.write_text(f"load '{gate}'\n{text}", encoding="utf-8")
        return self.start("script", file, **environment)

    @staticmethod
    def pass_gate(host, wait=True):
        if wait:
            host.wait_for(r"\[gate\] closed")
        host.signal(signal.SIGUSR2)

    def port_of(self, host, name: str) -> int:
        return int(host.wait_for(rf"\[{name}\] listening on port (\d+)")[1])

    def connect(self, port: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.addCleanup(client.close)
        return client

    def assert_echoes(self, client: socket.socket, data: bytes):
        client.sendall(data)
        self.assertEqual(receive(client, len(data)), data)

    def assert_hung_up(self, client: socket.socket):
        try:
            self.assertEqual(client.recv(1), b"")
        except ConnectionResetError:
            pass


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


@needs("asio.hpp", "boost/beast.hpp")
class Both(AsioTest):
    def test_asio_boost_and_tau_serve_side_by_side_and_each_is_unloaded_alone(self):
        host = self.start_script(f"""
            load '{PLUGINS}/asio-echo'
            load '{PLUGINS}/websocket-chat'
            load '{PLUGINS}/chat-server'
            send gate
            unload asio-echo
            assert_unmapped asio-echo
            send gate
            unload websocket-chat
            assert_unmapped websocket-chat
            send gate""")
        ports = [self.port_of(host, name) for name in ("asio-echo", "websocket-chat")]
        ports.append(int(host.wait_for(r"\[chat-server\] listening on 127\.0\.0\.1:(\d+)")[1]))
        echo = self.connect(ports[0])
        chat = WebSocket(self, self.connect(ports[1]))
        own = self.connect(ports[2]).makefile("rw")
        self.assertEqual(own.readline(), "Who are you?\n")
        own.write("ann\n")
        own.flush()
        self.assertEqual(own.readline(), "ann has joined\n")

        def own_answers(text: str):
            own.write(text + "\n")
            own.flush()
            self.assertEqual(own.readline(), f"ann: {text}\n")

        for turn in range(100):
            self.assert_echoes(echo, b"ping")
            chat.say(f"{turn}")
            chat.hear(f"{turn}")
            own_answers(f"{turn}")
        self.pass_gate(host)
        self.assert_hung_up(echo)
        chat.say("alone")
        chat.hear("alone")
        own_answers("too")
        self.pass_gate(host)
        self.assert_hung_up(chat.socket)
        own_answers("the last")
        self.pass_gate(host)
        self.assert_ended(host.end(), 0, never=("exception",))

    def test_two_signal_sets_hear_the_same_signal_and_one_may_go(self):
        listens = """
            struct P {
              tau::Task<void> run() {
                wait();
                context.run();
                co_return;
              }
              void wait() {
                signals.async_wait([this](error_code error, int number) {
                  if (error) return;
                  tau::print("heard ", number);
                  wait();
                });
                tau::print("listens");
              }
              void stop() { context.stop(); }
              net::io_context context{1};
              net::signal_set signals{context, SIGUSR1, SIGHUP};
            };"""
        host = self.start_script(f"""
            load '{self.asio_plugin("first", listens, ASIO)}'
            load '{self.asio_plugin("second", listens, BOOST)}'
            send gate
            unload first
            assert_unmapped first
            send gate
            unload second
            assert_unmapped second""")
        host.wait_for(r"\[gate\] closed")
        for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR1):
            host.signal(number)
            heard = {host.wait_for(rf"\[(first|second)\] heard {number:d}")[1] for _ in range(2)}
            self.assertEqual(heard, {"first", "second"})
        self.pass_gate(host, wait=False)
        host.wait_for(r"\[gate\] closed")
        host.signal(signal.SIGHUP)
        host.wait_for(rf"\[second\] heard {signal.SIGHUP:d}")
        self.pass_gate(host, wait=False)
        self.assert_ended(host.end(), 0)

    def test_an_exception_out_of_a_handler_ends_that_run_and_nobody_elses(self):
        throws = """
            struct P {
              tau::Task<void> run() {
                net::steady_timer soon(context, std::chrono::milliseconds(1));
                soon.async_wait([](error_code) { throw std::runtime_error("bad luck"); });
                net::steady_timer later(context, std::chrono::hours(1));
                later.async_wait([](error_code) {});
                context.run();
                co_return;
              }
              net::io_context context{1};
            };"""
        host = self.start("run", PLUGINS / "asio-echo", self.asio_plugin("throws", throws, ASIO),
                          self.asio_plugin("boosted", throws, BOOST))
        client = self.connect(self.port_of(host, "asio-echo"))
        for _ in range(2):
            host.wait_for(r"\[(throws|boosted)\] run\(\) ended with an exception: bad luck")
        self.assert_echoes(client, b"not mine")
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 0, never=("mapped",))


class ForkBase:
    """As Asio's documentation forks: a process for each connection."""

    library = ASIO
    body = """
        #include <unistd.h>
        struct P {
          P() { tau::print("listening on port ", acceptor.local_endpoint().port()); accept(); wait(); }
          tau::Task<void> run() {
            context.run();
            co_return;
          }
          void stop() { context.stop(); }
          void accept() {
            acceptor.async_accept([this](error_code error, net::ip::tcp::socket socket) {
              if (error) return;
              context.notify_fork(net::io_context::fork_prepare);
              if (::fork() == 0) {
                context.notify_fork(net::io_context::fork_child);
                acceptor.close();
                signals.cancel();
                serve(std::move(socket));
                return;  // to run(), which goes on in the child, with its one connection
              }
              context.notify_fork(net::io_context::fork_parent);
              socket.close();
              accept();
            });
          }
          void wait() {
            signals.async_wait([this](error_code error, int) {
              if (error) return;
              int status = 0;
              while (::waitpid(-1, &status, WNOHANG) > 0) tau::print("a child has ended with ", WEXITSTATUS(status));
              wait();
            });
          }
          void serve(net::ip::tcp::socket accepted) {
            client.emplace(std::move(accepted));
            client->async_read_some(net::buffer(piece), [this](error_code error, std::size_t size) {
              if (error) ::_exit(1);
              const std::string answer = std::to_string(::getpid()) + ": " + std::string(piece, size);
              pause.expires_after(std::chrono::milliseconds(5));
              pause.async_wait([this, answer](error_code) {
                net::async_write(*client, net::buffer(answer), [](error_code, std::size_t) { ::_exit(7); });
              });
            });
          }
          net::io_context context{1};
          net::ip::tcp::acceptor acceptor{context, {net::ip::address_v4::loopback(), 0}};
          net::signal_set signals{context, SIGCHLD};
          net::steady_timer pause{context};
          std::optional<net::ip::tcp::socket> client;
          char piece[100];
        };"""

    def test_a_forked_child_serves_its_connection_and_the_parent_goes_on(self):
        tree = self.asio_plugin("forks", "#include <optional>\n#include <sys/wait.h>\n" + self.body, self.library)
        host = self.start("run", tree)
        port = self.port_of(host, "forks")
        pids = set()
        for number in range(5):
            first, second = self.connect(port), self.connect(port)  # two children at once
            for client in (second, first):
                client.sendall(b"hello %d" % number)
            for client in (first, second):
                answer = b""
                while piece := client.recv(100):
                    answer += piece
                pid, _, text = answer.partition(b": ")
                self.assertEqual(text, b"hello %d" % number)
                pids.add(int(pid))
            for _ in range(2):
                host.wait_for(r"\[forks\] a child has ended with 7")
        self.assertEqual(len(pids), 10)
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 0, never=("mapped", "exception"))


@needs("asio.hpp")
class Fork(ForkBase, AsioTest):
    pass


@needs("boost/asio.hpp")
class ForkWithBoost(ForkBase, AsioTest):
    library = BOOST


@needs("asio.hpp")
class Exec(AsioTest):
    def test_a_program_is_executed_and_read_while_others_are_served(self):
        tree = self.asio_plugin("executes", """
            #include <fcntl.h>
            #include <sys/wait.h>
            #include <unistd.h>
            struct P {
              tau::Task<void> run() {
                int ends[2];
                if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
                context.notify_fork(net::io_context::fork_prepare);
                const pid_t child = ::fork();
                if (child == 0) {
                  ::dup2(ends[1], 1);
                  ::execl("/bin/sh", "sh", "-c", "echo one; read line < /dev/null; echo two; exit 3", nullptr);
                  ::_exit(127);
                }
                context.notify_fork(net::io_context::fork_parent);
                ::close(ends[1]);
                net::posix::stream_descriptor output(context, ends[0]);
                std::string text;
                net::async_read(output, net::dynamic_buffer(text), [&](error_code error, std::size_t) {
                  int status = 0;
                  ::waitpid(child, &status, 0);
                  for (char& c : text) if (c == '\\n') c = ',';
                  tau::print("it wrote ", text, " and ended with ", WEXITSTATUS(status), " (", error.message(), ")");
                });
                context.run();
                co_return;
              }
              net::io_context context{1};
            };""")
        host = self.start("run", PLUGINS / "asio-echo", tree)
        client = self.connect(self.port_of(host, "asio-echo"))
        host.wait_for(r"\[executes\] it wrote one,two, and ended with 3 \(End of file\)")
        self.assert_echoes(client, b"not disturbed")


if __name__ == "__main__":
    main()
