// SPDX-License-Identifier: Apache-2.0
#include "simulator/virtual_board/pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace fettle::simulator {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

PseudoTerminal::PseudoTerminal() {
  master_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (master_ < 0) fail("a pseudo terminal cannot be made");
  std::array<char, 128> name{};
  if (grantpt(master_) != 0 || unlockpt(master_) != 0 ||
      ptsname_r(master_, name.data(), name.size()) != 0) {
    close(master_);
    fail("a pseudo terminal cannot be opened");
  }
  path_ = name.data();
  // Bytes as they are, no echo. Opened and closed once, so that connected() tells from now on.
  const int slave = open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) {
    close(master_);
    fail("a pseudo terminal cannot be opened");
  }
  termios settings{};
  if (tcgetattr(slave, &settings) == 0) {
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
  }
  close(slave);
}

PseudoTerminal::~PseudoTerminal() { close(master_); }

bool PseudoTerminal::connected() const {
  pollfd state{master_, POLLIN, 0};
  return poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
}

void PseudoTerminal::read(std::vector<std::uint8_t>& bytes) {
  std::array<std::uint8_t, 4096> chunk;
  for (;;) {
    const ssize_t got = ::read(master_, chunk.data(), chunk.size());
    if (got <= 0) return;  // nothing now, or nobody there
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + got);
  }
}

std::size_t PseudoTerminal::write(std::span<const std::uint8_t> bytes, int wait_ms) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t put = ::write(master_, bytes.data() + sent, bytes.size() - sent);
    if (put > 0) {
      sent += static_cast<std::size_t>(put);
      continue;
    }
    if (put < 0 && errno != EAGAIN && errno != EINTR) break;
    pollfd state{master_, POLLOUT, 0};
    if (poll(&state, 1, wait_ms) <= 0 || (state.revents & POLLHUP) != 0) break;
  }
  return sent;
}

void PseudoTerminal::wait(int wait_ms) const {
  if (connected()) {
    pollfd state{master_, POLLIN, 0};
    static_cast<void>(poll(&state, 1, wait_ms));
    return;
  }
  // A hang-up would end poll() at once.
  const timespec pause{wait_ms / 1000, wait_ms % 1000 * 1'000'000L};
  nanosleep(&pause, nullptr);
}

}  // namespace fettle::simulator
