# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/machine_arithmetic_test.cpp fettle_machine)
fettle_test(unit/machine_filter_test.cpp fettle_machine)
fettle_test(unit/machine_test.cpp fettle_machine)

# The same bits everywhere: built and run once for each processor.
add_executable(machine_digest support/machine_digest.cpp)
target_link_libraries(machine_digest PRIVATE fettle_machine)
add_test(NAME machine_digest
  COMMAND machine_digest ${CMAKE_CURRENT_SOURCE_DIR}/golden/machine_digest.txt)
