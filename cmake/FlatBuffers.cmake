# SPDX-License-Identifier: Apache-2.0
# The FlatBuffers headers as target `fettle_flatbuffers`.
#
# The library is headers only and the same for every processor, but a cross compiler does not look
# in the system's include folder, and must not: the C library's headers there are another
# processor's. It is given a folder with nothing in it but a link to these headers.
find_path(FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)
add_library(fettle_flatbuffers INTERFACE)
if(CMAKE_CROSSCOMPILING)
  set(alone ${PROJECT_BINARY_DIR}/headers_only)
  file(MAKE_DIRECTORY ${alone})
  file(CREATE_LINK ${FLATBUFFERS_INCLUDE_DIR}/flatbuffers ${alone}/flatbuffers SYMBOLIC)
  target_include_directories(fettle_flatbuffers SYSTEM INTERFACE ${alone})
else()
  target_include_directories(fettle_flatbuffers SYSTEM INTERFACE ${FLATBUFFERS_INCLUDE_DIR})
endif()
