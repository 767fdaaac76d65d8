// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

namespace fettle::host {

/// The line is gone: the cable was pulled, or the other end closed it.
class LineLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Bytes to and from a board, and the time by which answers are waited for. A serial port, or a
/// test's stand-in with a time of its own.
class Transport {
 public:
  virtual ~Transport() = default;
  /// What has come, after waiting at most so long for the first byte. 0: nothing, or a signal.
  /// Throws LineLost.
  [[nodiscard]] virtual std::size_t read(std::span<std::uint8_t> bytes,
                                         std::chrono::milliseconds wait) = 0;
  /// Throws LineLost, also when nothing is taken for two seconds.
  virtual void write(std::span<const std::uint8_t> bytes) = 0;
  /// Never goes back.
  [[nodiscard]] virtual std::chrono::microseconds now() = 0;
};

/// Opens the line anew, also after it was lost. Throws Error that says why it cannot be opened.
using OpenLine = std::function<std::unique_ptr<Transport>()>;

}  // namespace fettle::host
