# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/statistics_test.cpp fettle_learning)
fettle_test(end_to_end/learning_test.cpp fettle_learning fettle_machine)
target_compile_definitions(learning_test PRIVATE FETTLE_TEST_COMPILER="${CMAKE_CXX_COMPILER}")
fettle_test(end_to_end/real_machines_test.cpp fettle_learning)
target_compile_definitions(real_machines_test PRIVATE FETTLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
fettle_slow_test(end_to_end/rebase_test.cpp fettle_learning fettle_machine fettle_fleet)
target_compile_definitions(rebase_test PRIVATE FETTLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
