#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what others build upon, from this tree: an ESP-IDF component and an Arduino / PlatformIO library.

    python3 tools/package.py [--out build/package] [--check]

Both carry the generated code of the two schemas and the FlatBuffers headers that it was generated for, so
that nobody needs FlatBuffers. --check compiles them, and the examples over declarations of Arduino's in
tests/arduino_headers, by Debian's Xtensa compiler.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import check_firmware  # noqa: E402
import emulated  # noqa: E402

ROOT = check_firmware.ROOT
SENTENCE = "Learns how a machine vibrates and tells when it changes (MPU6050)."


def version():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(fettle VERSION ([0-9.]+)", text).group(1)


def copy_sources(areas, to):
    for area in areas:
        for file in sorted((ROOT / area).rglob("*")):
            if file.suffix in (".cpp", ".hpp"):
                target = to / file.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)


def copy_generated(to):
    """Code of the schemas, and the headers that belong to it."""
    with tempfile.TemporaryDirectory() as folder:
        made = check_firmware.generated_headers(pathlib.Path(folder))
        for header in made.glob("*_generated.h"):
            shutil.copyfile(header, to / header.name)
        shutil.copytree(made / "flatbuffers", to / "flatbuffers", symlinks=False)
    # A program may have another version of FlatBuffers besides (TensorFlow Lite Micro brings one): two
    # namespaces, two sets of code. Headers' names are not touched by a macro.
    for header in [*to.glob("*_generated.h"), *(to / "flatbuffers").rglob("*.h")]:
        text = header.read_text(encoding="utf-8")
        text = re.sub(r"(?<!/)\bflatbuffers\b(?![/.])", "fettle_flatbuffers", text)
        header.write_text(text, encoding="utf-8")


def rename_flatbuffers(folder):
    for source in folder.rglob("*.cpp"):
        text = source.read_text(encoding="utf-8")
        changed = re.sub(r"\bflatbuffers::", "fettle_flatbuffers::", text)
        if changed != text:
            source.write_text(changed, encoding="utf-8")


def make_component(out):
    folder = out / "components/fettle"
    copy_sources(check_firmware.PORTABLE, folder)
    copy_generated(folder)
    rename_flatbuffers(folder)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    (folder / "CMakeLists.txt").write_text(f"""# {check_firmware.LICENCE}
file(GLOB_RECURSE sources ${{CMAKE_CURRENT_LIST_DIR}}/core/*.cpp ${{CMAKE_CURRENT_LIST_DIR}}/drivers/*.cpp
     ${{CMAKE_CURRENT_LIST_DIR}}/protocol/*.cpp ${{CMAKE_CURRENT_LIST_DIR}}/board/*.cpp)
idf_component_register(SRCS ${{sources}} INCLUDE_DIRS ".")
target_compile_features(${{COMPONENT_LIB}} PUBLIC cxx_std_20)
# The same bits as on a PC.
target_compile_options(${{COMPONENT_LIB}} PRIVATE -ffp-contract=off -fno-math-errno -fno-trapping-math -O2)
""", encoding="utf-8")
    (folder / "idf_component.yml").write_text(f"""# {check_firmware.LICENCE}
version: "{version()}"
description: {SENTENCE}
license: Apache-2.0
dependencies:
  idf: ">=5.3"
""", encoding="utf-8")
    (folder / "README.md").write_text(f"""# Fettle {version()}
{SENTENCE} The portable parts of Fettle: `core` (from a sample to an alarm), `drivers` (MPU6050), `protocol`,
`board` (what a device does, over ports). Copy this folder into your project's `components/`. Begin with
`core/pipeline.hpp` or `board/board.hpp`; PORTING.md in Fettle's repository has the contract of each port. FlatBuffers'
headers are in `flatbuffers/`, under the namespace `fettle_flatbuffers`. Apache-2.0, as FlatBuffers.
""", encoding="utf-8")
    return folder


def make_library(out):
    folder = out / "Fettle"
    source = folder / "src"
    copy_sources(("core", "drivers", "protocol"), source)
    copy_generated(source)
    rename_flatbuffers(source)
    shutil.copyfile(ROOT / "firmware/arduino/Fettle.h", source / "Fettle.h")
    shutil.copytree(ROOT / "firmware/arduino/examples", folder / "examples")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    (folder / "README.md").write_text(f"""# Fettle {version()} for Arduino and PlatformIO
{SENTENCE} Copy this folder into Arduino's `libraries/`, or into a PlatformIO project's `lib/`, and open an example:
`Collect` prints six axes, `Detect` judges with a model that `fettle train` made on a computer. The sensor is on pins 8 and 9,
the pins of an ESP32-S3: the first ESP32 has 21 and 22. There is no card, no console and no burn-in: those are the board's
(`firmware/esp32s3` of Fettle's repository). Apache-2.0, as FlatBuffers, whose headers are in `src/`.
""", encoding="utf-8")
    (folder / "library.properties").write_text(f"""name=Fettle
version={version()}
author=Fettle
maintainer=Fettle
sentence={SENTENCE}
paragraph=The driver of the sensor and the journey from a sample to an alarm. Models are made with the program fettle.
category=Signal Input/Output
url=
architectures=esp32
includes=Fettle.h
""", encoding="utf-8")
    (folder / "library.json").write_text(f"""{{
  "name": "Fettle",
  "version": "{version()}",
  "description": "{SENTENCE}",
  "keywords": "vibration, anomaly detection, MPU6050",
  "license": "Apache-2.0",
  "frameworks": "arduino",
  "platforms": "espressif32",
  "headers": "Fettle.h",
  "build": {{"flags": ["-std=gnu++2a", "-ffp-contract=off"], "unflags": ["-std=gnu++11", "-std=gnu++17"]}}
}}
""", encoding="utf-8")
    return folder


def check(component, library, jobs):
    """How many files a compiler refuses. The same sources run in QEMU, so but for Espressif's first chips it is enough to
    see that nothing is missing here."""
    flags = ["-std=gnu++20", "-O2", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off", "-Wall", "-Wextra",
             "-Werror", "-Wno-psabi"]
    failed = 0
    parts = (("component", component, component, sorted(component.rglob("*.cpp")), []),
             ("library", library, library / "src", sorted((library / "src").rglob("*.cpp")), []),
             ("examples", library, library / "src", sorted((library / "examples").rglob("*.ino")),
              ["-x", "c++", "-include", "Arduino.h", "-DESP32", "-isystem",
               str(ROOT / "tests/arduino_headers")]))
    with tempfile.TemporaryDirectory() as work:
        # What `fettle export --c-array` writes; here only its declaration matters.
        (pathlib.Path(work) / "model_data.h").write_text(
            "alignas(16) static const unsigned char anomaly_detector_int8_tflite[16] = {};\n")
        for name, root, include, sources, besides in parts:
            for machine in (emulated.M4, emulated.RV32IMC, emulated.XTENSA):
                how = [] if machine is emulated.XTENSA else ["-fsyntax-only"]
                wrong = check_firmware.compile_all(
                    machine.compiler(),
                    [*machine.flags, *flags, *how, f"-I{include}", f"-I{work}", *emulated.system_flags(machine),
                     *besides], sources, jobs, root)
                print(f"{name}, {machine.name}: {len(sources)} files, "
                      + (f"{wrong} FAILED" if wrong else "no warning"))
                failed += wrong
    return failed


def main():
    parser = argparse.ArgumentParser(description="Makes the ESP-IDF component and the Arduino library.")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/package")
    parser.add_argument("--check", action="store_true", help="compile them")
    parser.add_argument("--jobs", type=int, default=check_firmware.default_jobs())
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    component = make_component(options.out)
    library = make_library(options.out)
    print(f"ESP-IDF component {component}\nArduino and PlatformIO library {library}")
    return 1 if options.check and check(component, library, options.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
