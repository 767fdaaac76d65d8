# SPDX-License-Identifier: Apache-2.0
# The program as people meet it: arguments, files, output and exit status.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME commands
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/end_to_end/commands_test.py
          --fettle $<TARGET_FILE:fettle>)
set_tests_properties(commands PROPERTIES TIMEOUT 900)

# What a window costs; without valgrind (a quick test on a machine that lacks it) it is not counted.
find_program(VALGRIND valgrind)
if(VALGRIND AND NOT FETTLE_SANITIZE AND NOT FETTLE_FUZZ)
  add_test(NAME instructions_a_window
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/footprint/instructions_test.py
            ${VALGRIND} $<TARGET_FILE:fettle> $<TARGET_FILE:fettle-bench>)
  set_tests_properties(instructions_a_window PROPERTIES TIMEOUT 600 LABELS slow)
endif()
