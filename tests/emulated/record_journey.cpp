// SPDX-License-Identifier: Apache-2.0
// Records what emulated processors play back: record_journey FOLDER. A simulated machine is learned,
// tutorial and vibration features, then runs with a fault on another day under a board that runs the
// model. Always the same bytes.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "board/board.hpp"
#include "host/c_array.hpp"
#include "host/model_file.hpp"
#include "host/training.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "simulator/scheduled_source.hpp"
#include "simulator/virtual_board/ports.hpp"
#include "tests/emulated/replay.hpp"
#include "tests/support/decided.hpp"
#include "tests/support/hand_made.hpp"

namespace fettle::test {
namespace {

class Writer {
 public:
  std::vector<std::uint8_t> bytes;
  void letter(char c) { bytes.push_back(static_cast<std::uint8_t>(c)); }
  void number(std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
  }
  void row(std::span<const std::uint8_t> values) {
    bytes.insert(bytes.end(), values.begin(), values.end());
  }
};

class RecordedBus final : public RegisterBus {
 public:
  RecordedBus(RegisterBus& bus, Writer& writer) : bus_(bus), writer_(writer) {}
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    const BusStatus status = bus_.read(device, reg, bytes);
    writer_.letter('R');
    for (const std::size_t n :
         {std::size_t{device}, std::size_t{reg}, bytes.size(), static_cast<std::size_t>(status)}) {
      writer_.number(n, 1);
    }
    if (status == BusStatus::ok) writer_.row(bytes);
    return status;
  }
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override {
    const BusStatus status = bus_.write(device, reg, value);
    writer_.letter('W');
    for (const unsigned n :
         {unsigned{device}, unsigned{reg}, unsigned{value}, static_cast<unsigned>(status)}) {
      writer_.number(n, 1);
    }
    return status;
  }
  BusStatus recover() override {
    const BusStatus status = bus_.recover();
    writer_.letter('V');
    writer_.number(static_cast<std::uint64_t>(status), 1);
    return status;
  }

 private:
  RegisterBus& bus_;
  Writer& writer_;
};

class RecordedInterrupt final : public DataReady {
 public:
  RecordedInterrupt(const DataReady& interrupt, Writer& writer)
      : interrupt_(interrupt), writer_(writer) {}
  [[nodiscard]] DataReadyState state() const override {
    const DataReadyState state = interrupt_.state();
    if (state.count != before_.count || state.last_us != before_.last_us) {
      writer_.letter('D');
      writer_.number(state.count, 4);
      writer_.number(static_cast<std::uint64_t>(state.last_us), 8);
      before_ = state;
    }
    return state;
  }

 private:
  const DataReady& interrupt_;
  Writer& writer_;
  mutable DataReadyState before_;
};

class RecordedLine final : public ListenedLine {
 public:
  RecordedLine(Writer& writer, Listener& listener) : ListenedLine(listener), writer_(writer) {}
  std::vector<std::uint8_t> to_board;
  std::size_t read(std::span<std::uint8_t> bytes) override {
    const std::size_t size = std::min({bytes.size(), to_board.size(), std::size_t{200}});
    if (size == 0) return 0;
    std::copy_n(to_board.begin(), size, bytes.begin());
    to_board.erase(to_board.begin(), to_board.begin() + static_cast<std::ptrdiff_t>(size));
    writer_.letter('I');
    writer_.number(size, 1);
    writer_.row(bytes.first(size));
    return size;
  }

 private:
  Writer& writer_;
};

class Quiet final : public board::AlertPin, public board::Log {
 public:
  bool rose = false;
  void set(bool active) override { rose = rose || active; }
  void write(board::LogLevel, std::string_view, std::string_view) override {}
};

/// Keeps the samples that the board sends.
class Samples final : public Listener {
 public:
  std::vector<TimedSample> samples;
  void sent(std::span<const std::uint8_t> bytes) override {
    for (const std::uint8_t byte : bytes) {
      const protocol::LineEvent event = reader_.push(byte);
      protocol::SamplesMessage message;
      if (event.kind != protocol::LineEvent::Kind::frame ||
          event.type != protocol::MessageType::samples || !decode(event.payload, message)) {
        continue;
      }
      for (std::size_t i = 0; i < message.block.count; ++i) {
        samples.push_back(message.block.timed(i));
      }
    }
  }

 private:
  protocol::FrameReader reader_;
};

struct Run {
  std::vector<std::uint8_t> recording;
  std::vector<TimedSample> samples;
  bool alarm = false;
};

/// A board watches the machine for some time.
/// @param commands  what the computer asks for at the beginning
Run run(std::uint64_t session, const simulator::Schedule& schedule, double seconds,
        std::span<const std::uint8_t> model, std::uint8_t streams,
        std::span<const std::string_view> commands) {
  simulator::MachineConfig machine;
  machine.session = session;
  simulator::ScheduledSource source(machine, 1, schedule);
  simulator::Mpu6050Chip chip(simulator::typical_chip(1), source);
  simulator::Operations operations;
  std::int64_t now_us = 300'000;
  simulator::ChipBus chip_bus(chip, now_us, operations);
  simulator::ChipInterrupt chip_interrupt(chip, now_us);
  Writer writer;
  RecordedBus bus(chip_bus, writer);
  RecordedInterrupt interrupt(chip_interrupt, writer);
  Samples samples;
  RecordedLine line(writer, samples);
  const auto card = std::make_unique<MemoryCard>();
  EmptyFlash flash;
  MemorySettings settings;
  MemorySettings learned;
  Quiet quiet;
  const auto calibration = std::make_unique<Refinement::Memory>();
  board::Board board(
      {bus, interrupt, line, *card, flash, settings, learned, quiet, quiet, calibration.get()},
      {kPlayedId, kPlayedFirmware, model});

  std::array<std::uint8_t, protocol::kMostPayload> payload{};
  std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
  std::uint16_t sequence = 0;
  const auto send = [&](protocol::MessageType type, std::span<const std::uint8_t> bytes) {
    const std::size_t size = protocol::encode_frame(type, sequence++, bytes, frame);
    line.to_board.insert(line.to_board.end(), frame.begin(),
                         frame.begin() + static_cast<std::ptrdiff_t>(size));
  };
  const auto stamp = [&] {
    writer.letter('T');
    writer.number(static_cast<std::uint64_t>(now_us), 8);
  };
  chip.advance_to(now_us);
  stamp();
  board.begin(now_us);
  send(protocol::MessageType::hello,
       std::span(payload).first(protocol::encode(
           protocol::HelloRequest{protocol::kVersion, 1'800'000'000'000'000}, payload)));
  send(protocol::MessageType::stream,
       std::span(payload).first(protocol::encode(protocol::StreamRequest{streams}, payload)));
  for (const std::string_view command : commands) {
    send(protocol::MessageType::command,
         {reinterpret_cast<const std::uint8_t*>(command.data()), command.size()});
  }
  const auto end_us = static_cast<std::int64_t>(seconds * 1e6);
  while (now_us < end_us) {
    now_us = std::max(board.next_wake_us(), now_us + 1);
    chip.advance_to(now_us);
    stamp();
    board.step(now_us);
  }
  return {std::move(writer.bytes), std::move(samples.samples), quiet.rose};
}

void save(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::vector<std::uint8_t> learn(std::span<const TimedSample> samples, const FeatureSpec& spec) {
  static const std::string label = "normal";
  host::Hygiene hygiene;
  const host::WindowTable table = host::learn_windows(
      [&](std::span<const SpeedRange> expected) { return table_of(samples, spec, expected); },
      hygiene);
  host::LearningSettings settings;
  if (spec.set == FeatureSet::vibration) {
    settings.detector = DetectorKind::mahalanobis;
    settings.alarms_per_hour = 6.0;
  }
  return host::train_detector(table, host::split_by_time(table), settings, false, label, "test")
      .file;
}

void record(const std::filesystem::path& folder) {
  constexpr double kLearned_s = 400.0;
  constexpr double kWatched_s = 45.0;
  constexpr std::string_view kCommands[] = {"record normal", "status"};
  simulator::Schedule fault;
  fault.faults = {{.which = simulator::FaultKind::imbalance, .from_s = 20, .until_s = 32}};
  const std::vector<TimedSample> normal =
      run(0, {}, kLearned_s, {}, protocol::kStreamSamples, {}).samples;
  const std::array<std::pair<const char*, FeatureSpec>, 2> kinds = {
      {{"tutorial", {FeatureSet::tutorial, 6, true}},
       {"vibration", {FeatureSet::vibration, 6, false}}}};
  for (const auto& [name, spec] : kinds) {
    const AlignedBytes model(learn(normal, spec));
    if (spec.set == FeatureSet::tutorial) {
      const auto file =
          host::ModelFile::from_bytes({model.view().begin(), model.view().end()}, name, true);
      const std::string tables = host::c_tables(*file, "tutorial_tables");
      save(folder / "tutorial_tables.hpp",
           {reinterpret_cast<const std::uint8_t*>(tables.data()), tables.size()});
    }
    const Run watched = run(1, fault, kWatched_s, model.view(),
                            protocol::kStreamScores | protocol::kStreamEvents, kCommands);
    if (!watched.alarm) throw std::runtime_error(std::string(name) + ": there was no alarm");
    save(folder / (std::string(name) + ".tflite"), model.view());
    save(folder / (std::string(name) + ".recording"), watched.recording);
    std::printf("%s: %zu bytes of model, %zu of recording\n", name, model.view().size(),
                watched.recording.size());
  }
}

}  // namespace
}  // namespace fettle::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("Usage: record_journey FOLDER\n", stderr);
    return 2;
  }
  try {
    fettle::test::record(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "record_journey: %s\n", error.what());
    return 1;
  }
  return 0;
}
