# SPDX-License-Identifier: Apache-2.0
# One place for the flags that the project's promises rest on.

# The same bits everywhere: GCC contracts a*b+c into fma by default, which changes the last bit from
# one processor to the next. Neither -ffast-math nor any of its value-changing parts is ever used;
# the two flags below only drop errno and trap bookkeeping, never a result.
add_library(fettle_flags INTERFACE)
target_compile_options(fettle_flags INTERFACE
  -ffp-contract=off -fno-math-errno -fno-trapping-math
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion
  -Wold-style-cast -Wnon-virtual-dtor)
target_include_directories(fettle_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(FETTLE_SANITIZE OR FETTLE_FUZZ)
  target_compile_options(fettle_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    -fno-sanitize=vptr)  # it looks at run-time type information, and the core has none
  target_link_options(fettle_flags INTERFACE -fsanitize=address,undefined)
endif()
if(FETTLE_FUZZ)
  target_compile_options(fettle_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# fettle_library(NAME SOURCES... [DEPENDS TARGETS...]): one target for each stage or library, linked
# only to what it may know. A library without a .cpp file is header-only.
function(fettle_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC fettle_flags ${ARG_DEPENDS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE fettle_flags ${ARG_DEPENDS})
  endif()
  set_property(GLOBAL APPEND PROPERTY FETTLE_LIBRARIES ${name})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^(core|drivers|protocol|board|simulator/signal|simulator/machine|simulator/fleet|simulator/mpu6050_chip|simulator/virtual_board)(/|$)")
    set_property(GLOBAL APPEND PROPERTY FETTLE_PORTABLE_LIBRARIES ${name})
  endif()
endfunction()

# Core code must build for a microcontroller: no exceptions, no run-time type information.
function(fettle_core_library name)
  fettle_library(${name} ${ARGN})
  get_target_property(kind ${name} TYPE)
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    target_compile_options(${name} PRIVATE -fno-exceptions -fno-rtti -O3)
  endif()
endfunction()
