// SPDX-License-Identifier: Apache-2.0
// QEMU's "virt" machine for RV32: a 16550 UART, and a device that ends the emulator.
#include "tests/emulated/console.hpp"
#include "tests/emulated/machines/start.hpp"

extern "C" {
[[noreturn]] void reset();
[[noreturn]] void fault();
}

namespace fettle::test {
namespace {

constexpr std::uintptr_t kUart = 0x10000000;
constexpr std::uintptr_t kTestDevice = 0x100000;

}  // namespace

void print(std::string_view text) {
  for (const char c : text)
    *reinterpret_cast<volatile std::uint8_t*>(kUart) = static_cast<std::uint8_t>(c);
}

void end(int status) {
  const std::uint32_t word =
      status == 0 ? 0x5555U : (static_cast<std::uint32_t>(status) << 16) | 0x3333U;
  *reinterpret_cast<volatile std::uint32_t*>(kTestDevice) = word;
  for (;;) {
  }
}

}  // namespace fettle::test

asm(R"(
    .section .vectors, "ax"
    .global _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, stack_top
    la t0, fault
    csrw mtvec, t0
    call reset
    .text
)");

void reset() { fettle::test::start(); }

[[gnu::aligned(4)]] void fault() {
  fettle::test::print("the processor faults\n");
  fettle::test::end(1);
}
