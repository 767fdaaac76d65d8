# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/machine_arithmetic_test.cpp fettle_machine)
fettle_test(unit/machine_filter_test.cpp fettle_machine)
fettle_test(unit/machine_test.cpp fettle_machine)

# The digest here; cmake/Checks.cmake builds the program, and `./dev test` runs it for AArch64 too.
add_test(NAME machine_digest
  COMMAND machine_digest ${CMAKE_CURRENT_SOURCE_DIR}/golden/machine_digest.txt)
