# SPDX-License-Identifier: Apache-2.0
# The firmware's adapters over a stand-in for ESP-IDF. They are compiled here as they are for the chip.
set(firmware ${PROJECT_SOURCE_DIR}/firmware/esp32s3/main)
file(GLOB adapters CONFIGURE_DEPENDS ${firmware}/adapters/*.cpp)
list(FILTER adapters EXCLUDE REGEX tflite_micro)
fettle_test(unit/firmware_adapters_test.cpp fettle_board)
target_sources(firmware_adapters_test PRIVATE ${adapters} support/fake_idf.cpp)
target_include_directories(firmware_adapters_test PRIVATE ${firmware})
target_include_directories(firmware_adapters_test SYSTEM PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/firmware_headers)
