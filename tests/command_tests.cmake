# SPDX-License-Identifier: Apache-2.0
# The program as people meet it: arguments, files, output and exit status.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME commands
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/end_to_end/commands_test.py
          --fettle $<TARGET_FILE:fettle>)
set_tests_properties(commands PROPERTIES TIMEOUT 300)
