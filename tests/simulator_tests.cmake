# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/machine_arithmetic_test.cpp fettle_machine)
fettle_test(unit/machine_filter_test.cpp fettle_machine)
fettle_test(unit/machine_test.cpp fettle_machine)

# The machine's bits, committed; cmake/Checks.cmake builds the program for each processor.
add_test(NAME machine_digest
  COMMAND machine_digest ${CMAKE_CURRENT_SOURCE_DIR}/support/machine_digest.txt)
fettle_test(unit/machine_schedule_test.cpp fettle_scheduled_source)
