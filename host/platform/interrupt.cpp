// SPDX-License-Identifier: Apache-2.0
#include "host/platform/interrupt.hpp"

#include <csignal>

#include "host/error.hpp"

namespace fettle::host::platform {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;
int waiting = 0;

extern "C" void note_interrupt(int) { interrupt_seen = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = note_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one is not for us to refuse
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  // Beyond the limit of a file's size a write shall fail, and be told, rather than end the program.
  std::signal(SIGXFSZ, SIG_IGN);
}

bool interrupted() { return interrupt_seen != 0; }

void throw_if_interrupted() {
  if (interrupt_seen != 0 && waiting == 0) throw Error(ExitCode::interrupted, "interrupted");
}

InterruptsWait::InterruptsWait() { ++waiting; }
InterruptsWait::~InterruptsWait() { --waiting; }

}  // namespace fettle::host::platform
