# SPDX-License-Identifier: Apache-2.0
fettle_test(unit/board_test.cpp fettle_virtual_board fettle_machine fettle_learn)
fettle_slow_test(unit/learning_board_test.cpp fettle_virtual_board fettle_machine fettle_learn)
fettle_slow_test(fault/board_fault_test.cpp fettle_virtual_board fettle_machine fettle_learn)
fettle_test(unit/useless_readings_test.cpp fettle_virtual_board fettle_learning fettle_machine)
fettle_test(fault/event_log_test.cpp fettle_virtual_board)
fettle_test(unit/porting_example_test.cpp fettle_board)
fettle_test(unit/sample_queue_test.cpp fettle_virtual_board fettle_machine fettle_learn)
fettle_test(unit/record_queue_test.cpp fettle_virtual_board fettle_machine fettle_learn)
fettle_test(issues/settings_in_a_row_test.cpp fettle_virtual_board fettle_machine fettle_learn)
fettle_test(unit/recorded_fifo_test.cpp fettle_virtual_board fettle_machine fettle_learn)

# What runs on the chip asks nobody for memory. (Less optimised code keeps checks that never fail.)
# The writer of models names FlatBuffers' allocator and gives it memory of its own.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
if(NOT FETTLE_SANITIZE AND NOT FETTLE_FUZZ)
  add_test(NAME portable_libraries_have_no_heap
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/no_heap_test.py
            ${CMAKE_NM} --except=model_writer.cpp.o $<TARGET_FILE:fettle_board> $<TARGET_FILE:fettle_mpu6050>
            $<TARGET_FILE:fettle_protocol> $<TARGET_FILE:fettle_features>
            $<TARGET_FILE:fettle_learn>)
endif()

# The journey that ./dev test repeats on emulated microcontrollers (tools/emulated.py): its recorder, and
# the same program on this computer.
add_executable(record_journey emulated/record_journey.cpp)
target_link_libraries(record_journey PRIVATE fettle_flags fettle_learning fettle_virtual_board fettle_machine)
add_executable(journey emulated/journey.cpp emulated/machines/host.cpp)
target_link_libraries(journey PRIVATE fettle_flags fettle_board)
set_target_properties(record_journey journey PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
fettle_test(unit/soft_float_test.cpp)
