"""The comparison's arithmetic, table and plot, on figures that are made up."""

import json
import unittest
import xml.etree.ElementTree

import compare
import plot
from compare import Row


class Player:
    """Answers with the next of its figures."""

    def __init__(self, name: str, benches: list, values: list):
        self.name, self.benches, self.values = name, benches, list(values)

    def run(self, bench: str, scale: float) -> list:
        value = self.values.pop(0)
        return [{"bench": bench, "ns": 2 * value, "cpu_ns": value, "scale": scale}]


class Compare(unittest.TestCase):
    def rows(self, bench="yield", ours=(10.0, 30.0, 20.0), theirs=(100.0, 100.0, 400.0)):
        players = [Player("tau", [bench], ours), Player("tokio", [bench], theirs), Player("asio", [], [])]
        return compare.measure(bench, players, len(ours), 1.0)

    def test_ratios_are_taken_within_a_turn(self):
        (row,) = self.rows()
        self.assertEqual(row.values, {"tau": [10.0, 30.0, 20.0], "tokio": [100.0, 100.0, 400.0]})
        self.assertEqual(row.ratio("tokio"), (0.1, 0.05, 0.3))
        self.assertEqual(row.target(), ("0.35 of tokio", True))

    def test_time_on_the_wall_counts_where_threads_wait_for_each_other(self):
        self.assertEqual(self.rows("yield")[0].unit, "cpu_ns")
        (row,) = self.rows("cross_thread_rtt")
        self.assertEqual((row.unit, row.values["tau"][0]), ("ns", 20.0))

    def test_a_missed_target_is_told(self):
        (row,) = self.rows(ours=(90.0,), theirs=(100.0,))
        self.assertEqual(row.target(), ("0.35 of tokio", False))
        self.assertEqual(self.rows("mutex")[0].target(), (None, None))
        self.assertEqual(self.rows("cross_thread_rtt", ours=(10.0,), theirs=(9.0,))[0].target()[1], False)

    def test_a_ratio_of_its_own_is_compared_with_nobody(self):
        row = Row("idle_mass", "yield", "ratio")
        row.values = {"tau": [1.02], "tokio": [1.5]}
        self.assertFalse(row.comparable("tokio"))
        self.assertNotIn("**", compare.table([row], ["tau", "tokio"]))
        self.assertEqual(row.target(), ("1.1", True))

    def test_the_table_has_a_cell_for_each_program(self):
        (row,) = self.rows()
        line = compare.table([row], ["tau", "tokio", "asio"]).splitlines()[2]
        self.assertEqual(line, "| yield | ns | 20.0 (10.0 to 30.0) | 100.0 (100.0 to 400.0): **0.10** (0.05 to 0.30) |  "
                               "| 0.35 of tokio: met |")
        self.assertEqual(json.loads(row.to_json())["tokio"]["ratio"], 0.1)

    def test_the_plot_is_xml_with_a_mark_for_each_ratio(self):
        text = plot.svg([("yield", {"tokio": 0.2, "asio": 0.02}), ("alone", {}), ("slow", {"libuv": 7.0})])
        marks = xml.etree.ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}title")
        self.assertEqual([mark.text for mark in marks],
                         ["yield, tokio: 0.200", "yield, asio: 0.020", "slow, libuv: 7.000"])


if __name__ == "__main__":
    unittest.main()
