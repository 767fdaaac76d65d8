// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fettle::simulator {

/// A serial port made of software: another program opens path() as it would open a USB adapter.
class PseudoTerminal {
 public:
  /// Throws std::system_error.
  PseudoTerminal();
  ~PseudoTerminal();
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Whether a program has it open now.
  [[nodiscard]] bool connected() const;
  /// Appends what has arrived.
  void read(std::vector<std::uint8_t>& bytes);
  /// Hands over bytes, waiting at most so long for the other side to make room.
  /// @return how many were taken
  std::size_t write(std::span<const std::uint8_t> bytes, int wait_ms);
  /// Waits until something arrives or somebody connects, at most so long.
  void wait(int wait_ms) const;

 private:
  int master_ = -1;
  std::string path_;
};

}  // namespace fettle::simulator
