#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The include check must catch every arrow that points the wrong way, or it protects nothing."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_includes.py"
sys.path.insert(0, str(TOOL.parent))
sys.dont_write_bytecode = True
import check_includes  # noqa: E402


def problems(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = pathlib.Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return check_includes.check(folder)


class RightArrows(unittest.TestCase):
    def test_the_journey_downstream(self):
        self.assertEqual(problems({
            "core/status.hpp": "#include <cstdint>\n",
            "core/sensor/sample.hpp": '#include "core/status.hpp"\n',
            "core/window/cutter.hpp": '#include "core/sensor/sample.hpp"\n#include <array>\n',
            "core/features/tutorial.hpp": '#include "core/window/cutter.hpp"\n',
            "core/model/engine.cpp": '#include <flatbuffers/flatbuffers.h>\n#include <cstring>\n'
                                     '#include "tflite_generated.h"\n',
            "core/score/score.hpp": '#include "core/features/tutorial.hpp"\n',
            "core/decision/decision.hpp": '#include "core/score/score.hpp"\n',
            "core/alert/alert.hpp": '#include "core/decision/decision.hpp"\n',
            "core/learn/trainer.hpp": '#include "core/features/tutorial.hpp"\n',
            "core/pipeline.hpp": '#include "core/alert/alert.hpp"\n',
            "simulator/machine/fan.cpp": '#include "core/sensor/sample.hpp"\n#include <cmath>\n',
            "host/dataset.cpp": '#include "core/learn/trainer.hpp"\n#include <vector>\n',
            "cli/train.cpp": '#include "host/dataset.hpp"\n#include "simulator/machine/fan.hpp"\n',
            "tests/unit/x_test.cpp": '#include "host/dataset.hpp"\n',
        }), [])

    def test_words_in_comments_and_strings_are_not_code(self):
        self.assertEqual(problems({
            "core/sensor/a.hpp": '// #include <vector>, try a new one\n'
                                 '/*\n#include "cli/x.hpp"\nthrow */\n'
                                 'constexpr const char* s = "try // new \\" throw";\n'
                                 "constexpr int n = 1'000; constexpr char c = '\\''; // new try\n"
                                 'constexpr const char* r = R"x(\n#include <map>\nthrow)x";\n'
                                 'struct A { A(const A&) = delete; int renewed, trying; };\n',
        }), [])

    def test_a_file_beside(self):
        self.assertEqual(problems({
            "core/model/a.hpp": '#include "b.hpp"\n',
            "core/model/b.hpp": "\n",
        }), [])


class WrongArrows(unittest.TestCase):
    def assert_one(self, files, *parts):
        found = problems(files)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def test_every_pair_that_the_table_does_not_name(self):
        # Each area includes each other area: exactly the pairs of the table may pass.
        def file_in(area):
            return "core/pipeline.hpp" if area == "core/pipeline" else f"{area}/file.hpp"
        for area, allowed in check_includes.ALLOWED.items():
            for other in check_includes.ALLOWED:
                if other == area:
                    continue
                found = problems({file_in(area): f'#include "{file_in(other)}"\n'})
                self.assertEqual(bool(found), other not in allowed, f"{area} -> {other}: {found}")

    def test_the_promises_of_the_architecture(self):
        # Spelled out once more, so that a wrong table is caught as well.
        for where, what in (
                ("core/sensor", "core/window"), ("core/window", "core/features"),
                ("core/features", "core/model"), ("core/features", "core/learn"),
                ("core/model", "core/score"), ("core/score", "core/decision"),
                ("core/decision", "core/alert"), ("core/score", "core/learn"),
                ("core/sensor", "host"), ("core/learn", "host"), ("core/learn", "simulator"),
                ("core/model", "cli"), ("drivers/mpu6050", "board"), ("drivers/mpu6050", "host"),
                ("protocol", "board"), ("protocol", "host"), ("board", "host"),
                ("board", "simulator"), ("host", "simulator"), ("host", "cli"), ("host", "board"),
                ("simulator/machine", "host"), ("simulator/mpu6050_chip", "drivers/mpu6050"),
                ("simulator/mpu6050_chip", "simulator/machine"),
                ("simulator/signal", "core/sensor"), ("simulator", "host"), ("simulator", "cli"), ("tests/unit", "cli"),
                ("benchmarks", "cli"), ("cli", "tests/support")):
            with self.subTest(where=where, what=what):
                self.assert_one({f"{where}/file.hpp": f'\n#include "{what}/other.hpp"\n'},
                                f"{where}/file.hpp:2:", "may not include", what)

    def test_core_has_no_heap_io_clock_or_libm(self):
        for header in ("iostream", "vector", "string", "map", "unordered_map", "memory", "new",
                       "fstream", "chrono", "thread", "mutex", "cmath", "math.h", "cstdio",
                       "stdio.h", "stdlib.h", "cstdlib", "functional", "stdexcept", "exception",
                       "filesystem", "random", "fmt/format.h", "CLI/CLI.hpp",
                       "nlohmann/json.hpp", "immintrin.h"):
            with self.subTest(header=header):
                self.assert_one({"core/sensor/a.hpp": f"#include <{header}>\n"},
                                "core/sensor/a.hpp:1:", header)

    def test_flatbuffers_only_where_models_are_read_or_written(self):
        self.assert_one({"core/score/a.hpp": "#include <flatbuffers/flatbuffers.h>\n"}, "flatbuffers")
        self.assert_one({"core/score/a.hpp": '#include "tflite_generated.h"\n'}, "tflite_generated.h")

    def test_forbidden_words(self):
        for code in ("throw 1;", "try { f(); } catch (...) {}", "auto* p = new int;",
                     "auto* p = std::malloc(3);", "auto& x = dynamic_cast<A&>(b);"):
            with self.subTest(code=code):
                found = problems({"core/learn/a.cpp": f"void g() {{ {code} }}\n"})
                self.assertTrue(found)
                self.assertIn("core/learn/a.cpp:1:", found[0])

    def test_unusual_spellings(self):
        for line in ('#  include   "cli/x.hpp"', '  #include <cli/x.hpp>', '#include_next "cli/x.hpp"',
                     '#include "core/../cli/x.hpp"', '#include "../../cli/x.hpp"',
                     '/* a */ #include "cli/x.hpp"', '#include\\\n "cli/x.hpp"'):
            with self.subTest(line=line):
                self.assertTrue(problems({"core/sensor/a.hpp": line + "\n", "cli/x.hpp": ""}))

    def test_a_macro_for_a_name(self):
        self.assert_one({"host/a.cpp": "#include NAME\n"}, "cannot tell")

    def test_an_unknown_stage(self):
        found = problems({"core/magic/a.hpp": "", "host/b.cpp": '#include "core/magic/a.hpp"\n'})
        self.assertEqual(len(found), 2, found)

    def test_a_ring(self):
        self.assert_one({
            "core/model/a.hpp": '#include "core/model/b.hpp"\n',
            "core/model/b.hpp": '#include "c.hpp"\n',
            "core/model/c.hpp": '#include "core/model/a.hpp"\n',
        }, "ring")


class Program(unittest.TestCase):
    def run_in(self, text):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "core").mkdir()
            (root / "core" / "a.hpp").write_text(text)
            stamp = root / "build" / "stamp"
            done = subprocess.run([sys.executable, str(TOOL), "--root", folder, "--stamp", str(stamp)],
                                  capture_output=True, text=True, check=False)
            return done.returncode, stamp.exists(), done.stdout

    def test_exit_status_and_stamp(self):
        self.assertEqual(self.run_in("#include <cstdint>\n"), (0, True, ""))
        status, stamp, output = self.run_in("#include <vector>\n")
        self.assertEqual((status, stamp), (1, False))
        self.assertIn("core/a.hpp:1:", output)


if __name__ == "__main__":
    unittest.main()
