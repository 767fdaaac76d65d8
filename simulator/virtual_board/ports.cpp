// SPDX-License-Identifier: Apache-2.0
#include "simulator/virtual_board/ports.hpp"

#include <algorithm>

#include "simulator/virtual_board/bus_status.hpp"

namespace fettle::simulator {

using board::StoreStatus;

std::size_t Operations::powered(std::size_t bytes) {
  std::size_t written = bytes;
  if (power_lost_) {
    written = 0;
  } else if (bytes_before_power_loss && *bytes_before_power_loss < bytes) {
    written = static_cast<std::size_t>(*bytes_before_power_loss);
    power_lost_ = true;
  }
  if (bytes_before_power_loss) *bytes_before_power_loss -= written;
  stored_bytes_ += written;
  return written;
}

// Address, register, address again and the bytes, nine clocks each (UM10204, 3.1.5).
void ChipBus::pass(std::size_t bytes) {
  const std::int64_t byte_ns = 9'000'000'000 / hz;
  rest_ns_ += static_cast<std::int64_t>(bytes + 3) * byte_ns;
  now_us_ += rest_ns_ / 1000;
  rest_ns_ %= 1000;
  chip_.advance_to(now_us_);
}

BusStatus ChipBus::ended(BusAnswer answer) {
  constexpr std::int64_t kTimeout_us = 10'000;
  if (answer == BusAnswer::timeout) {
    now_us_ += kTimeout_us;
    chip_.advance_to(now_us_);
  }
  return status_of(answer);
}

bool ChipBus::answer_lost() {
  const bool fails = operations_.fails();
  return fails || (lost_answers > 0 && chance_.uniform() < lost_answers);
}

BusStatus ChipBus::read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) {
  const bool lost = answer_lost();
  const BusAnswer answer = chip_.read(device, reg, bytes);
  pass(answer == BusAnswer::ok ? bytes.size() : 0);
  return ended(lost ? BusAnswer::timeout : answer);
}

BusStatus ChipBus::write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) {
  const bool lost = answer_lost();
  const BusAnswer answer = chip_.write(device, reg, value);
  pass(0);
  return ended(lost ? BusAnswer::timeout : answer);
}

BusStatus ChipBus::recover() {
  if (operations_.fails()) return BusStatus::stuck;
  pass(0);
  return ended(chip_.clock_nine());
}

/// As the firmware does: by what twelve bytes more take.
BusWires ChipBus::measure(std::uint8_t device, std::uint8_t reg) {
  BusWires wires{asked_hz, 0, pull_ups, pull_ups};
  std::array<std::uint8_t, 14> bytes;
  const std::int64_t began_us = now_us_;
  if (read(device, reg, std::span(bytes).first(2)) != BusStatus::ok) return wires;
  const std::int64_t between_us = now_us_;
  if (read(device, reg, bytes) != BusStatus::ok) return wires;
  const std::int64_t more_us = now_us_ - between_us - (between_us - began_us);
  constexpr std::int64_t kBits_us = 12 * 9 * 1'000'000;
  wires.measured_hz = static_cast<std::uint32_t>(kBits_us / (more_us > 0 ? more_us : 1));
  return wires;
}

std::size_t VirtualLine::carried(std::int64_t& since_us) const {
  constexpr std::size_t kUartBuffer = 4096;
  const auto bytes = static_cast<std::uint64_t>(now_us_ - since_us) * baud_rate / 10'000'000;
  if (bytes >= kUartBuffer) {
    since_us = now_us_ - static_cast<std::int64_t>(kUartBuffer * 10'000'000 / baud_rate);
    return kUartBuffer;
  }
  return static_cast<std::size_t>(bytes);
}

std::size_t VirtualLine::read(std::span<std::uint8_t> bytes) {
  if (to_board.empty()) {
    read_us_ = now_us_;
    return 0;
  }
  const std::size_t size = std::min({bytes.size(), to_board.size(), carried(read_us_)});
  if (size == 0) return 0;
  read_us_ += static_cast<std::int64_t>(size * 10'000'000 / baud_rate);
  std::copy_n(to_board.begin(), size, bytes.begin());
  to_board.erase(to_board.begin(), to_board.begin() + static_cast<std::ptrdiff_t>(size));
  if (operations_.fails()) bytes[size / 2] ^= 0x10U;  // noise
  return size;
}

std::size_t VirtualLine::write(std::span<const std::uint8_t> bytes) {
  const std::size_t size = std::min(bytes.size(), carried(written_us_));
  if (size == 0) return 0;
  written_us_ += static_cast<std::int64_t>(size * 10'000'000 / baud_rate);
  if (operations_.fails()) return size;  // lost on the way
  from_board.insert(from_board.end(), bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

StoreStatus VirtualCard::open(std::uint64_t& size) {
  if (operations_.fails()) return StoreStatus::failed;
  if (!inserted) return StoreStatus::absent;
  size = medium_.size();
  return StoreStatus::ok;
}

StoreStatus VirtualCard::read(std::uint64_t offset, std::span<std::uint8_t> bytes) {
  if (operations_.fails()) return StoreStatus::failed;
  if (!inserted) return StoreStatus::absent;
  return medium_.read(offset, bytes) ? StoreStatus::ok : StoreStatus::failed;
}

StoreStatus VirtualCard::append(std::span<const std::uint8_t> bytes) {
  if (!inserted) return StoreStatus::absent;
  if (refuses) return StoreStatus::failed;
  const std::uint64_t end = medium_.size();
  if (end + bytes.size() > capacity) return StoreStatus::full;
  const bool fails = operations_.fails();
  // What fails has perhaps written a part.
  const std::size_t size = operations_.powered(fails ? bytes.size() / 3 : bytes.size());
  if (!medium_.write(end, bytes.first(size))) return StoreStatus::failed;
  return size == bytes.size() ? StoreStatus::ok : StoreStatus::failed;
}

VirtualFlash::VirtualFlash(Medium& medium, Operations& operations)
    : medium_(medium),
      operations_(operations),
      slots_(std::make_unique<std::array<Slot, kSlots>>()) {
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    auto& bytes = (*slots_)[slot].bytes;
    if (!medium_.read(slot * kSlotBytes, bytes)) {
      bytes.fill(0xFF);
      medium_.write(slot * kSlotBytes, bytes);
    }
  }
}

StoreStatus VirtualFlash::erase(std::size_t slot) {
  const bool fails = operations_.fails();
  // Erasing goes sector by sector; a loss of power leaves the rest as it was.
  constexpr std::size_t kSector = 4096;
  auto& bytes = (*slots_)[slot].bytes;
  for (std::size_t at = 0; at < kSlotBytes; at += kSector) {
    if (fails && at > 0) return StoreStatus::failed;
    if (operations_.powered(1) == 0) return StoreStatus::failed;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kSector, std::uint8_t{0xFF});
    medium_.write(slot * kSlotBytes + at, {bytes.data() + at, kSector});
  }
  return StoreStatus::ok;
}

StoreStatus VirtualFlash::write(std::size_t slot, std::size_t offset,
                                std::span<const std::uint8_t> bytes) {
  if (offset + bytes.size() > kSlotBytes) return StoreStatus::full;
  const bool fails = operations_.fails();
  const std::size_t size = operations_.powered(fails ? bytes.size() / 3 : bytes.size());
  auto& memory = (*slots_)[slot].bytes;
  for (std::size_t i = 0; i < size; ++i) memory[offset + i] &= bytes[i];
  medium_.write(slot * kSlotBytes + offset, {memory.data() + offset, size});
  return size == bytes.size() ? StoreStatus::ok : StoreStatus::failed;
}

std::span<const std::uint8_t> VirtualFlash::view(std::size_t slot) { return (*slots_)[slot].bytes; }

VirtualEventFlash::VirtualEventFlash(Medium& medium, Operations& operations, std::size_t sectors)
    : medium_(medium), operations_(operations), sectors_(sectors) {
  if (medium_.size() >= sectors * kSectorBytes) return;
  medium_.write(0, std::vector<std::uint8_t>(sectors * kSectorBytes, 0xFF));
}

/// A loss of power leaves the rest of the sector as it was.
StoreStatus VirtualEventFlash::erase(std::size_t sector) {
  if (sector == worn_sector) return StoreStatus::failed;
  const bool fails = operations_.fails();
  constexpr std::size_t kPiece = 256;
  std::array<std::uint8_t, kPiece> ones;
  ones.fill(0xFF);
  for (std::size_t at = 0; at < kSectorBytes; at += kPiece) {
    if (fails && at > 0) return StoreStatus::failed;
    if (operations_.powered(1) == 0) return StoreStatus::failed;
    medium_.write(sector * kSectorBytes + at, ones);
  }
  return StoreStatus::ok;
}

StoreStatus VirtualEventFlash::write(std::size_t offset, std::span<const std::uint8_t> bytes) {
  if (takes_nothing) return StoreStatus::failed;
  const bool fails = operations_.fails();
  const std::size_t some = leaves_some ? bytes.size() / 3 : 0;
  const std::size_t size = operations_.powered(fails ? some : bytes.size());
  std::vector<std::uint8_t> there(size);
  if (!medium_.read(offset, there)) return StoreStatus::failed;
  for (std::size_t i = 0; i < size; ++i) there[i] &= bytes[i];
  medium_.write(offset, there);
  return size == bytes.size() ? StoreStatus::ok : StoreStatus::failed;
}

StoreStatus VirtualEventFlash::read(std::size_t offset, std::span<std::uint8_t> bytes) {
  if (operations_.fails()) return StoreStatus::failed;
  return medium_.read(offset, bytes) ? StoreStatus::ok : StoreStatus::failed;
}

StoreStatus VirtualSettings::load(std::span<std::uint8_t> bytes, std::size_t& size) {
  if (operations_.fails()) return StoreStatus::failed;
  const std::uint64_t there = medium_.size();
  if (there == 0) return StoreStatus::absent;
  size = static_cast<std::size_t>(there);
  if (there > bytes.size()) return StoreStatus::ok;
  return medium_.read(0, bytes.first(size)) ? StoreStatus::ok : StoreStatus::failed;
}

StoreStatus VirtualSettings::save(std::span<const std::uint8_t> bytes) {
  if (operations_.fails()) return StoreStatus::failed;
  if (operations_.powered(bytes.size()) != bytes.size()) return StoreStatus::failed;
  return medium_.replace(bytes) ? StoreStatus::ok : StoreStatus::failed;
}

}  // namespace fettle::simulator
