#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every source of the firmware against ESP-IDF's own headers, without Espressif's toolchain.

    python3 tools/check_firmware.py --idf IDF_PATH --target esp32s3 --work FOLDER --kconfgen PYTHON
    python3 tools/check_firmware.py --ours --work FOLDER [--compiler COMPILER]

With --idf: sdkconfig.h is made of ESP-IDF's and our own Kconfig files (by esp-idf-kconfig, in the Python
named), and a cross compiler of Debian's turns each source into assembly. Wrong names, fields, arguments
and pins are found; linking, and what only Espressif's compiler minds, is not.

With --ours: the same sources against declarations of our own, tests/firmware_headers, for a machine
without ESP-IDF. Those say what the firmware believes of ESP-IDF, not what is true of it.

Exit status 0: every file compiles without a warning.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = ROOT / "firmware/esp32s3"
# The setting that compiles the second engine in.
ENGINE = "CONFIG_FETTLE_ENGINE_TFLITE_MICRO=1"
PORTABLE = ("core", "drivers", "protocol", "board")
LICENCE = "SPDX-License-" + "Identifier: Apache-2.0"

WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Wold-style-cast",
            "-Wnon-virtual-dtor", "-Wdouble-promotion", "-Wno-missing-field-initializers", "-Werror")
LANGUAGE = ("-std=gnu++20", "-O2", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off")
XTENSA = "xtensa-lx106-elf-g++"
# Headers of the C library that ESP-IDF uses: picolibc since 6.0, newlib before. C++ headers of a Debian
# package for ARM, as this compiler comes without: they name what differs between processors by macros.
PICOLIBC = "/usr/lib/xtensa-lx106-elf/include"
NEWLIB = "/usr/include/newlib"
CXX_HEADERS = "/usr/include/newlib/c++"

# Where ESP-IDF keeps headers, by component; {t} is the chip. Versions differ: what is not there is left out.
FOLDERS = """
{c}/include {c}/{t}/include {c}/include/{t} {c}/interface {c}/port/{t}/include {c}/port/{t}/private_include
{c}/port/include {c}/etm/include {c}/dma/include {c}/platform_include {c}/{t} {c}/{t}/register {c}/platform_port/include {c}/port
{c}/include/soc {c}/include/soc/{t} {c}/deprecated_include {c}/deprecated
"""
ODD_FOLDERS = """
freertos/config/include freertos/config/include/freertos freertos/config/xtensa/include
freertos/FreeRTOS-Kernel/include freertos/FreeRTOS-Kernel/portable/xtensa/include
freertos/FreeRTOS-Kernel/portable/xtensa/include/freertos freertos/esp_additions/include
freertos/esp_additions/include/freertos fatfs/src fatfs/vfs fatfs/diskio
"""


def idf_version(idf):
    text = (idf / "tools/cmake/version.cmake").read_text(encoding="utf-8")
    return ".".join(re.search(rf"IDF_VERSION_{part} (\d+)", text).group(1)
                    for part in ("MAJOR", "MINOR", "PATCH"))


def include_folders(idf, target):
    components = idf / "components"
    folders = [components / folder for folder in ODD_FOLDERS.split()]
    # Other processors' and other worlds' headers would hide the right ones.
    skipped = {"riscv", "linux", "esp_tee", "bt", "lwip", "openthread", "mbedtls", "unity", "cmock"}
    for component in sorted(components.iterdir()):
        if component.name in skipped or not component.is_dir():
            continue
        for folder in FOLDERS.split():
            folders.append(idf / "components" / folder.format(c=component.name, t=target))
    return [folder for folder in folders if folder.is_dir()]


def make_sdkconfig(python, idf, target, work):
    """What menuconfig would write with our defaults."""
    work.mkdir(parents=True, exist_ok=True)
    version = idf_version(idf)

    def listing(name, files):
        path = work / name
        path.write_text("".join(f'source "{file}"\n' for file in files), encoding="utf-8")
        return path

    components = idf / "components"
    menus = listing("kconfigs.in", sorted(components.glob("*/Kconfig")))
    projects = listing("kconfigs_projbuild.in", [*sorted(components.glob("*/Kconfig.projbuild")),
                                                 PROJECT / "main/Kconfig.projbuild"])
    defaults = [PROJECT / "sdkconfig.defaults", PROJECT / f"sdkconfig.defaults.{target}"]
    settings = {
        "COMPONENT_KCONFIGS_SOURCE_FILE": menus, "COMPONENT_KCONFIGS_PROJBUILD_SOURCE_FILE": projects,
        "COMPONENT_KCONFIGS_EXCLUDED_SOURCE_FILE": os.devnull,
        "COMPONENT_KCONFIGS_PROJBUILD_EXCLUDED_SOURCE_FILE": os.devnull, "IDF_TARGET": target,
        "IDF_TOOLCHAIN": "gcc", "IDF_VERSION": version, "IDF_INIT_VERSION": version, "IDF_ENV_FPGA": "",
        "IDF_MINIMAL_BUILD": "n", "IDF_CI_BUILD": "", "IDF_PATH": idf}
    header = work / "sdkconfig.h"
    (work / "sdkconfig").unlink(missing_ok=True)
    command = [python, "-m", "kconfgen", "--kconfig", idf / "Kconfig", "--output", "header", header,
               "--output", "config", work / "sdkconfig"]
    for file in defaults:
        command += ["--defaults", file]
    for name, value in settings.items():
        command += ["--env", f"{name}={value}"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False,
                          env={**os.environ, "IDF_PATH": str(idf)})
    said = done.stdout + done.stderr
    if done.returncode != 0:
        sys.exit(f"sdkconfig.h cannot be made:\n{said}")
    # A default of ours that ESP-IDF does not know, or does not take, would be lost in silence.
    made = (work / "sdkconfig").read_text(encoding="utf-8")
    for file in defaults:
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.startswith("CONFIG_"):
                continue
            name, value = line.split("=", 1)
            found = re.search(rf"^{name}=(.*)$", made, re.MULTILINE)
            if found is None or found.group(1) != value:
                sys.exit(f"{file.relative_to(ROOT)}: {line}: ESP-IDF {version} for {target} has "
                         f"{found.group(1) if found else 'no such setting'}")
    return header


def generated_headers(work):
    """FlatBuffers' headers and the code of our schemas, in a folder of their own."""
    folder = work / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for base in ("/usr/include", "/usr/local/include", "/opt/homebrew/include"):
        if (pathlib.Path(base) / "flatbuffers").is_dir():
            (folder / "flatbuffers").symlink_to(pathlib.Path(base) / "flatbuffers")
            break
    schemas = [str(ROOT / "core/model" / name) for name in ("tflite.fbs", "detector.fbs")]
    subprocess.run(["flatc", "--cpp", "--scoped-enums", "--gen-object-api", "-o", str(folder), *schemas],
                   check=True)
    return folder


def portable_sources():
    return sorted(file for area in PORTABLE for file in (ROOT / area).rglob("*.cpp"))


def firmware_sources(engine):
    files = sorted((PROJECT / "main").rglob("*.cpp"))
    return [file for file in files if engine or not file.name.startswith("tflite_micro")]


def default_jobs():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_all(compiler, flags, sources, jobs, root=ROOT):
    """How many files failed; what the compiler said is printed."""
    def one(source):
        done = subprocess.run([compiler, *flags, "-S", "-o", os.devnull, str(source)],
                              capture_output=True, text=True, check=False)
        return source, done.returncode != 0 or done.stderr != "", done.stderr

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for source, wrong, said in pool.map(one, sources):
            if wrong:
                failed += 1
                print(f"{source.relative_to(root)}:\n{said}", file=sys.stderr)
    return failed


def cxx_headers():
    versions = sorted(pathlib.Path(CXX_HEADERS).glob("*/vector"))
    if not versions:
        sys.exit(f"no C++ headers in {CXX_HEADERS}: apt install libstdc++-arm-none-eabi-dev")
    folder = versions[-1].parent
    return [folder, folder / "arm-none-eabi", folder / "backward"]


def compiler_headers():
    return [subprocess.run([XTENSA, f"-print-file-name={name}"], capture_output=True, text=True,
                           check=True).stdout.strip() for name in ("include", "include-fixed")]


def main():
    parser = argparse.ArgumentParser(description="Compiles the firmware without Espressif's toolchain.")
    parser.add_argument("--idf", type=pathlib.Path, help="ESP-IDF's sources")
    parser.add_argument("--ours", action="store_true", help="against tests/firmware_headers instead")
    parser.add_argument("--target", default="esp32s3")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--kconfgen", default=sys.executable, help="a Python that has esp-idf-kconfig")
    parser.add_argument("--tflm", type=pathlib.Path, help="sources of esp-tflite-micro: checks the second engine")
    parser.add_argument("--define", action="append", default=[], help="a setting besides, NAME=VALUE")
    parser.add_argument("--jobs", type=int, default=default_jobs())
    options = parser.parse_args()

    work = options.work / (options.target if options.idf else "ours")
    system = []
    if options.idf:
        idf = options.idf.resolve()
        make_sdkconfig(options.kconfgen, idf, options.target, work)
        system += [work, *include_folders(idf, options.target)]
        what = f"ESP-IDF {idf_version(idf)}, {options.target}"
    else:
        system += [ROOT / "tests/firmware_headers"]
        what = "our own port headers"
    second_engine = []
    if options.tflm:
        for name in ("", "third_party/gemmlowp", "third_party/flatbuffers/include", "third_party/ruy"):
            second_engine += ["-isystem", str(options.tflm / name)]
        second_engine.append(f"-D{ENGINE}")
        what += ", with TensorFlow Lite Micro"
    common = [*LANGUAGE, *WARNINGS, f"-I{ROOT}", f"-I{PROJECT / 'main'}",
              *(f"-D{define}" for define in options.define)]
    # picolibc of this Debian is older than that of ESP-IDF and does not bring ssize_t with <stdio.h>.
    flags = [*common, "-nostdinc", "-nostdinc++", "-include", "sys/types.h"]
    newlib = options.idf is not None and not (options.idf / "components/esp_libc").is_dir()
    system += [*cxx_headers(), NEWLIB if newlib else PICOLIBC, *compiler_headers()]
    for folder in system:
        flags += ["-isystem", str(folder)]
    flags += ["-DESP_PLATFORM", "-DIDF_VER=\"checked\"", "-D_GNU_SOURCE", "-D_POSIX_READER_WRITER_LOCKS"]

    firmware = firmware_sources(options.tflm is not None or ENGINE in options.define)
    # Without ESP-IDF there is nothing to learn of the portable code that its own cross builds do not tell.
    failed = compile_all(XTENSA, [*flags, *second_engine], firmware, options.jobs)
    sources = list(firmware)
    if options.idf:
        # As in components/fettle: these alone see FlatBuffers, under a name of their own.
        portable = portable_sources()
        sources += portable
        failed += compile_all(XTENSA, [*flags, "-Dflatbuffers=fettle_flatbuffers", "-isystem",
                                       str(generated_headers(work))], portable, options.jobs)
    print(f"{what}: {len(sources)} files ({len(firmware)} of the firmware), "
          + (f"{failed} FAILED" if failed else "no warning"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
