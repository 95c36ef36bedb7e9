"""The benches' scripts: what they read out of other programs' words, and what they make of figures."""

import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "net"), str(HERE / "asio")]

import asio_bench  # noqa: E402
import net_bench  # noqa: E402
from versus import Contest, Spread, Way, markdown, plain, ratios, svg, take_turns, write_between  # noqa: E402

WRK = """\
Running 2s test @ http://127.0.0.1:7101/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   250.93us  267.84us   5.70ms   98.62%
    Req/Sec   143.66k     4.22k  147.72k    75.00%
  Latency Distribution
     50%  219.00us
     75%  241.00us
     90%    1.20ms
     99%    2.00s
  285456 requests in 2.00s, 21.23MB read
Requests/sec: 142608.00
Transfer/sec:     10.61MB
"""
STRACE = """\
    calls syscall
--------- ----------------
      912 read
       88 write
--------- ----------------
     1000 total
"""


def contest() -> Contest:
    fast = Way("fast", dict, [{"ns": 10.0, "calls": 1.0}, {"ns": 20.0}, {"ns": 12.0}])
    slow = Way("slow <b>", dict, [{"ns": 20.0}, {"ns": 60.0}, {"ns": 36.0}])
    return Contest("a title", [fast, slow], "ns", {"calls": "system calls"})


class Words(unittest.TestCase):
    def test_wrk(self):
        self.assertEqual(net_bench.parse_wrk(WRK), {"requests": 285456, "per_s": 142608, "p50_us": 219, "p99_us": 2e6})
        for wrong in ("", WRK.replace("requests in", "nothing in"), WRK + "  Socket errors: connect 0, read 3\n",
                      WRK + "  Non-2xx or 3xx responses: 1\n"):
            with self.assertRaises(ValueError):
                net_bench.parse_wrk(wrong)

    def test_times(self):
        for text, expected in (("219.00us", 219), ("1.20ms", 1200), ("2.00s", 2e6), ("1.00m", 6e7)):
            self.assertEqual(net_bench.microseconds(text), expected)

    def test_ports(self):
        self.assertEqual(net_bench.port_of("[bench-net] listening on port 7101\n"), 7101)
        self.assertIsNone(net_bench.port_of("[Compiler] Patching tau\n"))

    def test_strace(self):
        self.assertEqual(asio_bench.parse_strace(STRACE), 1000)
        with self.assertRaises(ValueError):
            asio_bench.parse_strace("strace: cannot attach\n")

    def test_answers(self):
        text = '[asio-bench] message 1 answered: {"bench":"a","ns":2.5,"operations":4}\n'
        self.assertEqual(asio_bench.parse_answer(text), {"ns": 2.5, "operations": 4})
        with self.assertRaises(ValueError):
            asio_bench.parse_answer("nothing")


class Figures(unittest.TestCase):
    def test_each_round_runs_every_way_and_every_second_one_in_reverse(self):
        order = []
        ways = [Way(name, lambda name=name: order.append(name) or {"ns": len(order)}) for name in "ab"]
        take_turns(ways, 3)
        self.assertEqual("".join(order), "abbaab")
        self.assertEqual(ways[1].values("ns"), [2, 3, 6])
        take_turns(ways, 1, warm_up=True)
        self.assertEqual(len(ways[0].figures), 4)

    def test_ratios_are_formed_within_a_round(self):
        fast, slow = contest().ways
        self.assertEqual(ratios(slow, fast, "ns"), Spread(3, 2, 3))

    def test_tables(self):
        rows = contest().rows()
        self.assertEqual(markdown(rows).splitlines()[0], "|  | ns | of fast | system calls |")
        self.assertEqual(markdown(rows).splitlines()[3], "| slow <b> | 36 (20 to 60) | 3.00 (2.00 to 3.00) | - |")
        self.assertIn("  slow <b>  36 (20 to 60)", plain(rows))

    def test_a_plot_names_everyone_and_is_well_formed(self):
        from xml.etree import ElementTree
        text = svg([contest(), contest()], "less & less")
        words = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
        self.assertEqual(words.count("slow <b>"), 2)
        self.assertIn("less & less", words)

    def test_what_stands_between_marks_is_replaced_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "page.md"
            file.write_text("a\n<!-- net -->\nold\n<!-- /net -->\nb\n", encoding="utf-8")
            write_between(file, "net", r"new \1")
            self.assertEqual(file.read_text(encoding="utf-8"), "a\n<!-- net -->\nnew \\1\n<!-- /net -->\nb\n")
            with self.assertRaises(ValueError):
                write_between(file, "asio", "new")


if __name__ == "__main__":
    unittest.main()
