// SPDX-License-Identifier: Apache-2.0
#include "host/line/board_link.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "core/checksum.hpp"
#include "tests/support/files.hpp"
#include "tests/support/messages.hpp"

namespace fettle::host {
namespace {

using protocol::MessageType;
using protocol::ReplyStatus;
using test::Bytes;
using test::expect_error;
using namespace std::chrono_literals;

/// A board that does what a test tells it, and the time.
class FakeBoard {
 public:
  std::chrono::microseconds now{0};
  bool plugged = true;
  std::function<void()> at_pause = [] {};  ///< what happens while nobody is there
  int opened = 0;

  // What it is.
  bool silent = false;
  float rate_hz = 200;
  bool framed = true;  ///< false: a board that has restarted, speaking text until it is greeted
  std::uint16_t version = protocol::kVersion;
  std::uint32_t boot = 1;
  std::uint8_t id = 7;
  Bytes model, incoming;
  std::uint8_t streams = 0;
  std::string chatter;            ///< said again and again, by itself
  bool answers_unframed = false;  ///< as the real one does, also before it is greeted
  std::int64_t uptime_us = 0;
  bool alarm = true;  ///< "ack" can be done once

  // What the line does to the frames of the board, by their number since the start.
  std::function<void(std::uint64_t number, Bytes& frame)> spoil = [](std::uint64_t, Bytes&) {};

  std::uint32_t slot_bytes = 60000;
  int reads = 0;                                                 ///< of the model
  std::function<bool(const protocol::ModelRead& read)> misread;  ///< answers otherwise, if it does
  // Whether a request does not arrive.
  std::function<bool(MessageType type)> miss = [](MessageType) { return false; };

  std::vector<std::string> commands;
  std::vector<MessageType> seen;
  std::int64_t utc_us = 0;

  template <typename Message>
  void send(MessageType type, const Message& message) {
    send_payload(type, test::encoded(message));
  }
  void send_payload(MessageType type, const Bytes& payload) {
    Bytes frame(protocol::kMostEncodedFrame);
    frame.resize(protocol::encode_frame(type, sequence_++, payload, frame));
    spoil(sent_++, frame);
    out_.insert(out_.end(), frame.begin(), frame.end());
  }
  void reply(std::uint16_t to, ReplyStatus status, std::string_view text, bool more = false) {
    send(MessageType::reply, protocol::Reply{to, status, text, more});
  }
  void send_samples(std::uint64_t index) {
    protocol::SamplesMessage message;
    message.block.index = index;
    message.block.t_us = static_cast<std::int64_t>(index) * 5000;
    message.block.period_ns = 5'000'000;
    message.block.count = 16;
    send(MessageType::samples, message);
  }
  void number_from(std::uint16_t sequence) { sequence_ = sequence; }
  void restart(bool counted = true) {
    if (counted) ++boot;
    uptime_us = 0;
    sequence_ = 0;
    last_command_.reset();
    framed = false;
    streams = 0;
    out_.clear();
  }

  std::size_t read(std::span<std::uint8_t> bytes, std::chrono::milliseconds wait) {
    if (!plugged) throw LineLost("unplugged");
    if (out_.empty() && !chatter.empty()) out_.assign(chatter.begin(), chatter.end());
    if (out_.empty()) now += std::max<std::chrono::microseconds>(wait, 1ms);
    now += 1ms;
    const std::size_t size = std::min(bytes.size(), out_.size());
    std::copy_n(out_.begin(), size, bytes.begin());
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(size));
    return size;
  }
  void write(std::span<const std::uint8_t> bytes) {
    if (!plugged) throw LineLost("unplugged");
    for (const std::uint8_t byte : bytes) {
      const protocol::LineEvent event = reader_.push(byte);
      if (event.kind != protocol::LineEvent::Kind::frame || silent || miss(event.type)) continue;
      answer(event);
    }
  }

 private:
  void answer(const protocol::LineEvent& frame) {
    if (!framed && !answers_unframed && frame.type != MessageType::hello) return;
    seen.push_back(frame.type);
    const auto ok = [&] { reply(frame.sequence, ReplyStatus::ok, ""); };
    switch (frame.type) {
      case MessageType::hello: {
        protocol::HelloRequest hello;
        if (decode(frame.payload, hello)) utc_us = hello.utc_us;
        framed = true;
        Crc32 crc;
        crc.add(model);
        protocol::HelloReply answer;
        answer.version = version;
        answer.name = "p\x1Bump";
        answer.firmware = "0.1.0";
        answer.id.fill(id);
        answer.boot = boot;
        answer.uptime_us = uptime_us;
        answer.rate_hz = rate_hz;
        answer.slot_bytes = slot_bytes;
        answer.model_bytes = static_cast<std::uint32_t>(model.size());
        answer.model_crc32 = model.empty() ? 0 : crc.value();
        answer.hop = 128;
        send(MessageType::hello_reply, answer);
        break;
      }
      case MessageType::command: {
        if (last_command_ == frame.sequence) {  // the reply that it gave before
          return reply(frame.sequence, last_status_, last_reply_);
        }
        commands.emplace_back(frame.payload.begin(), frame.payload.end());
        if (commands.back() == "long") {
          reply(frame.sequence, ReplyStatus::ok, "one\n", true);
          return reply(frame.sequence, ReplyStatus::ok, "two");
        }
        if (commands.back() == "ack") {
          last_command_ = frame.sequence;
          last_status_ = !alarm ? ReplyStatus::not_now : ReplyStatus::ok;
          last_reply_ = !alarm ? "there is no alarm to acknowledge" : "acknowledged";
          alarm = false;
          return reply(frame.sequence, last_status_, last_reply_);
        }
        if (commands.back() == "bad") return reply(frame.sequence, ReplyStatus::bad_value, "no");
        reply(frame.sequence, ReplyStatus::ok, "did " + commands.back());
        break;
      }
      case MessageType::stream:
        streams = frame.payload[0];
        ok();
        break;
      case MessageType::status: {
        protocol::StatusMessage status;
        status.boot = boot;
        status.uptime_us = uptime_us;
        send(MessageType::status_reply, status);
        break;
      }
      case MessageType::model_begin:
        incoming.clear();
        ok();
        break;
      case MessageType::model_data: {
        protocol::ModelBytes bytes;
        ASSERT_TRUE(decode(frame.payload, bytes));
        if (bytes.offset == incoming.size()) {
          incoming.insert(incoming.end(), bytes.bytes.begin(), bytes.bytes.end());
        }
        ok();
        break;
      }
      case MessageType::model_commit:
        if (incoming.empty()) return reply(frame.sequence, ReplyStatus::bad_model, "not begun");
        if (incoming[0] == 0xBA) return reply(frame.sequence, ReplyStatus::bad_model, "no mark");
        model = std::exchange(incoming, {});
        ok();
        break;
      case MessageType::model_read: {
        protocol::ModelRead read;
        ASSERT_TRUE(decode(frame.payload, read));
        ++reads;
        if (misread && misread(read)) break;
        send(MessageType::model_bytes,
             protocol::ModelBytes{read.offset, std::span<const std::uint8_t>(model).subspan(
                                                   read.offset, read.length)});
        break;
      }
      default: ok();
    }
  }

  protocol::FrameReader reader_;
  std::uint16_t sequence_ = 65530;  // soon over the end
  std::optional<std::uint16_t> last_command_;
  ReplyStatus last_status_ = ReplyStatus::ok;
  std::string last_reply_;
  std::uint64_t sent_ = 0;
  Bytes out_;
};

class FakeLine : public Transport {
 public:
  explicit FakeLine(FakeBoard& board) : board_(board) {}
  std::size_t read(std::span<std::uint8_t> bytes, std::chrono::milliseconds wait) override {
    return board_.read(bytes, wait);
  }
  void write(std::span<const std::uint8_t> bytes) override { board_.write(bytes); }
  std::chrono::microseconds now() override { return board_.now; }

 private:
  FakeBoard& board_;
};

class Link : public testing::Test {
 protected:
  BoardLink::Options options() {
    BoardLink::Options options;
    options.utc_us = [] { return std::int64_t{1'700'000'000'000'000}; };
    options.notice = [this](const std::string& text) { notices.push_back(text); };
    options.pause = [this](std::chrono::milliseconds time) {
      board.now += time;
      board.at_pause();
    };
    return options;
  }
  OpenLine open() {
    return [this] {
      ++board.opened;
      if (!board.plugged) throw Error(ExitCode::io, "no such port");
      return std::make_unique<FakeLine>(board);
    };
  }
  BoardLink connect() { return {open(), "PORT", options()}; }

  /// Takes what comes until nothing does.
  template <typename T>
  std::vector<T> all(BoardLink& link) {
    std::vector<T> found;
    while (auto message = link.next(10ms)) {
      if (const T* one = std::get_if<T>(&*message)) found.push_back(*one);
    }
    return found;
  }

  /// Waits through a silence for the board to be noticed as gone and back.
  Reconnected until_back(BoardLink& link) {
    for (int i = 0; i < 100; ++i) {
      auto message = link.next(1s);
      if (!message) continue;
      EXPECT_FALSE(std::holds_alternative<LostFrames>(*message));
      if (const auto* back = std::get_if<Reconnected>(&*message)) return *back;
    }
    ADD_FAILURE() << "nobody noticed";
    return {};
  }

  FakeBoard board;
  std::vector<std::string> notices;
};

TEST_F(Link, GreetsAsksAndSaysGoodBye) {
  {
    BoardLink link = connect();
    EXPECT_EQ(link.board().name, "p\\x1bump");  // nothing that a terminal would obey
    EXPECT_EQ(link.board().id(), "0707070707070707");
    EXPECT_EQ(board.utc_us, 1'700'000'000'000'000);
    EXPECT_EQ(link.command("status").text, "did status");
    EXPECT_EQ(link.command("long").text, "one\ntwo");
    const BoardReply refused = link.command("bad");
    EXPECT_EQ(refused.status, ReplyStatus::bad_value);
    EXPECT_EQ(refused.text, "no");
    EXPECT_NO_THROW(static_cast<void>(link.status()));
  }
  EXPECT_EQ(board.seen.back(), MessageType::bye);
}

TEST_F(Link, SaysWhatIsThereInstead) {
  board.silent = true;
  expect_error(ExitCode::io, {"PORT", "nothing answers", "--baud"}, [&] { connect(); });
  board.chatter = "1.02,3.04,0.9\r\n";
  expect_error(ExitCode::io, {"something else", "1.02,3.04", "fettle ports"}, [&] { connect(); });
  board.chatter = "\xE0\x1F\x93\xFE\x80\x01\x99\x03\x0A\x02";
  expect_error(ExitCode::io, {"not as a Fettle board", "--baud"}, [&] { connect(); });
  board.plugged = false;
  expect_error(ExitCode::io, {"no such port"}, [&] { connect(); });
}

TEST_F(Link, RefusesARateThatNoSensorHas) {
  for (const float rate_hz :
       {0.0F, -0.0F, -200.0F, 1e-30F, 0.99F, 8001.0F, 1e38F, std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    SCOPED_TRACE(rate_hz);
    board.rate_hz = rate_hz;
    test::expect_error(ExitCode::bad_input, {"samples at", "1 to 8000 Hz"}, [&] { connect(); });
  }
  for (const float rate_hz : {1.0F, 200.0F, 8000.0F}) {
    board.rate_hz = rate_hz;
    EXPECT_EQ(connect().board().hello.rate_hz, rate_hz);
  }
}

TEST(OneLine, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(one_line("a\nb\tc\x1B[2J\x7F\r"), "a\\nb\\tc\\x1b[2J\\x7f\\x0d");
  EXPECT_EQ(one_line("K\xC3\xBChlung"), "K\xC3\xBChlung");
  EXPECT_EQ(one_line("\xC2\x9B"
                     "2J"),
            "\\xc2\\x9b2J")
      << "the C1 form of escape [";
  EXPECT_EQ(one_line("\xC2"), "\\xc2") << "half a letter";
  EXPECT_EQ(one_line("\xC2\x9B\x9B"
                     "31m"),
            "\\xc2\\x9b\\x9b31m");
  EXPECT_EQ(one_line("\xE2\x80\xAE"), "\\xe2\\x80\\xae") << "turns the direction of writing";
  EXPECT_EQ(one_line("\xF0\x9F\x98\x80 \xED\xA0\x80 \xC0\x80"),
            "\xF0\x9F\x98\x80 \\xed\\xa0\\x80 \\xc0\\x80")
      << "a surrogate, and a zero in two bytes";
  EXPECT_EQ(one_line("a\x9B"
                     "2J"),
            "a\\x9b2J")
      << "... in Latin-1";
  EXPECT_EQ(one_line("\xC3\x9C \xE2\x80\x93"), "\xC3\x9C \xE2\x80\x93")
      << "letters end in such bytes";
}

TEST(Printable, KeepsLinesAndLettersOnly) {
  EXPECT_EQ(printable("a\nb\tc\x1B[2J\x7F\r"), "a\nb\tc?[2J??");
  EXPECT_EQ(printable("x\xC2\x9B"
                      "2J\x9D"
                      "0;t \xC3\x9C"),
            "x?2J?0;t \xC3\x9C");
  EXPECT_EQ(printable("\x9B\x9B"
                      "31m"),
            "??31m")
      << "one may not hide behind another";
}

TEST_F(Link, NamesTheSideToUpdate) {
  board.version = 2;
  expect_error(ExitCode::bad_input, {"version 2", "version 1", "Update this program"},
               [&] { connect(); });
  board.version = 0;
  expect_error(ExitCode::bad_input, {"version 0", "Update the board's firmware"},
               [&] { connect(); });
}

TEST_F(Link, AsksAgainWhenAnAnswerIsLost) {
  for (std::uint64_t lost = 0; lost < 6; ++lost) {
    FakeBoard fresh;
    fresh.spoil = [lost](std::uint64_t number, Bytes& frame) {
      if (number == lost) frame.clear();
    };
    board = fresh;
    BoardLink link = connect();
    EXPECT_EQ(link.command("name").text, "did name");
    EXPECT_EQ(link.command("status").text, "did status");
  }
}

TEST_F(Link, GivesUpOnABoardThatHasStopped) {
  BoardLink link = connect();
  board.silent = true;
  expect_error(ExitCode::io, {"PORT", "nothing answers"},
               [&] { static_cast<void>(link.command("status")); });
}

TEST_F(Link, NamesLostFramesAndIgnoresRepeatedOnes) {
  BoardLink link = connect();
  link.stream(protocol::kStreamSamples);
  EXPECT_EQ(board.streams, protocol::kStreamSamples);
  board.spoil = [&](std::uint64_t number, Bytes& frame) {
    if (number == 4 || number == 5) frame.clear();                           // lost
    if (number == 7) frame[20] = static_cast<std::uint8_t>(frame[20] ^ 4U);  // damaged
    if (number == 9) {
      const Bytes once = frame;
      frame.insert(frame.end(), once.begin(), once.end());  // twice
    }
  };
  for (std::uint64_t i = 0; i < 10; ++i) board.send_samples(16 * i);
  std::vector<std::uint64_t> indices;
  std::vector<LostFrames> lost;
  while (auto message = link.next(10ms)) {
    if (const auto* samples = std::get_if<protocol::SamplesMessage>(&*message)) {
      indices.push_back(samples->block.index);
    }
    if (const auto* one = std::get_if<LostFrames>(&*message)) lost.push_back(*one);
  }
  // Frames 0 and 1 were answers; sequence numbers began at 65530.
  EXPECT_EQ(indices, (std::vector<std::uint64_t>{0, 16, 64, 96, 112, 128, 144}));
  ASSERT_EQ(lost.size(), 2U);
  EXPECT_EQ(lost[0].first, 65534);
  EXPECT_EQ(lost[0].count, 2);
  EXPECT_EQ(lost[1].first, 1);
  EXPECT_EQ(lost[1].count, 1);
  EXPECT_EQ(link.lost_frames(), 3U);
  EXPECT_GE(link.damaged(), 1U);
}

TEST_F(Link, WaitsForAPulledCable) {
  BoardLink link = connect();
  link.stream(protocol::kStreamSamples);
  board.send_samples(0);
  EXPECT_EQ(all<protocol::SamplesMessage>(link).size(), 1U);
  board.plugged = false;
  int pauses = 0;
  board.at_pause = [&] {
    if (++pauses == 5) board.plugged = true;
  };
  const auto back = all<Reconnected>(link);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_FALSE(back[0].restarted);
  EXPECT_EQ(board.streams, protocol::kStreamSamples);
  EXPECT_EQ(link.reconnections(), 1);
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_NE(notices[0].find("waiting"), std::string::npos);
  board.send_samples(160);
  EXPECT_EQ(all<protocol::SamplesMessage>(link).size(), 1U);
}

TEST_F(Link, NoticesARestartedBoard) {
  BoardLink link = connect();
  link.stream(protocol::kStreamSamples | protocol::kStreamEvents);
  board.restart();  // the cable stays, and nothing is said
  std::vector<Reconnected> back;
  while (back.empty()) {
    auto message = link.next(20s);
    ASSERT_TRUE(message);
    if (const auto* one = std::get_if<Reconnected>(&*message)) back.push_back(*one);
  }
  EXPECT_TRUE(back[0].restarted);
  EXPECT_EQ(board.streams, protocol::kStreamSamples | protocol::kStreamEvents);
  board.send_samples(0);
  EXPECT_EQ(all<protocol::SamplesMessage>(link).size(), 1U);  // its sequence began anew
}

/// A bridge keeps the port open, the board numbers from 0 again, and answers although nobody greeted it:
/// behind 32,768 frames that looks like a loss, and before like a repetition.
TEST_F(Link, NoticesARestartBehindABridgeWhateverTheNumber) {
  for (const unsigned from : {100U, 0x7FFFU, 0x8000U, 0x8001U, 35'000U, 65'000U}) {
    for (const bool counted : {true, false}) {  // without flash the boots are not counted
      for (const int missed : {0, 1, 2}) {
        board = FakeBoard();
        board.answers_unframed = true;
        board.number_from(static_cast<std::uint16_t>(from));
        board.uptime_us = 7'000'000;
        BoardLink link = connect();
        link.stream(protocol::kStreamSamples);
        board.restart(counted);
        board.miss = [missed, streams = 0](MessageType type) mutable {
          return type == MessageType::stream && streams++ < missed;
        };
        EXPECT_TRUE(until_back(link).restarted);
        EXPECT_EQ(board.streams, protocol::kStreamSamples) << from;
        board.send_samples(0);
        EXPECT_EQ(all<protocol::SamplesMessage>(link).size(), 1U);
        EXPECT_EQ(link.lost_frames(), 0U) << from;
        EXPECT_EQ(link.board().hello.boot, counted ? 2U : 1U);
      }
    }
  }
}

TEST_F(Link, AStreamThatStoppedIsAskedForAgain) {
  board.number_from(40'000);
  BoardLink link = connect();
  link.stream(protocol::kStreamSamples);
  board.streams = 0;  // someone else's doing; the same boot, its numbers go on
  board.miss = [missed = false](MessageType type) mutable {
    return type == MessageType::stream && !std::exchange(missed, true);
  };
  EXPECT_FALSE(link.next(10s));
  EXPECT_EQ(board.streams, protocol::kStreamSamples);
  EXPECT_EQ(link.lost_frames(), 0U);
}

TEST_F(Link, AStreamIsAskedForUntilTheBoardSaysYesAfterThePlugIsBack) {
  BoardLink link = connect();
  link.stream(protocol::kStreamSamples);
  board.plugged = false;
  board.at_pause = [&] {
    board.plugged = true;
    board.streams = 0;
  };
  board.miss = [missed = false](MessageType type) mutable {
    return type == MessageType::stream && !std::exchange(missed, true);
  };
  EXPECT_FALSE(until_back(link).restarted);
  EXPECT_EQ(board.streams, protocol::kStreamSamples);
}

/// What is done is done once, however often the request is sent.
TEST_F(Link, ARepeatedRequestHasTheSameNumber) {
  for (const bool pull : {false, true}) {
    board = FakeBoard();
    board.at_pause = [&] { board.plugged = true; };
    BoardLink link = connect();
    board.spoil = [this, pull, lost = false](std::uint64_t, Bytes& frame) mutable {
      if (std::exchange(lost, true)) return;
      frame.clear();
      board.plugged = !pull;
    };
    const BoardReply reply = link.command("ack");
    EXPECT_TRUE(reply.ok()) << reply.text;
    EXPECT_EQ(reply.text, "acknowledged");
    EXPECT_EQ(board.commands, std::vector<std::string>{"ack"});
    EXPECT_EQ(link.command("ack").status, ReplyStatus::not_now);  // a new one is a new one
  }
}

TEST_F(Link, WhatNobodyTakesIsReportedAsLost) {
  BoardLink::Options few = options();
  few.most_waiting = 10;
  BoardLink link(open(), "PORT", few);
  link.stream(protocol::kStreamSamples);
  for (std::uint64_t i = 0; i < 25; ++i) board.send_samples(16 * i);
  static_cast<void>(link.command("status"));
  std::size_t samples = 0;
  std::vector<LostFrames> lost;
  while (auto message = link.next(10ms)) {
    samples += std::holds_alternative<protocol::SamplesMessage>(*message) ? 1U : 0U;
    if (const auto* one = std::get_if<LostFrames>(&*message)) lost.push_back(*one);
  }
  EXPECT_EQ(samples, 10U);
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].first, 6);  // 65530 greeting, 65531 stream, then 25 blocks
  EXPECT_EQ(lost[0].count, 15);
  EXPECT_EQ(link.lost_frames(), 15U);
  board.send_samples(16 * 25);
  EXPECT_EQ(all<protocol::SamplesMessage>(link).size(), 1U);
}

TEST_F(Link, RefusesAnotherBoardAtTheSamePort) {
  BoardLink link = connect();
  link.stream(protocol::kStreamSamples);
  board.plugged = false;
  board.at_pause = [&] {
    board.plugged = true;
    board.id = 9;
  };
  expect_error(ExitCode::bad_input, {"another board", "0909", "0707"},
               [&] { static_cast<void>(link.next(10ms)); });
}

TEST_F(Link, SendsAndReadsAModelWhateverIsLost) {
  Bytes file(1000);
  Random random(3);
  for (auto& byte : file) byte = static_cast<std::uint8_t>(random.next());
  file[0] = 1;
  // Every single frame of the board lost once, and the cable pulled at every one.
  for (std::uint64_t lost = 1; lost < 16; ++lost) {
    for (const bool pull : {false, true}) {
      board = FakeBoard();
      board.spoil = [&, lost, pull](std::uint64_t number, Bytes& frame) {
        if (number != lost) return;
        frame.clear();
        board.plugged = !pull;
      };
      board.at_pause = [&] { board.plugged = true; };
      BoardLink link = connect();
      link.send_model(file, {});
      EXPECT_EQ(board.model, file) << lost;
      EXPECT_EQ(link.read_model({}), file) << lost;
    }
  }
}

TEST_F(Link, SaysWhyAModelIsRefused) {
  board.model = {1, 2, 3};
  BoardLink link = connect();
  const Bytes bad(300, 0xBA);
  expect_error(ExitCode::bad_input, {"refuses the model", "no mark"},
               [&] { link.send_model(bad, {}); });
  EXPECT_EQ(link.read_model({}), (Bytes{1, 2, 3}));
}

TEST_F(Link, ReadsNoModelThatMakesNoSense) {
  board.model = Bytes(600, 5);
  BoardLink link = connect();
  const auto send = [this](std::uint32_t offset, std::size_t size) {
    const Bytes bytes(size, 5);
    board.send(MessageType::model_bytes, protocol::ModelBytes{offset, bytes});
    return true;
  };
  const auto refused = [&](std::initializer_list<std::string_view> why, int reads) {
    board.reads = 0;
    expect_error(ExitCode::bad_input, why, [&] { static_cast<void>(link.read_model({})); });
    EXPECT_EQ(board.reads, reads);
  };
  // Always from elsewhere, or nothing at all.
  board.misread = [&](const protocol::ModelRead& read) { return send(read.offset + 1, 10); };
  refused({"256 bytes from 0", "sends 10 from 1"}, 4);
  board.misread = [&](const protocol::ModelRead& read) { return send(read.offset, 0); };
  refused({"sends 0 from 0"}, 4);
  // More than was asked for: the last piece has 88 bytes.
  board.misread = [&](const protocol::ModelRead& read) { return send(read.offset, 256); };
  refused({"88 bytes from 512", "sends 256"}, 3);
  // Three late answers are none of its fault.
  int late = 0;
  board.misread = [&](const protocol::ModelRead& read) {
    return read.offset == 256 && ++late <= 3 && send(0, 256);
  };
  EXPECT_EQ(link.read_model({}), board.model);
  board.misread = nullptr;
  board.slot_bytes = 599;
  refused({"600 bytes", "room for 599"}, 0);
}

}  // namespace
}  // namespace fettle::host
