"""Signals as a user sends them: subscribers are told first, and the host ends as it should."""

import signal

from support import TauTest, main


class Signals(TauTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listens = cls.plugin("listens", """
            struct P {
              tau::Task<> stops() {
                auto end = co_await tau::signal::ctrl_c();
                if (end) tau::print("told");
              }
              tau::Task<> run() {
                auto hang_up = tau::signal::on(tau::signal::SignalKind::hangup());
                tau::spawn(stops()).detach();
                co_await tau::yield_now();
                tau::print("ready");
                while (co_await hang_up->recv()) tau::print("settings read again");
              }
              ~P() { tau::print("destroyed"); }
            };""")
        cls.sleeps = cls.plugin("sleeps", """
            struct P { tau::Task<> run() { tau::print("ready"); co_await tau::sleep(1000s); } };""")

    def test_who_subscribed_is_told_before_the_host_ends(self):
        host = self.start("run", self.listens)
        host.wait_for(r"\[listens\] ready")
        host.signal(signal.SIGINT)
        self.assert_ended(host.end(), 0, r"\[listens\] told", r"\[listens\] destroyed")

    def test_a_hang_up_that_a_plugin_handles_does_not_end_the_host(self):
        host = self.start("run", self.listens)
        host.wait_for(r"\[listens\] ready")
        host.signal(signal.SIGHUP)
        host.wait_for(r"\[listens\] settings read again")
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 0, r"\[listens\] destroyed", never=("told",))

    def test_a_hang_up_that_nobody_handles_ends_the_host(self):
        host = self.start("run", self.sleeps)
        host.wait_for(r"\[sleeps\] ready")
        host.signal(signal.SIGHUP)
        self.assert_ended(host.end(), 0)


if __name__ == "__main__":
    main()
