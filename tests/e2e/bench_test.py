"""`tau bench`: each bench that is listed does its work and says what it cost, on a thousandth of the work or so."""

import json
import re
import shutil

from support import DIST, SOURCE, TauTest, main


class Bench(TauTest):
    def bench(self, *arguments):
        return self.tau("bench", *arguments)

    def figures(self, *arguments):
        done = self.bench(*arguments, "--json")
        self.assertEqual(done.code, 0, done.text)
        return [json.loads(line) for line in done.text.splitlines()]

    def listed(self):
        done = self.bench("--list")
        self.assertEqual(done.code, 0, done.text)
        return [line.split()[0] for line in done.text.splitlines() if "--port" not in line]  # servers measure nothing

    def test_each_bench_that_is_listed_gives_its_figures(self):
        names = self.listed()
        self.assertIn("spawn_join", names)
        for name in names:
            for figure in self.figures(name, "--scale", "0.001"):
                with self.subTest(name):
                    self.assertEqual(figure["bench"], name)
                    self.assertEqual(figure["scale"], 0.001)
                    self.assertNotIn("runs", figure)
                    numbers = [value for key, value in figure.items() if key not in ("bench", "case", "scale")]
                    self.assertTrue(numbers and numbers[0] > 0, figure)
        self.assertEqual([entry.name for entry in self.home.glob("buildcache/*/cold*")], [])

    def test_what_the_plugin_measures_is_listed(self):
        source = (SOURCE / "plugins" / "bench-plugin" / "bench_plugin.cpp").read_text(encoding="utf-8")
        known = re.findall(r'^ +\{"(\w+)", bench::', source, re.MULTILINE)
        self.assertTrue(known)
        self.assertLessEqual(set(known), set(self.listed()))

    def test_repeats_give_a_median_and_its_spread(self):
        (figure,) = self.figures("yield", "--scale", "0.001", "--repeat", "3")
        self.assertEqual(figure["runs"], 3)
        self.assertLessEqual(figure["ns_min"], figure["ns"])
        self.assertLessEqual(figure["ns"], figure["ns_max"])

    def test_people_get_a_table(self):
        self.assert_ended(self.bench("yield", "mutex", "--scale", "0.01", "--repeat", "2"), 0,
                          r"Scaled: 0\.01 of the work was done; .*", r"bench +unit +median +least +greatest",
                          r"yield +ns( +[\d.]+){3}", r" +cpu_ns( +[\d.]+){3}", r"mutex \(free\) +ns( +[\d.]+){3}",
                          r"mutex \(contended\) +ns( +[\d.]+){3}")

    def test_an_unknown_name_is_told_with_those_that_there_are(self):
        self.assert_ended(self.bench("yield", "yeild"), 2,
                          r"\[tau\] there is no bench 'yeild'; there are spawn_join, yield, .*freshness_check.*",
                          never=(r"yield +ns",))

    def test_a_bench_that_fails_fails_the_command_and_not_the_others(self):
        tree = self.folder / "other"
        shutil.copytree(DIST, tree, symlinks=True)
        shutil.copytree(SOURCE / "plugins" / "c-plugin", tree / "share" / "bench" / "c-plugin")
        (tree / "share" / "bench" / "bench.list").write_text(
            "gone = no-such-plugin: its sources are missing\n"
            "foreign = c-plugin: answers something else\n"
            "unknown = host c-plugin: is not measured by the host\n", encoding="utf-8")
        self.assert_ended(self.tau("bench", "--json", dist=tree), 1,
                          r"\[Compiler\] .*no-such-plugin.*", r"\[tau\] bench 'gone' failed",
                          r"\[tau\] bench 'foreign' failed", r"\[tau\] the host does not measure 'unknown'",
                          r"\[tau\] bench 'unknown' failed")
        (tree / "share" / "bench" / "bench.list").unlink()
        self.assert_ended(self.tau("bench", dist=tree), 1, r"\[tau\] cannot read .*/bench\.list, .*")


if __name__ == "__main__":
    main()
