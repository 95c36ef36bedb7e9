"""The example plugins, used as their own comments say."""

import os
import signal
import socket

from support import PATIENCE, SOURCE, SharedHomeTest, TauTest, main

PLUGINS = SOURCE / "plugins"


class ChatClient:
    """One who talks to the chat server. Each read waits for as long as it takes."""

    def __init__(self, test: TauTest, port: int, name: str, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.test = test
        test.addCleanup(self.hang_up)
        self.hear("Who are you?")
        self.say(name)
        self.hear(f"{name} has joined")

    def say(self, line: str):
        self.socket.sendall(line.encode() + b"\n")

    def hear(self, expected: str):
        """As the next line."""
        self.test.assertEqual(self.lines.readline(), expected + "\n")

    def hang_up(self):
        self.lines.close()
        self.socket.close()


class Chat(SharedHomeTest):
    def setUp(self):
        self.host = self.start("run", PLUGINS / "chat-server")
        listening = self.host.wait_for(r"\[chat-server\] listening on 127\.0\.0\.1:(\d+)")
        self.port = int(listening[1])

    def client(self, name: str, **options) -> ChatClient:
        return ChatClient(self, self.port, name, **options)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.host.process.pid}/fd"))

    def test_everyone_reads_what_anyone_says_and_who_comes_and_goes(self):
        ann, bob = self.client("ann"), self.client("bob")
        ann.hear("bob has joined")
        ann.say("hello")
        for client in (ann, bob):
            client.hear("ann: hello")
        bob.say("and back, from another system\r")
        for client in (ann, bob):
            client.hear("bob: and back, from another system")
        bob.hang_up()
        ann.hear("bob has left")
        ann.say("is anybody here?")
        ann.hear("ann: is anybody here?")

    def test_nothing_is_kept_of_clients_who_have_hung_up(self):
        ann = self.client("ann")
        before = self.descriptors()
        for name in ("bob", "eve"):
            guest = self.client(name)
            ann.hear(f"{name} has joined")
            guest.say("bye")
            ann.hear(f"{name}: bye")
            guest.hang_up()
            ann.hear(f"{name} has left")
        with socket.create_connection(("127.0.0.1", self.port)):
            pass  # never says who it is
        ann.say("one turn more")
        ann.hear("ann: one turn more")
        self.client("zoe").hang_up()
        ann.hear("zoe has joined")
        ann.hear("zoe has left")
        self.assertEqual(self.descriptors(), before)

    def test_one_who_reads_slowly_makes_nobody_wait_and_is_told_what_it_missed(self):
        ann = self.client("ann")
        slow = self.client("slow", receive_buffer=4096)
        ann.hear("slow has joined")
        said, long = 1500, "x" * 16_000  # more than any system keeps for a connection
        for number in range(said):
            ann.say(f"{number} {long}")
            ann.hear(f"ann: {number} {long}")
        ann.say("the end")
        ann.hear("ann: the end")
        heard = missed = 0
        for line in slow.lines:
            if line == "ann: the end\n":
                break
            if line.startswith("(you have missed "):
                missed += int(line.split()[3])
                self.assertTrue(line.endswith(" lines)\n"), line)
            else:
                self.assertEqual(int(line.split()[1]), heard + missed)
                heard += 1
        self.assertEqual(heard + missed, said)
        self.assertGreater(missed, 0)

    def test_the_end_of_the_server_is_the_end_of_its_connections(self):
        ann = self.client("ann")
        self.host.signal(signal.SIGTERM)
        self.assertEqual(ann.lines.readline(), "")
        self.assertEqual(self.host.end().code, 0)

    def test_a_port_that_is_taken_is_said_and_the_exit_code(self):
        done = self.tau("run", PLUGINS / "chat-server", CHAT_ADDRESS=f"127.0.0.1:{self.port}")
        self.assertEqual(done.code, 1, done.text)
        self.assertRegex(done.text, "in use")


class FileTailer(SharedHomeTest):
    def setUp(self):
        self.file = self.folder / f"{self._testMethodName}.log"
        self.file.write_text("was there before\n", encoding="utf-8")

    def follow(self):
        host = self.start("run", PLUGINS / "file-tailer", TAIL_FILE=str(self.file))
        host.wait_for(rf"\[file-tailer\] following {self.file}")
        return host

    def add(self, text: str, path=None):
        with open(path or self.file, "a", encoding="utf-8") as file:
            file.write(text)

    def test_prints_lines_that_are_added_and_counts_them_when_asked(self):
        host = self.follow()
        self.add("one\ntwo\nthr")
        host.wait_for(r"\[file-tailer\] two")
        self.add("ee\n")
        host.wait_for(r"\[file-tailer\] three")
        host.signal(signal.SIGUSR1)
        host.wait_for(r"\[file-tailer\] 3 lines so far")
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 0, r"\[file-tailer\] one", r"\[file-tailer\] two", r"\[file-tailer\] three",
                          never=("before", r"\] thr\n"))

    def test_goes_on_with_the_new_file_after_a_rotation_and_loses_nothing_of_the_old_one(self):
        host = self.follow()
        old = self.file.with_suffix(".old")
        self.file.rename(old)
        self.add("late\nwithout an end", old)
        host.signal(signal.SIGHUP)
        host.wait_for(rf"\[file-tailer\] {self.file} cannot be opened: .*")
        self.add(" till now", old)
        self.add("fresh\n")
        host.signal(signal.SIGHUP)
        host.wait_for(rf"\[file-tailer\] following {self.file}")
        host.wait_for(r"\[file-tailer\] fresh")
        self.add("nobody cares\n", old)
        self.add("more\n")
        host.wait_for(r"\[file-tailer\] more")
        host.signal(signal.SIGTERM)
        self.assert_ended(host.end(), 0, r"\[file-tailer\] late", r"\[file-tailer\] without an end till now",
                          r"\[file-tailer\] fresh", r"\[file-tailer\] more", never=("nobody cares",))

    def test_reads_a_truncated_file_from_its_start(self):
        host = self.follow()
        self.add("a line that makes it long\nand a piece of ano")
        host.wait_for(r"\[file-tailer\] a line that makes it long")
        self.file.write_text("short\n", encoding="utf-8")
        host.wait_for(rf"\[file-tailer\] {self.file} was truncated")
        host.wait_for(r"\[file-tailer\] short")
        host.signal(signal.SIGUSR1)
        host.wait_for(r"\[file-tailer\] 2 lines so far")

    def test_a_file_that_is_not_there_yet_is_followed_from_the_next_hang_up_on(self):
        self.file.unlink()
        host = self.start("run", PLUGINS / "file-tailer", TAIL_FILE=str(self.file))
        host.wait_for(rf"\[file-tailer\] {self.file} cannot be opened: .*")
        self.add("here\n")
        host.signal(signal.SIGHUP)
        host.wait_for(r"\[file-tailer\] here")

    def test_says_what_it_needs_to_know(self):
        done = self.tau("run", PLUGINS / "file-tailer")
        self.assertEqual(done.code, 1, done.text)
        self.assertIn("TAIL_FILE", done.text)


class Pipeline(SharedHomeTest):
    """A message to the sink is answered when as many more numbers have arrived."""

    def script(self, text: str):
        text = text.replace("SOURCE", f"'{PLUGINS}/pipeline-source'").replace("SINK", f"'{PLUGINS}/pipeline-sink'")
        return self.tau("script", given=text)

    def numbers(self, done) -> list:
        return [int(line.split()[1]) for line in done.text.splitlines()
                if line.startswith("[pipeline-sink] ") and line.split()[1].isdigit()]

    def test_both_run_until_a_signal(self):
        host = self.start("--plugin", PLUGINS / "pipeline-source", "--plugin", PLUGINS / "pipeline-sink")
        for prime in (2, 3, 5):
            host.wait_for(rf"\[pipeline-sink\] {prime}")
        host.signal(signal.SIGINT)
        self.assertEqual(host.end().code, 0)

    def test_the_source_makes_no_more_than_the_sink_takes(self):
        done = self.script("""
            load SOURCE
            load SINK
            send pipeline-sink 3
            send pipeline-source
            send pipeline-sink 2
            send pipeline-source
            send pipeline-sink""")
        self.assert_ended(done, 0)
        sent = [int(line.split()[4]) for line in done.text.splitlines() if line.endswith(" sent")]
        taken = [int(line.split()[4]) for line in done.text.splitlines() if line.endswith(" taken")]
        self.assertEqual((len(sent), len(taken)), (2, 3), done.text)
        for made, later in zip(sent, taken[1:]):
            self.assertGreaterEqual(made, 3, done.text)
            self.assertLessEqual(made, later + 4 + 1, done.text)  # in the channel, and in the sink's hand

    def test_the_source_goes_on_when_the_sink_is_unloaded_and_with_the_next_one(self):
        done = self.script("""
            load SOURCE
            assert_resource pipeline/primes
            load SINK
            assert_no_resource pipeline/primes
            send pipeline-sink 2
            unload pipeline-sink
            assert_unmapped pipeline-sink
            assert_resource pipeline/primes
            load SINK
            send pipeline-sink 2
            assert_no_resource pipeline/primes""")
        self.assert_ended(done, 0, r"\[pipeline-sink\] 2", r"\[pipeline-sink\] 3",
                          r"\[pipeline-source\] the sink has gone; waiting for another",
                          r"\[pipeline-sink\] \d+", r"\[pipeline-sink\] \d+",
                          r"\[pipeline-sink\] message 2 answered: \d+ taken")
        numbers = self.numbers(done)
        self.assertEqual(numbers, sorted(set(numbers)), done.text)

    def test_the_sink_reads_what_is_left_when_the_source_is_unloaded_and_waits_for_the_next_one(self):
        done = self.script("""
            load SINK
            load SOURCE
            send pipeline-sink 2
            unload pipeline-source
            assert_unmapped pipeline-source
            assert_no_resource pipeline/primes
            send pipeline-sink 2
            load SOURCE
            send pipeline-sink 6""")
        self.assert_ended(done, 0, r"\[pipeline-sink\] waiting for a source", r"\[pipeline-sink\] 2",
                          r"\[pipeline-sink\] 3", r"\[pipeline-sink\] message 1 answered: .*",
                          r"\[pipeline-sink\] message 2 answered: .*", r"\[pipeline-sink\] the source has gone",
                          r"\[pipeline-sink\] 2", r"\[pipeline-sink\] message 3 answered: .*")

    def test_a_source_that_is_reloaded_before_anybody_took_from_it_is_taken_from(self):
        done = self.script("""
            load SOURCE
            reload pipeline-source
            load SINK
            send pipeline-sink 3""")
        self.assert_ended(done, 0, r"\[pipeline-sink\] 2", r"\[pipeline-sink\] 3", r"\[pipeline-sink\] 5")


class Others(SharedHomeTest):
    def test_the_command_runner_tells_how_each_command_ended(self):
        done = self.tau("run", PLUGINS / "command-runner",
                        RUN_COMMANDS="echo out; echo wrong >&2,exit 3,kill -9 $$,sleep 600")
        self.assert_ended(done, 0)
        for line in ("'echo out; echo wrong >&2': exit code 0; wrote 'out", "' and, as errors, 'wrong",
                     "'exit 3': exit code 3;", "'kill -9 $$': signal 9;", "'sleep 600' took too long and was killed"):
            self.assertIn(line, done.text)

    def test_a_plugin_in_c_ticks(self):
        self.assert_ended(self.tau("run", PLUGINS / "c-plugin"), 0, r"\[c-plugin\] init in C, .*", r"\[c-plugin\] tick")


if __name__ == "__main__":
    main()
