# SPDX-License-Identifier: Apache-2.0
foreach(test board_link collector card_import backup serial_port)
  fettle_test(unit/${test}_test.cpp fettle_line)
  target_compile_definitions(${test}_test PRIVATE FETTLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endforeach()
