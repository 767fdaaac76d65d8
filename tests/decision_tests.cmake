# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/elementary_test.cpp fettle_learn)
fettle_test(unit/sequential_test.cpp fettle_learn)
fettle_test(unit/burn_in_test.cpp fettle_learn)
fettle_test(unit/calibration_test.cpp fettle_learn)
fettle_test(unit/alarm_rate_test.cpp fettle_learning)
target_compile_definitions(alarm_rate_test PRIVATE FETTLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
fettle_slow_test(property/run_length_test.cpp fettle_learn)
