"""What programs with Asio in plugins share: sources of plugins, a home of all, clients."""

import signal
import socket
from pathlib import Path

from asio_clients import receive
from support import PATIENCE, SOURCE, SharedHomeTest

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


class AsioTest(SharedHomeTest):
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
