#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the portable code for microcontrollers and runs it in QEMU.

    python3 emulated.py run        the journey from recorded samples to the alarm: the same bits everywhere
    python3 emulated.py size       code, RAM, instructions and stack, against their budgets

The journey is what build/release/tests/record_journey records; both need that program. Compilers and
emulators are Debian's: ./dev says which. Everything that is made lies in build/emulated.
"""

import argparse
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "emulated"
HOST = ROOT / "build" / "release" / "tests"
RIG = "tests/emulated"

# Those of cmake/FettleTargets.cmake and of firmware: small, no exceptions, no type information.
FLAGS = ("-std=c++20 -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-exceptions -fno-rtti "
         "-DNDEBUG -Wall -Wextra -Werror -Wpedantic -Wshadow -Wconversion -Wsign-conversion "
         "-Wdouble-promotion -Wold-style-cast -Wnon-virtual-dtor "
         # GCC 12 sees an overread in FlatBuffers' comparison of identifiers; psabi is about mixing compilers.
         "-Wno-stringop-overread -Wno-psabi").split()
BARE = "-Os -ffunction-sections -fdata-sections -fno-threadsafe-statics -fno-use-cxa-atexit".split()
CALL_GRAPH = ["-fcallgraph-info=su"]


class Machine:
    def __init__(self, name, about, prefix, flags=(), source=None, link=(), emulator=(), own_headers=True,
                 extra_sources=()):
        self.name, self.about, self.prefix = name, about, prefix
        self.flags, self.source, self.link, self.emulator = list(flags), source, list(link), list(emulator)
        self.own_headers = own_headers
        self.extra_sources = list(extra_sources)

    def compiler(self):
        return self.prefix + "g++"


ARM = ("-mthumb", "-mfloat-abi=hard")
ARM_RUN = ("-nographic", "-monitor", "none", "-serial", "stdio", "-semihosting-config",
           "enable=on,target=native", "-kernel")
M4 = Machine("cortex-m4", "Cortex-M4F (mps2-an386)", "arm-none-eabi-",
             (*ARM, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"), "cortex_m", ("-lc",),
             ("qemu-system-arm", "-M", "mps2-an386", *ARM_RUN))
# There is no libgcc for rv32imc; that for rv32im runs there too.
RV32IMC = Machine("rv32imc", "RV32IMC (virt)", "riscv64-unknown-elf-", ("-march=rv32imc_zicsr", "-mabi=ilp32"), "riscv",
                  (),
                  ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-nographic", "-monitor", "none", "-serial",
                   "stdio", "-kernel"), own_headers=False)
XTENSA = Machine("xtensa", "Xtensa (sim, lx106)", "xtensa-lx106-elf-", ("-mtext-section-literals",), "xtensa", ("-lc",),
                 ("qemu-system-xtensa", "-M", "sim", "-cpu", "lx106", "-m", "16M", "-semihosting", "-nographic",
                  "-monitor", "none", "-serial", "stdio", "-kernel"), own_headers=False,
                 extra_sources=[f"{RIG}/machines/soft_float.cpp"])
MACHINES = (
    M4,
    Machine("cortex-m7", "Cortex-M7 (mps2-an500)", "arm-none-eabi-",
            (*ARM, "-mcpu=cortex-m7", "-mfpu=fpv5-d16"), "cortex_m", ("-lc",),
            ("qemu-system-arm", "-M", "mps2-an500", *ARM_RUN)),
    RV32IMC,
    XTENSA,
)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def product_sources():
    """All that runs on a device."""
    return sorted(file.relative_to(ROOT).as_posix() for folder in ("core", "drivers", "protocol", "board")
                  for file in (ROOT / folder).rglob("*.cpp"))


def standard_headers():
    """libstdc++'s headers, which for lack of their own serve every bare machine: those of the Arm compiler."""
    command = ["arm-none-eabi-g++", "-mthumb", "-mcpu=cortex-m4", "-mfloat-abi=soft", "-E", "-v", "-x", "c++", os.devnull]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    folders = re.search(r"<\.\.\.> search starts here:\n(.*?)End of search", done.stderr, re.S).group(1).split()
    return [os.path.normpath(folder) for folder in folders if "/c++/" in folder]


def system_flags(machine):
    """Where a bare machine's compiler finds the standard headers."""
    if machine.own_headers:
        return []
    flags = [f"-isystem{folder}" for folder in standard_headers()]
    if machine.name == "rv32imc":
        flags.append("-isystem/usr/lib/picolibc/riscv64-unknown-elf/include")
    return flags


def include_flags(machine):
    alone = WORK / "headers_only"
    alone.mkdir(parents=True, exist_ok=True)
    link = alone / "flatbuffers"
    if not link.exists():
        for base in ("/usr/include", "/usr/local/include"):
            if (pathlib.Path(base) / "flatbuffers").is_dir():
                link.symlink_to(pathlib.Path(base) / "flatbuffers")
    return [f"-I{ROOT}", f"-isystem{WORK}/generated", f"-isystem{alone}", f"-I{WORK}/journey",
            *system_flags(machine)]


def link_flags(machine):
    flags = ["-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings",
             "-Wl,--no-warn-rwx-segments", f"-L{ROOT}/{RIG}/machines",
             f"-T{ROOT}/{RIG}/machines/{machine.source}.ld", *machine.link]
    if machine.name == "rv32imc":
        compiler = machine.compiler()
        flags += ["-Wl,--no-relax", "-L/usr/lib/picolibc/riscv64-unknown-elf/lib/rv32im/ilp32", "-lc",
                  output(compiler, "-march=rv32im", "-mabi=ilp32", "-print-libgcc-file-name").strip()]
    elif machine.name == "xtensa":
        flags += ["-Wl,--no-relax", "-lgcc"]
    else:
        flags.append("-lgcc")
    return flags


class Ninja:
    """Writes build.ninja: compiles what has changed, as many at once as there are processors."""

    def __init__(self):
        self.lines = []

    def rule(self, name, command, **more):
        self.lines += [f"rule {name}", f"  command = {command}"] + [f"  {k} = {v}" for k, v in more.items()]

    def build(self, out, rule, *inputs, needs=(), after=(), **more):
        implicit = f" | {' '.join(map(str, needs))}" if needs else ""
        order = f" || {' '.join(map(str, after))}" if after else ""
        self.lines.append(f"build {out}: {rule} {' '.join(map(str, inputs))}{implicit}{order}")
        self.lines += [f"  {k} = {v}" for k, v in more.items()]

    def run(self, *targets):
        file = WORK / "build.ninja"
        text = "\n".join(self.lines) + "\n"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        done = subprocess.run(["ninja", "-k", "0", "-C", str(WORK), *map(str, targets)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout[-8000:] + done.stderr[-2000:])


def describe(ninja, machine, programs):
    """Rules for one machine. @return {program: path}"""
    # ccache gives back the object and forgets the call graph (4.7 does): where that is read, the compiler runs.
    launcher = "ccache " if machine is not M4 and shutil.which("ccache") else ""
    flags = [*machine.flags, *FLAGS, *BARE, *(CALL_GRAPH if machine is M4 else []), *include_flags(machine)]
    name = machine.name.replace("-", "_")
    ninja.rule(f"cxx_{name}", f"{launcher}{machine.compiler()} {' '.join(flags)} -MMD -MF $out.d -c $in -o $out",
               depfile="$out.d", deps="gcc", description=f"{machine.name} $in")
    ninja.rule(f"as_{name}", f"{machine.compiler()} {' '.join(machine.flags)} -I{WORK}/journey -c $in -o $out")
    ninja.rule(f"link_{name}", f"{machine.compiler()} {' '.join(machine.flags)} $in {' '.join(link_flags(machine))} "
                               "-Wl,-Map=$out.map -o $out")
    folder = WORK / machine.name
    headers = [WORK / "generated" / "tflite_generated.h", WORK / "generated" / "detector_generated.h"]

    def compiled(source, rig):
        out = folder / (("rig/" if rig else "") + source.replace("/", "_") + (".rig.o" if rig else ".o"))
        ninja.build(out, f"cxx_{name}", ROOT / source, after=headers)
        return out

    product = [compiled(source, False) for source in product_sources()]
    rig = [compiled(f"{RIG}/machines/{source}.cpp", True) for source in (machine.source, "embedded")]
    # A chip with these in its ROM does not pay for them.
    rig += [compiled(source, True) for source in machine.extra_sources]
    data = folder / "data.o"
    ninja.build(data, f"as_{name}", ROOT / RIG / "machines/data.S", needs=sorted((WORK / "journey").iterdir()))
    made = {}
    for program in programs:
        main = compiled(f"{RIG}/{program}.cpp", program != "sample_to_decision")
        scripts = sorted((ROOT / RIG / "machines").glob("*.ld"))
        made[program] = folder / f"{program}.elf"
        ninja.build(made[program], f"link_{name}", main, *rig, data, *product, needs=scripts)
    return made


def prepare(machines, programs):
    WORK.mkdir(parents=True, exist_ok=True)
    journey = WORK / "journey"
    journey.mkdir(exist_ok=True)
    fresh = WORK / "journey.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    subprocess.run([HOST / "record_journey", fresh], check=True, stdout=subprocess.DEVNULL)
    for file in fresh.iterdir():
        old = journey / file.name
        if not old.exists() or old.read_bytes() != file.read_bytes():
            shutil.copy(file, old)
    ninja = Ninja()
    schemas = [ROOT / "core/model/tflite.fbs", ROOT / "core/model/detector.fbs"]
    ninja.rule("flatc", f"flatc --cpp --scoped-enums --gen-object-api -o {WORK}/generated $in")
    generated = WORK / "generated"
    ninja.build(f"{generated}/tflite_generated.h {generated}/detector_generated.h", "flatc", *schemas)
    made = {machine.name: describe(ninja, machine, programs) for machine in machines}
    ninja.run(*(path for paths in made.values() for path in paths.values()))
    return made


def run(*command, **more):
    """What a program prints, and what went wrong."""
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, **more)
    except subprocess.TimeoutExpired:
        return "", "it did not end within 300 s"
    problem = "" if done.returncode == 0 else f"it ended with status {done.returncode}\n{done.stderr}"
    return done.stdout.replace("\r", ""), problem


def run_journey():
    made = prepare(MACHINES, ["journey"])
    wanted, problem = run(HOST / "journey", cwd=WORK / "journey")
    print(f"here: {wanted.count('window ')} windows, {wanted.count('ALARM')} alarms")
    if problem or wanted.count("ALARM") < 2:
        print(f"the journey fails here already: {problem}\n{wanted[-2000:]}")
        return 1
    good = True
    for machine in MACHINES:
        text, problem = run(*machine.emulator, made[machine.name]["journey"])
        if text == wanted and not problem:
            print(f"{machine.about}: the same bits")
            continue
        good = False
        print(f"{machine.about}: DIFFERENT {problem}")
        different = difflib.unified_diff(wanted.splitlines(), text.splitlines(), "here", machine.name, n=1,
                                         lineterm="")
        print("\n".join(list(different)[:40]))
    return 0 if good else 1


# What is promised, with the figures that it is measured against.
HEAP = ("malloc", "calloc", "realloc", "free", "_malloc_r", "_free_r", "_sbrk", "sbrk", "_Znwj", "_Znaj", "_ZdlPv",
        "_ZdlPvj", "_ZdaPv", "_ZdaPvj")
# Entry points of the portable part, by the tasks that call them (as the assembler names them), and the stack
# that they may need. Ports' own functions and interrupts come on top: a task gets this and STACK_MARGIN.
STACKS = (("sampling", r"^_ZN6fettle(7mpu60506Driver4step|5board11SampleQueue3run)E", 1024),
          ("detecting", r"^_ZN6fettle5board5Board8on_blockE", 11776),
          ("console", r"^_ZN6fettle5board5Board9read_lineE", 8192),
          ("recording", r"^_ZN6fettle5board(8Recorder(3add|5event|4step)|7CardLog(4open|5write|4step)|11RecordQueue3run)E",
           2048),
          ("all in one thread", r"^_ZN6fettle5board5Board(4step|5begin)E", 12288))
STACK_MARGIN = 2048
# Functions that call themselves, and how often: std::sort goes 2 log2(n) deep, of at most 2048 numbers in 8 KB.
RECURSIVE = ((r"__introsort_loop", 22),)


class Table:
    def __init__(self):
        self.good = True

    def row(self, what, found, budget, unit, beside=""):
        met = found <= budget
        self.good = self.good and met
        number = f"{found:,.1f}" if isinstance(found, float) else f"{found:,}"
        print(f"{what:44} {number:>9} of {budget:>7,} {unit:12} {'' if met else 'TOO MUCH  '}{beside}".rstrip())


def sections(program):
    """Bytes of the sections that a linked program brings along."""
    found = {}
    for line in output("arm-none-eabi-size", "-A", str(program)).splitlines():
        columns = line.split()
        if len(columns) == 3 and columns[1].isdigit():
            found[columns[0]] = int(columns[1])
    return found


def code_and_ram(program):
    size = sections(program)
    code = sum(size.get(name, 0) for name in (".text", ".rodata", ".ARM.exidx", ".init_array", ".data"))
    return code, size.get(".data", 0) + size.get(".bss", 0)


class CallGraph:
    """GCC's own record of who calls whom with how much stack (-fcallgraph-info=su)."""

    def __init__(self, folder):
        self.stack, self.names, self.calls = {}, {}, {}
        # Half a graph would read as a smaller stack.
        missing = [file.name for file in sorted(folder.glob("*.o"))
                   if file.name != "data.o" and not file.with_suffix(".ci").exists()]
        if missing:
            sys.exit(f"{folder}: no call graph beside {', '.join(missing)}: delete the folder and run again")
        for file in sorted(folder.glob("*.ci")):
            text = file.read_text()
            for title, label in re.findall(r'node: \{ title: "([^"]*)" label: "([^"]*)"', text):
                used = re.search(r"(\d+) bytes \((static|dynamic|dynamic,bounded)\)", label)
                if used:
                    if used.group(2) == "dynamic":
                        sys.exit(f"{title}: a stack frame without a bound")
                    self.stack[title] = max(self.stack.get(title, 0), int(used.group(1)))
                    self.names[title] = label.split("\\n")[0]
            for caller, called in re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text):
                self.calls.setdefault(caller, set()).add(called)
        self.known = {}

    def deepest(self, title, path=()):
        """Bytes, and the chain that needs them."""
        if title in path:
            sys.exit(f"{title} calls itself by way of {' -> '.join(path)}: its stack has no bound")
        if title not in self.known:
            times = next((n for pattern, n in RECURSIVE if re.search(pattern, title)), 1)
            called = self.calls.get(title, set()) - ({title} if times > 1 else set())
            below = max((self.deepest(t, (*path, title)) for t in sorted(called)), default=(0, ()))
            own = self.stack.get(title, 0) * times
            self.known[title] = (own + below[0], (title, *below[1]))
        return self.known[title]

    def entries(self, pattern):
        return [title for title in self.stack if re.search(pattern, title)]


def measure():
    made = prepare([M4], ["engine", "sample_to_decision", "bench", "journey"])[M4.name]
    for program in ("engine", "sample_to_decision"):
        text, problem = run(*M4.emulator, made[program])
        if problem:
            print(f"{program} does not run: {problem}\n{text}")
            return 1
    text, problem = run(M4.emulator[0], "-icount", "shift=6", *M4.emulator[1:], made["bench"])
    counts = {name: float(value) for name, value in (line.split() for line in text.splitlines())}
    if problem or counts.get("hundred") != 100.0:
        print(f"instructions cannot be counted: {problem}\n{text}")
        return 1
    table = Table()
    print("Cortex-M4F, -Os; instructions counted by QEMU. In brackets TensorFlow Lite Micro, or a plain loop.\n")
    code, ram = code_and_ram(made["engine"])
    table.row("int8 engine 18-12-8-12-18: code", code, 1536, "bytes", "(14.1 KB + 5.5 KB of libc)")
    table.row("  RAM beside the model", ram, 128, "bytes", "(1,236 + 256)")
    table.row("  one inference", counts["inference"], 4300, "instructions", "(8,501; plain 5,014)")
    table.row("18 features: a sample of six axes", counts["sample"], 110, "instructions", "(plain 162)")
    print(f"{'  finishing a window of them':44} {counts['window']:>9,.1f}")
    code, ram = code_and_ram(made["sample_to_decision"])
    table.row("sample to decision, tutorial features: code", code, 16384, "bytes")
    graph = CallGraph(WORK / M4.name)
    table.row("  RAM, without stack", ram, 8192, "bytes")
    for what, pattern, budget in STACKS:
        entries = graph.entries(pattern)
        if not entries:
            print(f"{what}: no function matches {pattern}")
            table.good = False
            continue
        deepest, chain = max(graph.deepest(entry) for entry in entries)
        table.row(f"stack, {what}", deepest, budget, "bytes", f"+ {STACK_MARGIN:,} for ports and interrupts")
        frames = [f"{short(graph.names.get(t, t))} {graph.stack.get(t, 0):,}" for t in chain]
        print(f"    {' > '.join(frames[:8])}{' ...' if len(frames) > 8 else ''}")
    board = code_and_ram(made["journey"])[0]
    print(f"{'the whole board with its ports in memory: code':44} {board:>9,}")
    for program, path in made.items():
        if program == "bench":
            continue
        names = {line.split()[-1] for line in output("arm-none-eabi-nm", str(path)).splitlines()}
        found = sorted(names.intersection(HEAP))
        print(f"heap in {program}: {', '.join(found) or 'none'}")
        table.good = table.good and not found
    return 0 if table.good else 1


def short(name):
    name = re.sub(r"<.*>", "", re.sub(r"\(.*", "", name))
    return name.split()[-1].replace("fettle::", "") if name else name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "size"))
    what = parser.parse_args().what
    if what == "run":
        sys.exit(run_journey())
    sys.exit(measure())


if __name__ == "__main__":
    main()
