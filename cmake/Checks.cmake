# SPDX-License-Identifier: Apache-2.0
# Checks of the house itself: the direction of the includes, headers that stand alone, and programs
# whose output must not depend on the processor. Included last, when every library is known.

# The include graph is part of every build: nothing is compiled while an arrow points the wrong way.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
set(fettle_checked_files)
foreach(folder core drivers protocol board firmware simulator host cli tests benchmarks)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.hpp
       ${PROJECT_SOURCE_DIR}/${folder}/*.h ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  list(APPEND fettle_checked_files ${files})
endforeach()
set(stamp ${PROJECT_BINARY_DIR}/check_includes.stamp)
add_custom_command(
  OUTPUT ${stamp}
  COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tools/check_includes.py --stamp ${stamp}
  DEPENDS ${PROJECT_SOURCE_DIR}/tools/check_includes.py ${fettle_checked_files}
  COMMENT "Checking the direction of every include"
  VERBATIM)
add_custom_target(check_includes ALL DEPENDS ${stamp})
add_dependencies(fettle_flags check_includes)  # an interface library: whoever links it waits

get_property(fettle_libraries GLOBAL PROPERTY FETTLE_LIBRARIES)
get_property(fettle_portable_libraries GLOBAL PROPERTY FETTLE_PORTABLE_LIBRARIES)

# Instrumented code at -O3, which the libraries ask for, takes minutes to compile: the last -O counts.
if(FETTLE_SANITIZE OR FETTLE_FUZZ)
  foreach(library ${fettle_libraries})
    get_target_property(kind ${library} TYPE)
    if(NOT kind STREQUAL "INTERFACE_LIBRARY")
      target_compile_options(${library} PRIVATE -O1)
    endif()
  endforeach()
endif()

# Every tests/support/NAME_digest.cpp prints digests of results that must be the same bits on every
# processor; `./dev test` builds them here and for AArch64 and compares what they print.
if(FETTLE_TESTS OR FETTLE_CORE_ONLY)
  file(GLOB digests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*_digest.cpp)
  foreach(source ${digests})
    get_filename_component(name ${source} NAME_WE)
    if(NOT TARGET ${name})  # a test may have made it already
      add_executable(${name} ${source})
      target_link_libraries(${name} PRIVATE fettle_flags ${fettle_portable_libraries})
    endif()
    set_target_properties(${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/digests)
  endforeach()
endif()

if(FETTLE_TESTS)
  add_test(NAME check_includes_catches_wrong_arrows
    COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/unit/check_includes_test.py)
endif()

# Every header compiles alone, and twice. Those of the core also without exceptions and RTTI.
if(FETTLE_TESTS AND NOT FETTLE_SANITIZE)
  function(fettle_check_headers target libraries)
    set(sources)
    foreach(folder ${ARGN})
      file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
           ${PROJECT_SOURCE_DIR}/${folder}/*.hpp)
      foreach(header ${headers})
        set(source ${PROJECT_BINARY_DIR}/header_check/${header}.cpp)
        set(content "#include \"${header}\"\n#include \"${header}\"\n")
        set(before "")
        if(EXISTS ${source})
          file(READ ${source} before)
        endif()
        if(NOT before STREQUAL content)
          file(WRITE ${source} ${content})
        endif()
        list(APPEND sources ${source})
      endforeach()
    endforeach()
    if(sources)
      add_library(${target} OBJECT ${sources})
      target_link_libraries(${target} PRIVATE fettle_flags ${libraries})
      target_compile_options(${target} PRIVATE -O0)
    endif()
  endfunction()
  fettle_check_headers(header_check_portable "${fettle_portable_libraries}"
                       core drivers protocol board)
  if(TARGET header_check_portable)
    target_compile_options(header_check_portable PRIVATE -fno-exceptions -fno-rtti)
  endif()
  fettle_check_headers(header_check_edge "${fettle_libraries}" simulator host cli)
endif()
