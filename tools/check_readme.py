#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command that a document shows must exist: sub-command and options of `fettle`, `./dev`.

    python3 tools/check_readme.py --fettle build/release/bin/fettle [FILE.md...]

Reads the fenced blocks of README.md, CONTRIBUTING.md and docs/*.md, takes the lines that begin with
`fettle` or `./dev` (with or without `$ `), and asks the program's own --help.
"""

import argparse
import functools
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"^(?:\$ )?(?:build/release/bin/)?(?P<command>(?:fettle|\./dev)\b.*)$")
ENDS = ("|", "||", "&&", ";", ">", ">>", "<", "2>", "&")


def commands_in(text):
    """(line number, words) of each command in the fenced blocks of a document."""
    fenced, joined, first = False, "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced, joined = not fenced, ""
            continue
        if not fenced:
            continue
        joined, first = (joined + line, first) if joined else (line, number)
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        match = LINE.match(joined.strip())
        joined = ""
        if match is None:
            continue
        try:
            words = shlex.split(match.group("command"), comments=True)
        except ValueError:
            yield first, None
            continue
        # One shell line can hold several commands.
        command = []
        for word in words + [";"]:
            if word in ENDS:
                if command and command[0] in ("fettle", "./dev"):
                    yield first, command
                command = []
            else:
                command.append(word)


@functools.lru_cache(maxsize=None)
def help_of(program, subcommand):
    done = subprocess.run([program, subcommand, "--help"], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def problem_with(words, fettle):
    if words is None:
        return "cannot be read as a shell line"
    if words[0] == "./dev":
        listed = re.findall(r"^#: (\S+)", (ROOT / "dev").read_text(), re.MULTILINE)
        if len(words) > 1 and words[1] not in listed:
            return f"./dev has no command '{words[1]}'"
        return None
    if len(words) < 2 or words[1].startswith("-") or not re.fullmatch(r"[a-z][a-z-]*", words[1]):
        return None  # `fettle --version`, or a placeholder
    text = help_of(fettle, words[1])
    if text is None:
        return f"fettle has no command '{words[1]}'"
    for word in words[2:]:
        option = re.match(r"\[?(--?[a-z][a-z-]*)", word)
        if option and not re.search(r"(?<![\w-])" + re.escape(option.group(1)) + r"(?![\w-])", text):
            return f"'fettle {words[1]}' has no option {option.group(1)}"
    return None


def main():
    parser = argparse.ArgumentParser(description="Every command shown in a document exists.")
    parser.add_argument("--fettle", required=True)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    files = options.files or [ROOT / "README.md", ROOT / "CONTRIBUTING.md",
                              *sorted((ROOT / "docs").glob("*.md"))]
    program = str(pathlib.Path(options.fettle).resolve())
    seen = problems = 0
    for file in files:
        if not file.is_file():
            problems += 1
            print(f"{file.name}: there is no such file")
            continue
        for number, words in commands_in(file.read_text(encoding="utf-8")):
            seen += 1
            why = problem_with(words, program)
            if why:
                problems += 1
                print(f"{file.name}:{number}: {why}")
    print(f"{seen} commands in {len(files)} documents, {problems} wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
