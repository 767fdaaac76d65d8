// SPDX-License-Identifier: Apache-2.0
// Times the board half from the inside, for benchmarks/bench.py, one core, CPU time:
//   fettle-board-bench machine RATE_HZ              {"machine": ..., "motion": ..., "chip": ...}
//   fettle-board-bench board MODEL RATE_HZ SECONDS  {"whole": ..., "own": ..., "driver": ...}
//   fettle-board-bench size                         {"board": ..., "driver": ..., "detector": ...}
// Speeds are simulated seconds for each second of CPU time.
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "board/board.hpp"
#include "host/model_file.hpp"
#include "simulator/machine/machine.hpp"
#include "simulator/scheduled_source.hpp"
#include "simulator/virtual_board/virtual_board.hpp"

namespace fettle {
namespace {

using namespace simulator;

/// Long enough that the clock's step does not matter.
constexpr double kAtLeast_s = 0.5;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Simulated seconds for each second of CPU time. `pass` simulates as many seconds as it returns.
template <typename Pass>
double times_real_time(Pass pass) {
  double simulated_s = 0;
  double spent_s = 0;
  const double start_s = cpu_seconds();
  do {
    simulated_s += pass();
    spent_s = cpu_seconds() - start_s;
  } while (spent_s < kAtLeast_s);
  return simulated_s / spent_s;
}

/// A sensor that lies on a table: it costs nothing, so that only the chip is timed.
class Still final : public MotionSource {
 public:
  Motion next(double) override { return motion_; }

 private:
  Motion motion_{.axis = {0, 0, 1, 0, 0, 0}, .celsius = 25};
};

/// The chip as the driver sets it up, its FIFO emptied in time.
double chip_speed(int rate_hz) {
  Still still;
  Mpu6050Chip chip(typical_chip(1), still);
  std::int64_t now_us = 200'000;
  chip.advance_to(now_us);
  constexpr std::uint8_t kAddress = 0x68;
  const auto write = [&chip](std::uint8_t reg, std::uint8_t value) {
    if (chip.write(kAddress, reg, value) != BusAnswer::ok) throw std::runtime_error("no chip");
  };
  write(0x6B, 0x01);                                           // PLL
  write(0x1A, rate_hz == 1000 ? 1 : 2);                        // low-pass
  write(0x19, static_cast<std::uint8_t>(1000 / rate_hz - 1));  // divider
  write(0x38, 0x01);                                           // interrupt
  write(0x23, 0x78);                                           // all six axes into the FIFO
  write(0x6A, 0x40);
  std::array<std::uint8_t, 192> bytes{};
  return times_real_time([&] {
    constexpr std::int64_t kPass_us = 10'000'000;
    for (const std::int64_t end_us = now_us + kPass_us; now_us < end_us;) {
      now_us += 16'000'000 / rate_hz;
      chip.advance_to(now_us);
      while (chip.fifo_bytes() >= 12) {
        const std::size_t size = std::min(bytes.size(), chip.fifo_bytes() / 12 * 12);
        if (chip.read(kAddress, 0x74, std::span(bytes).first(size)) != BusAnswer::ok) {
          throw std::runtime_error("the chip's FIFO cannot be read");
        }
      }
    }
    return static_cast<double>(kPass_us) * 1e-6;
  });
}

void machine(int rate_hz) {
  MachineConfig config;
  config.rate_hz = rate_hz;
  double checksum = 0;  // keeps the work from being optimised away
  Machine samples(config, 1);
  const double machine_speed = times_real_time([&] {
    for (int i = 0; i < 10 * rate_hz; ++i) {
      checksum += static_cast<double>(samples.next().sample.axis[0]);
    }
    return 10.0;
  });
  // What the chip asks of a machine: a step for each of its own, at whatever rate it delivers.
  ScheduledMotion motion(config, 1, {});
  const double motion_speed = times_real_time([&] {
    for (int i = 0; i < 10'000; ++i) checksum += motion.next(1e-3).axis[0];
    return 10.0;
  });
  std::printf("{\"machine\": %.6g, \"motion\": %.6g, \"chip\": %.6g, \"checksum\": %.6g}\n",
              machine_speed, motion_speed, chip_speed(rate_hz), checksum);
}

/// What the ports of the sensor gave to a board, in the order of its questions.
struct Given {
  struct Transfer {
    std::uint8_t reg;
    std::uint8_t size;  // of a read; 0: a write
    BusStatus status;
  };
  std::vector<std::int64_t> steps_us;
  std::vector<Transfer> transfers;
  std::vector<std::uint8_t> bytes;
  std::vector<DataReadyState> pulses;
};

class NotingBus final : public RegisterBus {
 public:
  NotingBus(ChipBus& bus, Given& given) : bus_(bus), given_(given) {}
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    const BusStatus status = bus_.read(device, reg, bytes);
    given_.transfers.push_back({reg, static_cast<std::uint8_t>(bytes.size()), status});
    given_.bytes.insert(given_.bytes.end(), bytes.begin(), bytes.end());
    return status;
  }
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override {
    const BusStatus status = bus_.write(device, reg, value);
    given_.transfers.push_back({reg, 0, status});
    return status;
  }
  BusStatus recover() override { throw std::runtime_error("a bus without faults was recovered"); }

 private:
  ChipBus& bus_;
  Given& given_;
};

class NotingDataReady final : public DataReady {
 public:
  NotingDataReady(const ChipInterrupt& interrupt, Given& given)
      : interrupt_(interrupt), given_(given) {}
  [[nodiscard]] DataReadyState state() const override {
    given_.pulses.push_back(interrupt_.state());
    return given_.pulses.back();
  }

 private:
  const ChipInterrupt& interrupt_;
  Given& given_;
};

/// Gives it all again, without a chip.
class Replay final : public RegisterBus, public DataReady {
 public:
  explicit Replay(const Given& given) : given_(given) {}
  BusStatus read(std::uint8_t, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    const Given::Transfer& transfer = next(reg, bytes.size());
    const auto* from = given_.bytes.data() + byte_;
    std::copy_n(from, bytes.size(), bytes.begin());
    byte_ += bytes.size();
    return transfer.status;
  }
  BusStatus write(std::uint8_t, std::uint8_t reg, std::uint8_t) override {
    return next(reg, 0).status;
  }
  BusStatus recover() override { throw std::runtime_error("a bus without faults was recovered"); }
  [[nodiscard]] DataReadyState state() const override {
    if (pulse_ == given_.pulses.size()) throw std::runtime_error("the replay asks for more");
    return given_.pulses[pulse_++];
  }

 private:
  const Given::Transfer& next(std::uint8_t reg, std::size_t size) {
    if (transfer_ == given_.transfers.size() || given_.transfers[transfer_].reg != reg ||
        given_.transfers[transfer_].size != size) {
      throw std::runtime_error("the replay goes another way than what was noted");
    }
    return given_.transfers[transfer_++];
  }

  const Given& given_;
  std::size_t transfer_ = 0;
  std::size_t byte_ = 0;
  mutable std::size_t pulse_ = 0;
};

/// A line and a card that take everything at once and cost nothing.
class FreeLine final : public board::ByteStream {
 public:
  std::vector<std::uint8_t> to_board;
  std::uint64_t sent = 0;
  std::size_t read(std::span<std::uint8_t> bytes) override {
    const std::size_t size = std::min(bytes.size(), to_board.size() - taken_);
    std::copy_n(to_board.data() + taken_, size, bytes.begin());
    taken_ += size;
    return size;
  }
  std::size_t write(std::span<const std::uint8_t> bytes) override {
    sent += bytes.size();
    return bytes.size();
  }
  [[nodiscard]] std::uint32_t baud() const override { return 921'600; }

 private:
  std::size_t taken_ = 0;
};

class FreeCard final : public board::Card {
 public:
  bool inserted = true;
  std::uint64_t stored = 0;
  board::StoreStatus open(std::uint64_t& size) override {
    size = 0;
    return inserted ? board::StoreStatus::ok : board::StoreStatus::absent;
  }
  board::StoreStatus read(std::uint64_t, std::span<std::uint8_t>) override {
    return board::StoreStatus::failed;
  }
  board::StoreStatus append(std::span<const std::uint8_t> bytes) override {
    stored += bytes.size();
    return board::StoreStatus::ok;
  }
};

/// How much of its work a board does.
enum class Work : std::uint8_t {
  all,    ///< judges, records to the card, sends samples, scores and events
  sensor  ///< reads the sensor, cuts windows; no model, no card, nobody on the line
};

void save_rate(Storage& storage, Operations& operations, int rate_hz, bool record) {
  VirtualSettings store(*storage.settings, operations);
  board::Settings settings;
  settings.rate_hz = static_cast<std::uint16_t>(rate_hz);
  if (record) settings.record << "bench";
  if (board::save_settings(store, settings) != board::StoreStatus::ok) {
    throw std::runtime_error("the settings cannot be saved");
  }
}

/// A computer's greeting, and what it wants to be sent.
template <typename Bytes>
void connect(Bytes& to_board) {
  std::uint16_t sequence = 0;
  const auto send = [&](protocol::MessageType type, const auto& message) {
    std::array<std::uint8_t, protocol::kMostPayload> payload{};
    std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
    const std::size_t size = protocol::encode(message, payload);
    const std::size_t bytes =
        protocol::encode_frame(type, sequence++, std::span(payload).first(size), frame);
    to_board.insert(to_board.end(), frame.begin(),
                    frame.begin() + static_cast<std::ptrdiff_t>(bytes));
  };
  send(protocol::MessageType::hello, protocol::HelloRequest{});
  send(protocol::MessageType::stream,
       protocol::StreamRequest{protocol::kStreamSamples | protocol::kStreamScores |
                               protocol::kStreamEvents});
}

/// Ports without the sensor, and the board on them.
class Rig {
 public:
  Rig(RegisterBus& bus, DataReady& data_ready, std::span<const std::uint8_t> model, int rate_hz,
      Work work)
      : board_(
            {bus, data_ready, line, card, flash_, settings_, learned_, pin_, log_, &calibration_},
            {{}, "bench", work == Work::all ? model : std::span<const std::uint8_t>{}}) {
    save_rate(storage_, operations_, rate_hz, work == Work::all);
    card.inserted = work == Work::all;
    if (work == Work::all) connect(line.to_board);
  }
  FreeLine line;
  FreeCard card;

  board::Board& board() { return board_; }

 private:
  std::int64_t now_us_ = 0;
  Observer observer_;
  Operations operations_;
  Storage storage_;
  VirtualFlash flash_{*storage_.flash, operations_};
  VirtualSettings settings_{*storage_.settings, operations_};
  VirtualSettings learned_{*storage_.learned, operations_};
  VirtualPin pin_{now_us_, observer_};
  VirtualLog log_{now_us_, observer_};
  Refinement::Memory calibration_;
  board::Board board_;
};

struct Done {
  std::uint64_t sent;
  std::uint64_t stored;
  std::uint64_t windows;
  friend bool operator==(const Done&, const Done&) = default;
};

Done done(Rig& rig) { return {rig.line.sent, rig.card.stored, rig.board().status().windows}; }

Given note(std::span<const std::uint8_t> model, int rate_hz, double seconds, Done& result) {
  Given given;
  ScheduledSource source({}, 1, {});
  Operations operations;
  Mpu6050Chip chip(typical_chip(1), source);
  std::int64_t now_us = 0;
  ChipBus bus(chip, now_us, operations);
  ChipInterrupt interrupt(chip, now_us);
  NotingBus noting(bus, given);
  NotingDataReady noting_pulses(interrupt, given);
  Rig rig(noting, noting_pulses, model, rate_hz, Work::all);
  rig.board().begin(0);
  while (static_cast<double>(now_us) < seconds * 1e6) {
    now_us = std::max(rig.board().next_wake_us(), now_us + 1);
    chip.advance_to(now_us);
    given.steps_us.push_back(now_us);
    rig.board().step(now_us);
  }
  result = done(rig);
  return given;
}

Done replay(const Given& given, std::span<const std::uint8_t> model, int rate_hz, Work work) {
  Replay sensor(given);
  Rig rig(sensor, sensor, model, rate_hz, work);
  rig.board().begin(0);
  for (const std::int64_t now_us : given.steps_us) rig.board().step(now_us);
  return done(rig);
}

void virtual_board(const char* model_path, int rate_hz, double seconds) {
  const auto model = host::ModelFile::open_detector(model_path);
  const std::span<const std::uint8_t> file = model->bytes();

  const double whole = times_real_time([&] {
    ScheduledSource source({}, 1, {});
    Storage storage;
    Operations operations;
    save_rate(storage, operations, rate_hz, true);
    VirtualBoardConfig config;
    config.chip = typical_chip(1);
    config.model = file;
    VirtualBoard board(config, source, storage, operations);
    connect(board.line().to_board);
    for (double t_s = 0; t_s < seconds; t_s += 1) {
      board.run_for(1'000'000);
      board.line().from_board.clear();
    }
    if (board.board().status().windows == 0) throw std::runtime_error("nothing was judged");
    return seconds;
  });

  Done expected{};
  const Given given = note(file, rate_hz, seconds, expected);
  const double own = times_real_time([&] {
    if (replay(given, file, rate_hz, Work::all) != expected) {
      throw std::runtime_error("the replay did something else than the board");
    }
    return seconds;
  });
  const double driver = times_real_time([&] {
    static_cast<void>(replay(given, {}, rate_hz, Work::sensor));
    return seconds;
  });
  std::printf(
      "{\"whole\": %.6g, \"own\": %.6g, \"driver\": %.6g, \"windows\": %llu, "
      "\"line_bytes\": %llu, \"card_bytes\": %llu}\n",
      whole, own, driver, static_cast<unsigned long long>(expected.windows),
      static_cast<unsigned long long>(expected.sent),
      static_cast<unsigned long long>(expected.stored));
}

void size() {
  std::printf("{\"board\": %zu, \"driver\": %zu, \"detector\": %zu}\n", sizeof(board::Board),
              sizeof(mpu6050::Driver), sizeof(board::Detector));
}

double number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0)) {
    throw std::runtime_error("not a number above 0: " + std::string(text));
  }
  return value;
}

int rate(std::string_view text) {
  const double rate_hz = number(text);
  if (rate_hz != 200 && rate_hz != 1000) throw std::runtime_error("RATE_HZ is 200 or 1000");
  return static_cast<int>(rate_hz);
}

}  // namespace
}  // namespace fettle

int main(int count, char** arguments) {
  try {
    const std::string_view what = count > 1 ? arguments[1] : "";
    if (what == "machine" && count == 3) {
      fettle::machine(fettle::rate(arguments[2]));
    } else if (what == "board" && count == 5) {
      fettle::virtual_board(arguments[2], fettle::rate(arguments[3]), fettle::number(arguments[4]));
    } else if (what == "size" && count == 2) {
      fettle::size();
    } else {
      std::fputs(
          "fettle-board-bench machine RATE_HZ | fettle-board-bench board MODEL RATE_HZ SECONDS | "
          "fettle-board-bench size\n",
          stderr);
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fettle-board-bench: %s\n", error.what());
    return 3;
  }
}
