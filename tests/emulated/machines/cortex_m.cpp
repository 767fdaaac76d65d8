// SPDX-License-Identifier: Apache-2.0
// QEMU's mps2-an386 (Cortex-M4F) and mps2-an500 (Cortex-M7): ARM application notes 386 and 500.
#include "tests/emulated/console.hpp"
#include "tests/emulated/machines/start.hpp"

extern "C" {
extern std::uint32_t stack_top[];
[[noreturn]] void reset();
[[noreturn]] void fault();
}

namespace fettle::test {
namespace {

volatile std::uint32_t& at(std::uintptr_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}
constexpr std::uintptr_t kUartData = 0x40004000;
constexpr std::uintptr_t kUartState = 0x40004004;     // bit 0: the transmitter is full
constexpr std::uintptr_t kUartControl = 0x40004008;   // bit 0: transmitter on
constexpr std::uintptr_t kCoprocessors = 0xE000ED88;  // CPACR

}  // namespace

void print(std::string_view text) {
  for (const char c : text) {
    while ((at(kUartState) & 1U) != 0) {
    }
    at(kUartData) = static_cast<std::uint8_t>(c);
  }
}

void end(int status) {
  // Semihosting, SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit.
  const std::uint32_t block[2] = {0x20026, static_cast<std::uint32_t>(status)};
  register std::uint32_t operation asm("r0") = 0x20;
  register const std::uint32_t* argument asm("r1") = block;
  asm volatile("bkpt 0xAB" : : "r"(operation), "r"(argument) : "memory");
  for (;;) {
  }
}

}  // namespace fettle::test

void reset() {
  fettle::test::at(fettle::test::kCoprocessors) |= 0xFU << 20;  // the FPU
  asm volatile("dsb\n isb");
  fettle::test::at(fettle::test::kUartControl) = 1;
  fettle::test::start();
}

void fault() {
  fettle::test::print("the processor faults\n");
  fettle::test::end(1);
}

using Vector = void (*)();
[[gnu::section(".vectors"), gnu::used]] const struct {
  std::uint32_t* stack;
  Vector vectors[15];
} kVectors = {stack_top,
              {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
               fault, fault, fault}};
