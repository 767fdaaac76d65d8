// SPDX-License-Identifier: Apache-2.0
// Any bytes on the line of a whole board, in chunks between which time passes: it never crashes,
// hangs or loses its sensor, it answers afterwards, and what it was told to keep survives a restart.
//
// An input is a row of chunks: a byte that says what (0 to 95 bytes of the line as they are; 96 to
// 191 a frame with a right checksum around so many less 96; else time passes), and for a frame its
// type first.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/frame.hpp"
#include "simulator/virtual_board/virtual_board.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/quick_model.hpp"

namespace {

using namespace fettle;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "board_fuzz: %s\n", what);
  std::abort();
}

const test::AlignedBytes& model() {
  static const test::AlignedBytes bytes(test::quick_model());
  return bytes;
}

/// A board and the computer at its line.
struct Rig {
  test::Trembling motion;
  simulator::Storage storage;
  simulator::Operations operations;
  std::unique_ptr<simulator::VirtualBoard> board;

  void power_on() {
    simulator::VirtualBoardConfig config;
    config.model = model().view();
    board.reset();
    board = std::make_unique<simulator::VirtualBoard>(config, motion, storage, operations);
  }
  void put(std::span<const std::uint8_t> bytes) {
    auto& line = board->line().to_board;
    line.insert(line.end(), bytes.begin(), bytes.end());
  }
  void put_frame(std::uint8_t type, std::span<const std::uint8_t> payload) {
    std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
    const std::size_t size = protocol::encode_frame(static_cast<protocol::MessageType>(type),
                                                    sequence_++, payload, frame);
    put(std::span(frame).first(size));
  }
  void run(std::int64_t us) {
    board->run_for(us);
    auto& sent = board->line().from_board;
    if (sent.size() > 1'000'000) sent.clear();
  }
  void drain() {
    for (int round = 0; !board->line().to_board.empty(); ++round) {
      require(round < 100, "the board does not read its line");
      run(50'000);
    }
  }

 private:
  std::uint16_t sequence_ = 0;
};

/// A frame of this type among what the board sends.
bool sent_frame(std::span<const std::uint8_t> bytes, protocol::MessageType type) {
  protocol::FrameReader reader;
  bool found = false;
  for (const std::uint8_t byte : bytes) {
    const protocol::LineEvent event = reader.push(byte);
    found = found || (event.kind == protocol::LineEvent::Kind::frame && event.type == type);
  }
  return found;
}

void feed(Rig& rig, std::span<const std::uint8_t> data) {
  std::int64_t left_us = 3'000'000;  // what an input may take of simulated time
  const auto pass = [&](std::int64_t us) {
    const std::int64_t taken_us = std::min(us, left_us);
    left_us -= taken_us;
    rig.run(taken_us);
  };
  while (!data.empty()) {
    const std::uint8_t what = data.front();
    data = data.subspan(1);
    if (what < 96) {
      const auto chunk = data.first(std::min<std::size_t>(what, data.size()));
      rig.put(chunk);
      data = data.subspan(chunk.size());
      pass(2'000);
    } else if (what < 192) {
      if (data.empty()) break;
      const std::uint8_t type = data.front();
      data = data.subspan(1);
      const auto chunk = data.first(std::min<std::size_t>(what - 96U, data.size()));
      rig.put_frame(type, chunk);
      data = data.subspan(chunk.size());
      pass(2'000);
    } else if (what < 240) {
      pass((what - 191) * 10'000);
    } else {
      rig.motion.level = what - 240;
      pass(700'000);  // a window
    }
  }
}

/// Whatever happened on the line: samples flow, and the board says so, to a person and to a program.
void expect_alive(Rig& rig) {
  rig.drain();
  rig.run(5'000'000);  // a self-test may be under way, or another rate was asked for
  const std::uint64_t samples = rig.board->board().status().samples;
  rig.run(200'000);
  require(rig.board->board().sensor().cause() == mpu6050::Cause::none, "the sensor is lost");
  require(rig.board->board().status().samples >= samples + 16, "no samples");

  // As a program does: a zero ends whatever was under way.
  rig.put_frame(static_cast<std::uint8_t>(protocol::MessageType::stream),
                std::array<std::uint8_t, 1>{0});
  rig.drain();
  rig.run(500'000);
  rig.board->line().from_board.clear();
  rig.put_frame(static_cast<std::uint8_t>(protocol::MessageType::status), {});
  rig.run(200'000);
  require(sent_frame(rig.board->line().from_board, protocol::MessageType::status_reply),
          "no answer to a framed status");

  // As a person does, who presses return before the second try.
  rig.board->type("");
  rig.board->type("stop");
  rig.run(200'000);
  rig.board->line().from_board.clear();
  rig.board->type("status");
  rig.run(200'000);
  const auto& sent = rig.board->line().from_board;
  const std::string text(sent.begin(), sent.end());
  require(text.find("sensor: ") != std::string::npos, "no answer to a typed status");
}

void expect_same_settings(const board::Settings& before, const board::Settings& after) {
  require(before.name.view() == after.name.view(), "another name after the restart");
  require(before.rate_hz == after.rate_hz, "another rate after the restart");
  require(before.ranges == after.ranges, "other ranges after the restart");
  require(before.hop == after.hop, "another hop after the restart");
  require(before.latch == after.latch, "another latch after the restart");
  require(before.threshold == after.threshold, "another threshold after the restart");
  require(before.record.view() == after.record.view(), "another recording after the restart");
  require(after.boots == before.boots + 1, "the restarts were not counted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Rig rig;
  rig.power_on();
  rig.run(400'000);
  feed(rig, std::span(data, size).first(std::min<std::size_t>(size, 4096)));
  expect_alive(rig);
  const board::Settings before = rig.board->board().settings();
  rig.power_on();
  expect_same_settings(before, rig.board->board().settings());
  return 0;
}
