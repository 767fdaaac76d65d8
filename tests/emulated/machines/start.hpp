// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tests/emulated/console.hpp"

// What every bare machine does between reset and program(). The emulator loads the program where it runs,
// so nothing is copied.

extern "C" {
extern std::uint32_t bss_begin[], bss_end[];
using Constructor = void (*)();
extern const Constructor init_begin[], init_end[];
// Compilers call these for objects that live as long as the program, which here is for ever.
inline void* __dso_handle = nullptr;
}

namespace fettle::test {

[[noreturn]] void end(int status);

[[noreturn]] inline void start() {
  for (std::uint32_t* p = bss_begin; p != bss_end; ++p) *p = 0;
  for (const Constructor* c = init_begin; c != init_end; ++c) (*c)();
  end(program());
}

}  // namespace fettle::test
