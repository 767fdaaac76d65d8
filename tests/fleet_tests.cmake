# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/velocity_meter_test.cpp fettle_fleet)
fettle_slow_test(unit/fleet_test.cpp fettle_fleet)

# The fleet's bits, committed: detectors are judged on what was there before them.
add_test(NAME fleet_digest
  COMMAND fleet_digest ${CMAKE_CURRENT_SOURCE_DIR}/support/fleet_digest.txt)
