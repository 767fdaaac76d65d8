// SPDX-License-Identifier: Apache-2.0
// QEMU's "sim" machine with the core of an ESP8266 (lx106): no FPU, and simulator calls for a console.
#include "tests/emulated/console.hpp"
#include "tests/emulated/machines/start.hpp"

extern "C" {
[[noreturn]] void reset();
[[noreturn]] void fault();
}

namespace fettle::test {
namespace {

int simulator_call(int operation, int a, const void* b, int c) {
  register int a2 asm("a2") = operation;
  register int a3 asm("a3") = a;
  register const void* a4 asm("a4") = b;
  register int a5 asm("a5") = c;
  asm volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
  return a2;
}

}  // namespace

void print(std::string_view text) {
  constexpr int kWrite = 4;
  simulator_call(kWrite, 1, text.data(), static_cast<int>(text.size()));
}

void end(int status) {
  constexpr int kExit = 1;
  simulator_call(kExit, status, nullptr, 0);
  for (;;) {
  }
}

}  // namespace fettle::test

// The emulator begins at the reset vector whatever the program says. 0x60000000 is where RAM begins.
asm(R"(
    .section .reset, "ax"
    movi a0, 6
    slli a0, a0, 28
    jx a0
    .section .exceptions, "ax"
    .org 0x30
    j .Lexception
    .org 0x50
    j .Lexception
    .org 0x70
.Lexception:
    movi a2, 1
    movi a3, 99
    simcall
    .section .vectors, "ax"
    .align 4
    j .Lbegin
    .align 4
    .literal_position
.Lbegin:
    movi a1, stack_top
    call0 reset
    .text
)");

void reset() { fettle::test::start(); }
