// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checksum.hpp"
#include "core/pipeline.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/sequence.hpp"
#include "simulator/signal/arithmetic.hpp"
#include "simulator/virtual_board/virtual_board.hpp"
#include "tests/support/trained.hpp"

namespace fettle::test {

/// A shaker table under the sensor: a sine on each axis, and a level that can be changed.
class Shaker final : public simulator::MotionSource {
 public:
  double level = 1;
  double hz = 29;
  double tilt_turns = 0;  // of the sensor, about its x axis
  simulator::Motion next(double step_s) override {
    turns_ += hz * step_s;
    turns_ -= static_cast<double>(static_cast<std::int64_t>(turns_));
    const auto [sine, cosine] = simulator::sine_cosine_turns(turns_);
    simulator::Motion motion;
    motion.axis = {0.05 * level * sine, 0.04 * level * cosine, 1 + 0.03 * level * sine,
                   4 * level * cosine,  3 * level * sine,      2 * level * cosine};
    if (tilt_turns != 0) {
      const auto [tilt_sine, tilt_cosine] = simulator::sine_cosine_turns(tilt_turns);
      for (const std::size_t y : {1U, 4U}) {
        const double was = motion.axis[y];
        motion.axis[y] = tilt_cosine * was - tilt_sine * motion.axis[y + 1];
        motion.axis[y + 1] = tilt_sine * was + tilt_cosine * motion.axis[y + 1];
      }
    }
    return motion;
  }

 private:
  double turns_ = 0;
};

/// A detector for the shaker at level 1, as bytes of a file.
inline const std::vector<std::uint8_t>& shaker_model();

/// A virtual board on the shaker, and a computer at the other end of its line.
class VirtualRig {
 public:
  Shaker shaker;
  simulator::Storage storage;
  simulator::Operations operations;
  simulator::VirtualBoardConfig config;
  std::unique_ptr<simulator::VirtualBoard> board;

  // What came over the line, in order.
  std::vector<protocol::SamplesMessage> samples;
  std::vector<protocol::ScoreMessage> scores;
  struct Event {
    protocol::EventKind kind;
    std::string text;
    std::int64_t uptime_us;
    std::int64_t utc_us;
  };
  std::vector<Event> events;
  struct Answer {
    std::uint16_t to;
    protocol::ReplyStatus status;
    std::string text;
  };
  std::vector<Answer> answers;
  std::optional<protocol::StatusMessage> status;
  bool greeted = false;
  std::vector<std::uint8_t> model_bytes;
  std::string text;
  std::uint64_t missing_frames = 0;

  // What the board showed besides.
  std::vector<std::string> log;
  std::vector<std::pair<std::int64_t, bool>> pin;

  /// The sensor does not answer for so long.
  void take_sensor_away(double seconds) {
    simulator::ChipFault fault;
    fault.kind = simulator::ChipFault::Kind::nack;
    fault.from_us = board->now_us();
    fault.until_us = fault.from_us + static_cast<std::int64_t>(seconds * 1e6);
    board->chip().inject(fault);
  }

  void power_on() {
    simulator::Observer observer;
    observer.log = [this](std::int64_t, board::LogLevel, std::string_view tag,
                          std::string_view line) {
      log.push_back(std::string(tag) + ": " + std::string(line));
    };
    observer.pin = [this](std::int64_t t_us, bool high) { pin.emplace_back(t_us, high); };
    board.reset();
    board = std::make_unique<simulator::VirtualBoard>(config, shaker, storage, operations,
                                                      std::move(observer));
    reader_.reset();
    watcher_.restart();
  }

  /// Runs until nothing is on the line to the board any more, then a moment longer.
  void settle() {
    do {
      run(0.1);
    } while (!board->line().to_board.empty() && !operations.power_lost());
    run(0.1);
  }

  /// Runs for so many simulated seconds and takes in what the board sends meanwhile.
  void run(double seconds) {
    const std::int64_t end_us = board->now_us() + static_cast<std::int64_t>(seconds * 1e6);
    while (board->now_us() < end_us && !operations.power_lost()) {
      board->run_until(std::min(end_us, board->now_us() + 100'000));
      take_in();
    }
  }

  template <typename Message>
  std::uint16_t send(protocol::MessageType type, const Message& message) {
    std::array<std::uint8_t, protocol::kMostPayload> payload{};
    const std::size_t size = protocol::encode(message, payload);
    return send_bytes(type, {payload.data(), size});
  }
  std::uint16_t send(protocol::MessageType type) { return send_bytes(type, {}); }
  std::uint16_t command(std::string_view line) {
    return send_bytes(protocol::MessageType::command,
                      {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
  }
  std::uint16_t send_bytes(protocol::MessageType type, std::span<const std::uint8_t> payload) {
    std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
    const std::size_t size = protocol::encode_frame(type, sequence_, payload, frame);
    board->line().to_board.insert(board->line().to_board.end(), frame.begin(),
                                  frame.begin() + static_cast<std::ptrdiff_t>(size));
    return sequence_++;
  }

  /// Greets and asks for streams.
  void connect(std::uint8_t streams) {
    send(protocol::MessageType::hello, protocol::HelloRequest{protocol::kVersion, kUtc_us});
    send(protocol::MessageType::stream, protocol::StreamRequest{streams});
    run(0.2);
  }

  /// The answer to a request, or null.
  [[nodiscard]] const Answer* answer_to(std::uint16_t sequence) const {
    for (const Answer& answer : answers) {
      if (answer.to == sequence) return &answer;
    }
    return nullptr;
  }

  /// Sends a whole model. @return the answer to its commit
  const Answer* deploy(std::span<const std::uint8_t> model) {
    Crc32 crc;
    crc.add(model);
    send(protocol::MessageType::model_begin,
         protocol::ModelBegin{static_cast<std::uint32_t>(model.size()), crc.value()});
    for (std::size_t at = 0; at < model.size(); at += protocol::kMostModelChunk) {
      const std::size_t size = std::min(model.size() - at, protocol::kMostModelChunk);
      send(protocol::MessageType::model_data,
           protocol::ModelBytes{static_cast<std::uint32_t>(at), model.subspan(at, size)});
    }
    const std::uint16_t commit = send(protocol::MessageType::model_commit);
    run(1);
    return answer_to(commit);
  }

  static constexpr std::int64_t kUtc_us = 1'800'000'000'000'000;

 private:
  void take_in() {
    std::vector<std::uint8_t> bytes;
    bytes.swap(board->line().from_board);
    for (const std::uint8_t byte : bytes) {
      const protocol::LineEvent arrived = reader_.push(byte);
      if (arrived.kind == protocol::LineEvent::Kind::text) {
        text += std::string(arrived.text) + "\n";
      } else if (arrived.kind == protocol::LineEvent::Kind::frame) {
        missing_frames += watcher_.step(arrived.sequence).missing;
        take_frame(arrived);
      }
    }
  }
  void take_frame(const protocol::LineEvent& frame) {
    using protocol::MessageType;
    protocol::SamplesMessage samples_message;
    protocol::ScoreMessage score;
    protocol::EventMessage event;
    protocol::Reply reply;
    protocol::StatusMessage status_message;
    protocol::HelloReply hello;
    protocol::ModelBytes model;
    if (frame.type == MessageType::samples && decode(frame.payload, samples_message)) {
      samples.push_back(samples_message);
    } else if (frame.type == MessageType::score && decode(frame.payload, score)) {
      scores.push_back(score);
    } else if (frame.type == MessageType::event && decode(frame.payload, event)) {
      events.push_back({event.kind, std::string(event.text), event.uptime_us, event.utc_us});
    } else if (frame.type == MessageType::reply && decode(frame.payload, reply)) {
      answers.push_back({reply.to, reply.status, std::string(reply.text)});
    } else if (frame.type == MessageType::status_reply && decode(frame.payload, status_message)) {
      status = status_message;
    } else if (frame.type == MessageType::hello_reply && decode(frame.payload, hello)) {
      greeted = true;
    } else if (frame.type == MessageType::model_bytes && decode(frame.payload, model)) {
      model_bytes.insert(model_bytes.end(), model.bytes.begin(), model.bytes.end());
    }
  }

  protocol::FrameReader reader_;
  protocol::SequenceWatcher watcher_;
  std::uint16_t sequence_ = 0;
};

inline const std::vector<std::uint8_t>& shaker_model() {
  static const std::vector<std::uint8_t> bytes = [] {
    VirtualRig rig;
    rig.power_on();
    rig.connect(protocol::kStreamSamples);
    rig.run(100);
    Trained trained;
    FeaturePipeline pipeline(trained.spec, trained.window);
    std::vector<float> features;
    for (const protocol::SamplesMessage& message : rig.samples) {
      for (std::size_t i = 0; i < message.block.count; ++i) {
        if (!pipeline.push(message.block.timed(i))) continue;
        features.resize(features.size() + trained.spec.dimensions());
        pipeline.finish(std::span(features).last(trained.spec.dimensions()));
      }
    }
    TrainingSettings settings;
    settings.seed = 1;
    train(trained, features, settings);
    return detector_bytes(trained.quantised, describe_trained(trained, {}, 3.0F));
  }();
  return bytes;
}

}  // namespace fettle::test
