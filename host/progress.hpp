// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fettle::host {

/// One line on standard error that is rewritten in place, at most ten times a second, and only when
/// standard error is a terminal and the work takes longer than a moment.
class Progress {
 public:
  Progress(std::string what, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void at(std::uint64_t done);

 private:
  std::string what_;
  std::uint64_t total_;
  std::chrono::steady_clock::time_point start_, last_;
  bool terminal_;
  bool shown_ = false;
};

/// A line on standard error that shows how things are, rewritten in place at most five times a second
/// and only when standard error is a terminal.
class LiveLine {
 public:
  LiveLine();
  ~LiveLine();
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  /// Whether show() would do anything now, so that no text is made for nobody.
  [[nodiscard]] bool due() const;
  void show(std::string text);
  /// Takes the line away, before something else is written.
  void clear();
  /// A line that stays, above the live one; without a terminal as well.
  void note(const std::string& text);

 private:
  std::chrono::steady_clock::time_point last_{};
  bool terminal_;
  bool shown_ = false;
};

}  // namespace fettle::host
