# SPDX-License-Identifier: Apache-2.0
foreach(test board_link collector card_import backup serial_port)
  fettle_test(unit/${test}_test.cpp fettle_line)
  target_compile_definitions(${test}_test PRIVATE FETTLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endforeach()

# The commands, against the virtual board behind a pseudo terminal.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME line_commands
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/end_to_end/line_test.py
          --fettle $<TARGET_FILE:fettle>)
set_tests_properties(line_commands PROPERTIES TIMEOUT 600 LABELS slow)
