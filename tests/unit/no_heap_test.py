#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an object file of the portable libraries refers to the heap, to exceptions or to I/O.

    python3 no_heap_test.py NM [--except=MEMBER] LIBRARY...

--except: an object file that refers to the heap without using it, or is not meant for a device.
"""

import re
import subprocess
import sys

FORBIDDEN = re.compile(
    r"^(_Znw|_Zna|_Zdl|_Zda|malloc|calloc|realloc|free|aligned_alloc|posix_memalign|__cxa_throw|"
    r"__cxa_allocate_exception|_ZSt\d+__throw|printf|fprintf|puts|abort|fopen|write|read|sqrtf?|"
    r"powf?|expf?|logf?|sinf?|cosf?|strtod|clock_gettime|gettimeofday)")


def main():
    nm = sys.argv[1]
    exceptions = {a.split("=", 1)[1] for a in sys.argv[2:] if a.startswith("--except=")}
    libraries = [a for a in sys.argv[2:] if not a.startswith("--except=")]
    problems, files = [], 0
    for library in libraries:
        listing = subprocess.run([nm, "--undefined-only", library], check=True,
                                 capture_output=True, text=True).stdout
        member = ""
        for line in listing.splitlines():
            if line.endswith(":"):
                member = line[:-1]
                files += 1
            elif member not in exceptions and line.split() and FORBIDDEN.match(line.split()[-1]):
                problems.append(f"{library}: {member} refers to {line.split()[-1]}")
    for problem in problems:
        print(problem)
    if files < len(libraries):
        print("no object files were found in some library: nothing was checked")
        return 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
