// SPDX-License-Identifier: Apache-2.0
#include "host/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "host/platform/interrupt.hpp"
#include "host/platform/terminal.hpp"
#include "host/text.hpp"

namespace fettle::host {
namespace {

using namespace std::chrono_literals;

constexpr auto kMoment = 500ms;  // shorter work shows nothing
constexpr auto kBetweenLines = 100ms;
constexpr auto kBetweenLiveLines = 200ms;

}  // namespace

Progress::Progress(std::string what, std::uint64_t total)
    : what_(std::move(what)),
      total_(std::max<std::uint64_t>(total, 1)),
      start_(std::chrono::steady_clock::now()),
      last_(start_),
      terminal_(platform::stderr_is_terminal()) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::at(std::uint64_t done) {
  platform::throw_if_interrupted();
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < kMoment || now - last_ < kBetweenLines) return;
  last_ = now;
  shown_ = true;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  std::string line = fmt::format("{} {:.0f} %", what_, share * 100.0);
  const double elapsed_s = std::chrono::duration<double>(now - start_).count();
  if (share > 0.05) line += fmt::format(", {:.0f} s left", elapsed_s * (1.0 - share) / share);
  // A line that wraps could not be rewritten in place.
  line.resize(std::min(line.size(), static_cast<std::size_t>(platform::terminal_columns() - 1)));
  std::fputs(("\r" + line + "\033[K").c_str(), stderr);
}

LiveLine::LiveLine() : terminal_(platform::stderr_is_terminal()) {}

LiveLine::~LiveLine() { clear(); }

bool LiveLine::due() const {
  return terminal_ && std::chrono::steady_clock::now() - last_ >= kBetweenLiveLines;
}

void LiveLine::show(std::string text) {
  if (!due()) return;
  last_ = std::chrono::steady_clock::now();
  shown_ = true;
  text.resize(std::min(text.size(), static_cast<std::size_t>(platform::terminal_columns() - 1)));
  std::fputs(("\r" + text + "\033[K").c_str(), stderr);
}

void LiveLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
  last_ = {};
}

void LiveLine::note(const std::string& text) {
  clear();
  say(text + "\n");
}

}  // namespace fettle::host
