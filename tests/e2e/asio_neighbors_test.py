"""Plugins of Asio, of Boost.Asio and of neither beside one another: signals, exceptions, forks and programs executed."""

import signal

from asio_clients import WebSocket
from asio_rig import ASIO, AsioTest, BOOST, PLUGINS
from support import main, needs


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
