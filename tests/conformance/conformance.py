# SPDX-License-Identifier: Apache-2.0
"""Compares Fettle with independent implementations: TFLite Micro, LiteRT, TensorFlow, NumPy, Keras.

    python tests/conformance/conformance.py --fettle build/release/bin/fettle --work build/conformance

One line for each check, at the end `N passed, N failed`; the exit code is 0 only when all have passed.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from checks import exports, features, int8, training
from reference.fettle import Fettle
from reference.report import Report

PARTS = {"exports": exports.run, "int8": int8.run, "features": features.run, "training": training.run}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fettle", type=Path, default=Path("build/release/bin/fettle"))
    parser.add_argument("--work", type=Path, default=Path("build/conformance"), help="emptied first")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="repeat for several")
    arguments = parser.parse_args()
    if not arguments.fettle.is_file():
        print(f"no program at {arguments.fettle}: run './dev build' first", file=sys.stderr)
        return 2
    shutil.rmtree(arguments.work, ignore_errors=True)

    report = Report()
    packages = ("numpy", "tensorflow-cpu", "keras", "ai-edge-litert", "tflite-micro")
    print(f"Conformance, seed {arguments.seed}, Python {platform.python_version()}")
    for package in packages:
        print(f"     {package} {version(package)}")
    fettle = Fettle(arguments.fettle, arguments.work)
    for name, part in PARTS.items():
        if not arguments.only or name in arguments.only:
            report.attempt(name, lambda part=part: part(fettle, report, arguments.seed))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
