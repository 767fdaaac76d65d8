#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an arrow of the include graph points the wrong way.

The table below is the architecture: each area of the tree and the areas that it may include. An area
always may include itself. Folders of core/ or simulator/ that the table does not name are refused,
so a new stage is placed in the journey on purpose and not by accident.

    python3 tools/check_includes.py [--root DIR] [--stamp FILE]

Python's standard library only. Exit status 0: every arrow is allowed; 1: not, and each line of the
output names file, line, what was found and what is allowed there.
"""

import argparse
import pathlib
import posixpath
import re
import sys

# The journey: sensor -> window -> features -> model -> score -> decision -> alert.
# "core" stands for the files directly in core/ (status.hpp, math.hpp), which know nobody.
STAGES = ("core/sensor", "core/window", "core/features", "core/model", "core/score",
          "core/decision", "core/alert", "core/learn")
ALL_CORE = ("core", *STAGES, "core/pipeline")

ALLOWED = {
    "core": (),
    "core/sensor": ("core",),
    "core/window": ("core", "core/sensor"),
    "core/features": ("core", "core/sensor", "core/window"),
    # A model file says which features and windows it was made for.
    "core/model": ("core", "core/sensor", "core/window", "core/features"),
    "core/score": ("core", "core/model", "core/features"),
    # What a window says of its own conditions, and what a model file says of decisions.
    "core/decision": ("core", "core/features", "core/model", "core/score"),
    "core/alert": ("core", "core/decision"),
    # Learning finds the settings of a decision, and tries them by running it; burn-in hands better
    # ones to the journey.
    "core/learn": ("core", "core/sensor", "core/features", "core/model", "core/score",
                   "core/decision", "core/pipeline"),
    "core/pipeline": ("core", *STAGES),
    "protocol": ("core", "core/sensor"),
    "drivers": ("core", "core/sensor"),
    "board": (*ALL_CORE, "drivers", "protocol"),
    "firmware": (*ALL_CORE, "drivers", "protocol", "board"),
    # The firmware in a program of this computer, with the simulated chip behind its bus.
    "firmware/linux_check": (*ALL_CORE, "drivers", "protocol", "board", "firmware",
                             "simulator/mpu6050_chip"),
    # Filters, random numbers and arithmetic with the same bits everywhere: know nobody.
    "simulator/signal": (),
    "simulator/machine": ("core", "core/sensor", "simulator/signal"),
    # Fifty machines and their lives, on which detectors are judged; knows none of them.
    "simulator/fleet": ("core", "core/sensor", "simulator/signal", "simulator/machine"),
    # Its own reading of the datasheet: two independent readings catch each other's mistakes.
    "simulator/mpu6050_chip": ("core", "core/sensor", "simulator/signal"),
    "simulator": (*ALL_CORE, "drivers", "protocol", "board", "simulator/signal",
                  "simulator/machine", "simulator/fleet", "simulator/mpu6050_chip"),
    "host": (*ALL_CORE, "protocol"),
    "cli": (*ALL_CORE, "protocol", "board", "host", "simulator", "simulator/machine",
            "simulator/fleet", "simulator/mpu6050_chip"),
    # Tests, fuzz targets and benchmarks may look at everything but the commands, which are
    # tested through the program.
    "tests": (*ALL_CORE, "protocol", "drivers", "board", "firmware", "simulator", "simulator/signal",
              "simulator/machine", "simulator/fleet", "simulator/mpu6050_chip", "host"),
    "benchmarks": (*ALL_CORE, "protocol", "drivers", "board", "simulator", "simulator/signal",
                   "simulator/machine", "simulator/fleet", "simulator/mpu6050_chip", "host"),
}

TOP_FOLDERS = tuple(sorted({area.split("/")[0] for area in ALLOWED}))
# In these, a folder must be named in ALLOWED.
NAMED_FOLDERS_ONLY = ("core",)
# These run on a microcontroller: no heap, no exceptions, no I/O, no clock, no libm.
PORTABLE = ("core", "drivers", "protocol", "board")

# What portable code may have from the standard library. A list of the harmless, not of the harmful,
# so that whatever is forgotten is refused.
PORTABLE_HEADERS = frozenset((
    "algorithm", "arm_acle.h", "array", "atomic", "bit", "cassert", "cfloat", "charconv", "climits", "compare",
    "concepts", "cstddef", "cstdint", "cstring", "initializer_list", "iterator", "limits",
    "numbers", "numeric", "optional", "ranges", "span", "string_view", "tuple", "type_traits",
    "utility", "variant", "version"))

# Other people's headers that an area may include: FlatBuffers and what its compiler generates, where
# model files are read and written.
FLATBUFFERS = re.compile(r"flatbuffers/.*|\w+_generated\.h")
THIRD_PARTY = {"core/model": FLATBUFFERS, "core/learn": FLATBUFFERS}

# Words that portable code may not say, and why.
FORBIDDEN_WORDS = (
    (re.compile(r"\b(throw|try|catch)\b"), "no exceptions here: return a Status or Result<T>"),
    (re.compile(r"(?<!operator )(?<!operator)\bnew\b(?!\s*\()"), "no heap here: the caller hands memory in"),
    (re.compile(r"\b(malloc|calloc|realloc|aligned_alloc)\s*\("),
     "no heap here: the caller hands memory in"),
    (re.compile(r"\b(dynamic_cast|typeid)\b"), "no run-time type information here"),
)

SUFFIXES = (".hpp", ".h", ".cpp", ".cc", ".c", ".inc", ".ipp")
TOKENS = re.compile(
    r'(?P<raw>\bR"(?P<mark>[^()\s\\"]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')"
    r"|(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:|\?\?=)[ \t]*(?:include|include_next|import)\b[ \t]*(?P<what>.*)$",
                       re.MULTILINE)
TARGET = re.compile(r'^(?:"(?P<quoted>[^"]+)"|<(?P<angled>[^>]+)>)')


def same_lines(text):
    return "\n" * text.count("\n")


def without_comments(source):
    """The source with comments and raw strings blanked; line numbers stay."""
    def blank(match):
        if match.group("raw"):
            return '""' + same_lines(match.group())
        if match.group("comment"):
            return " " + same_lines(match.group())
        return match.group()
    return TOKENS.sub(blank, source).replace("\\\n", " \n")


def without_strings(source):
    """Only what the compiler takes for code, of a source without comments; line numbers stay."""
    code = DIRECTIVE.sub("", source)
    return TOKENS.sub(lambda match: '""' + same_lines(match.group()), code)


def area_of(path):
    """The area of a path inside the project, or None for a folder that the table does not know."""
    parts = path.split("/")
    if parts[0] not in TOP_FOLDERS:
        return None
    if path in ("core/pipeline.hpp", "core/pipeline.cpp"):
        return "core/pipeline"
    if len(parts) > 2:
        two = "/".join(parts[:2])
        if two in ALLOWED:
            return two
        if parts[0] in NAMED_FOLDERS_ONLY:
            return None
    return parts[0]


def project_path(root, including, target, quoted):
    """Where an include leads inside the project, or None when it leads out of it."""
    if quoted:
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(including), target))
        if (root / beside).is_file():
            return beside
    normal = posixpath.normpath(target)
    if normal.split("/")[0] in TOP_FOLDERS and "/" in normal:
        return normal  # there or generated: the folder alone decides
    return None


def check_file(root, path, edges):
    problems = []
    area = area_of(path)
    source = without_comments((root / path).read_text(encoding="utf-8", errors="replace"))

    def problem(offset, text):
        problems.append(f"{path}:{source.count(chr(10), 0, offset) + 1}: {text}")

    if area is None:
        problem(0, "tools/check_includes.py does not know this folder; add it to ALLOWED with what "
                   "it may include")
        return problems

    portable = area.split("/")[0] in PORTABLE
    for directive in DIRECTIVE.finditer(source):
        match = TARGET.match(directive.group("what"))
        if match is None:
            problem(directive.start(), f"cannot tell what is included here: {directive.group().strip()}")
            continue
        quoted = match.group("quoted") is not None
        target = match.group("quoted") if quoted else match.group("angled")
        inside = project_path(root, path, target, quoted)
        if inside is not None:
            edges.setdefault(path, []).append(inside)
            other = area_of(inside)
            if other is None:
                problem(directive.start(), f"includes {target}, in a folder that "
                                           f"tools/check_includes.py does not know")
            elif other != area and other not in ALLOWED[area]:
                may = ", ".join(ALLOWED[area]) or "nothing of the project"
                problem(directive.start(),
                        f"{area} may not include {other} ({target}); it may include: {may}")
        elif portable:
            if target in PORTABLE_HEADERS:
                continue
            if area in THIRD_PARTY and THIRD_PARTY[area].fullmatch(target):
                continue
            problem(directive.start(),
                    f"{area} may not include <{target}>: it runs on a microcontroller, without heap, "
                    f"exceptions, I/O, clock and libm")

    if portable:
        code = without_strings(source)
        for words, why in FORBIDDEN_WORDS:
            for match in words.finditer(code):
                line = code.count("\n", 0, match.start()) + 1
                problems.append(f"{path}:{line}: '{match.group().strip()}': {why}")
    return problems


def find_cycle(edges):
    """A list of files that include each other in a ring, or None."""
    done = set()
    for start in sorted(edges):
        stack, trail = [(start, iter(edges.get(start, ())))], [start]
        while stack:
            file, following = stack[-1]
            for other in following:
                if other in trail:
                    return trail[trail.index(other):] + [other]
                if other not in done and other in edges:
                    stack.append((other, iter(edges[other])))
                    trail.append(other)
                    break
            else:
                done.add(file)
                stack.pop()
                trail.pop()
    return None


def check(root):
    """Every violation under root, one string each."""
    root = pathlib.Path(root)
    problems, edges = [], {}
    for folder in TOP_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                problems += check_file(root, file.relative_to(root).as_posix(), edges)
    cycle = find_cycle(edges)
    if cycle:
        problems.append(f"{cycle[0]}:1: files include each other in a ring: {' -> '.join(cycle)}")
    return problems


def main():
    parser = argparse.ArgumentParser(description="Checks the direction of every #include.")
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--stamp", type=pathlib.Path, help="file to touch when all is well")
    options = parser.parse_args()
    problems = check(options.root)
    for line in problems:
        print(line)
    if problems:
        print(f"check_includes: {len(problems)} arrow(s) point the wrong way; the allowed ones are in "
              f"tools/check_includes.py", file=sys.stderr)
        return 1
    if options.stamp:
        options.stamp.parent.mkdir(parents=True, exist_ok=True)
        options.stamp.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
