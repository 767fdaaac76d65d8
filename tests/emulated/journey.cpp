// SPDX-License-Identifier: Apache-2.0
// The whole journey from recorded samples to the alarm, by the board's own code: prints each window's
// score bit for bit, verdicts, the alert pin, and digests of all that the board sent and stored. Every
// processor prints the same text.
#include <bit>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>

#include "board/board.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "tests/emulated/console.hpp"
#include "tests/emulated/journey_data.hpp"
#include "tests/emulated/replay.hpp"

namespace fettle::test {
namespace {

/// The computer at the other end of the line.
class Computer final : public Listener {
 public:
  void sent(std::span<const std::uint8_t> bytes) override {
    line.add(bytes);
    for (const std::uint8_t byte : bytes) {
      const protocol::LineEvent event = reader_.push(byte);
      protocol::ScoreMessage score;
      if (event.kind == protocol::LineEvent::Kind::frame &&
          event.type == protocol::MessageType::score && decode(event.payload, score)) {
        print_score(score, event.payload);
      }
    }
  }
  Digest line;
  std::uint32_t windows = 0;

 private:
  void print_score(const protocol::ScoreMessage& score, std::span<const std::uint8_t> payload) {
    Digest all;
    all.add(payload);
    print("window ");
    print_number(windows++);
    print(" score ");
    print_hex(std::bit_cast<std::uint32_t>(score.score), 8);
    print(" verdict ");
    print_number(static_cast<int>(score.verdict));
    print(" all ");
    print_hex(all.value(), 16);
    print("\n");
  }
  protocol::FrameReader reader_;
};

class Pin final : public board::AlertPin {
 public:
  explicit Pin(const std::int64_t& now_us) : now_us_(now_us) {}
  void set(bool active) override {
    if (active == high_) return;
    high_ = active;
    print(active ? "ALARM at " : "alarm ends at ");
    print_number(now_us_);
    print(" us\n");
  }

 private:
  const std::int64_t& now_us_;
  bool high_ = false;
};

class LogDigest final : public board::Log {
 public:
  void write(board::LogLevel level, std::string_view tag, std::string_view text) override {
    digest.add_number(static_cast<std::uint64_t>(level));
    digest.add(tag);
    digest.add(text);
  }
  Digest digest;
};

void print_digest(std::string_view what, std::uint64_t value) {
  print(what);
  print(" ");
  print_hex(value, 16);
  print("\n");
}

std::uint64_t digest_of(std::span<const std::uint8_t> bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.value();
}

// Too large for a stack.
MemoryCard card;
EmptyFlash flash;
Refinement::Memory calibration;
alignas(board::Board) std::byte board_memory[sizeof(board::Board)];

bool travel(std::string_view name, std::span<const std::uint8_t> model,
            std::span<const std::uint8_t> recording) {
  print("# ");
  print(name);
  print("\n");
  std::int64_t now_us = 0;
  Tape tape(recording);
  PlayedBus bus(tape);
  PlayedInterrupt interrupt(tape);
  Computer computer;
  PlayedLine line(tape, computer);
  MemorySettings settings;
  MemorySettings learned;
  Pin pin(now_us);
  LogDigest log;
  card.clear();
  auto& board = *new (board_memory) board::Board(
      {bus, interrupt, line, card, flash, settings, learned, pin, log, &calibration},
      {kPlayedId, kPlayedFirmware, model});
  bool begun = false;
  while (!tape.at_end() && tape.lost_at() == 0) {
    if (!tape.take('T')) {
      tape.lost();
      break;
    }
    now_us = static_cast<std::int64_t>(tape.number(8));
    if (begun) {
      board.step(now_us);
    } else {
      board.begin(now_us);
    }
    begun = true;
  }
  board.~Board();
  if (tape.lost_at() != 0) {
    print("the board asked for something else at byte ");
    print_number(static_cast<std::int64_t>(tape.lost_at()) - 1);
    print(" of the recording\n");
    return false;
  }
  print_digest("line", computer.line.value());
  print_digest("card", digest_of(card.bytes()));
  print_digest("settings", digest_of(settings.bytes()));
  print_digest("learned", digest_of(learned.bytes()));
  print_digest("log", log.digest.value());
  return computer.windows > 0;
}

}  // namespace

int program() {
  const bool tutorial = travel("tutorial", tutorial_model(), tutorial_recording());
  const bool vibration = travel("vibration", vibration_model(), vibration_recording());
  print(tutorial && vibration ? "the end\n" : "FAILED\n");
  return tutorial && vibration ? 0 : 1;
}

}  // namespace fettle::test
