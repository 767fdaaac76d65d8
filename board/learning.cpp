// SPDX-License-Identifier: Apache-2.0
#include "board/learning.hpp"

#include <algorithm>

#include "core/checksum.hpp"

namespace fettle::board {
namespace {

// FTLB, format, hop, CRC-32 of the model; what was learned; CRC-32 over all of that.
constexpr std::array<std::uint8_t, 4> kMagic = {'F', 'T', 'L', 'B'};
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kHeader = 12;
static_assert(kMostLearned == kHeader + Refinement::kBytes + 4);

using Record = std::array<std::uint8_t, kMostLearned>;

void put(Record& record, std::size_t at, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    record[at + i] = static_cast<std::uint8_t>(value >> (8 * i) & 0xFFU);
  }
}
std::uint32_t take(const Record& record, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{record[at + i]} << (8 * i);
  return value;
}
std::uint32_t checksum(const Record& record) {
  Crc32 crc;
  crc.add({record.data(), record.size() - 4});
  return crc.value();
}

std::span<std::uint8_t, Refinement::kBytes> body(Record& record) {
  return std::span<std::uint8_t, Refinement::kBytes>(record.data() + kHeader, Refinement::kBytes);
}

}  // namespace

Learning::Loaded Learning::begin(const DetectorModel& model, const WindowShape& window,
                                 std::uint32_t model_crc32) {
  end();
  if (!room() || !Refinement::possible(model)) return Loaded::nothing;
  refinement_.emplace(model, window);
  model_crc32_ = model_crc32;
  hop_ = static_cast<std::uint16_t>(window.hop_samples());
  saved_revision_ = 0;
  changed_ = false;

  constexpr int kTries = 3;
  Record record;
  std::size_t size = 0;
  StoreStatus status = StoreStatus::failed;
  for (int i = 0; i < kTries && status == StoreStatus::failed; ++i) {
    status = store_.load(record, size);
  }
  if (status == StoreStatus::absent) return Loaded::nothing;
  if (status != StoreStatus::ok) {
    writable_ = false;
    return Loaded::unreadable;
  }
  if (size != record.size() || take(record, record.size() - 4, 4) != checksum(record) ||
      !std::equal(kMagic.begin(), kMagic.end(), record.begin()) || take(record, 4, 2) != kFormat) {
    return Loaded::damaged;
  }
  if (take(record, 8, 4) != model_crc32_ || take(record, 6, 2) != hop_) return Loaded::foreign;
  if (!refinement_->read(body(record))) return Loaded::damaged;
  saved_revision_ = refinement_->burn_in().revision();
  return Loaded::taken_up;
}

bool Learning::step() {
  if (!refinement_) return false;
  if (refinement_->burn_in().revision() != saved_revision_) changed_ = true;
  // A status other than ok means that the summary is not one to calibrate on yet: asked again later.
  if (refinement_->due()) static_cast<void>(refinement_->begin(*memory_));
  const bool better = refinement_->step();
  changed_ = changed_ || better;
  return better;
}

void Learning::was_false() {
  if (!refinement_) return;
  refinement_->was_false();
  changed_ = true;
}
void Learning::was_true() {
  if (!refinement_) return;
  refinement_->was_true();
  changed_ = true;
}
void Learning::take_back() {
  if (!refinement_) return;
  refinement_->take_back();
  changed_ = true;
}
void Learning::serviced() {
  if (!refinement_) return;
  changed_ = changed_ || refinement_->waits();
  refinement_->serviced();
}

StoreStatus Learning::keep() {
  if (!refinement_ || !changed_ || refinement_->working() || !writable_) return StoreStatus::ok;
  Record record;
  for (std::size_t i = 0; i < kMagic.size(); ++i) record[i] = kMagic[i];
  put(record, 4, kFormat, 2);
  put(record, 6, hop_, 2);
  put(record, 8, model_crc32_, 4);
  refinement_->write(body(record));
  put(record, record.size() - 4, checksum(record), 4);
  // Tried once: what is not saved now is saved with the next quarantine.
  changed_ = false;
  saved_revision_ = refinement_->burn_in().revision();
  return store_.save(record);
}

protocol::Learned Learning::record(std::span<std::uint8_t, Refinement::kBytes> bytes) const {
  protocol::Learned learned;
  if (!refinement_) return learned;
  learned.model_crc32 = model_crc32_;
  learned.hop = hop_;
  refinement_->write(bytes);
  learned.bytes = bytes;
  return learned;
}

bool Learning::restore(const protocol::Learned& learned) {
  if (!refinement_ || learned.model_crc32 != model_crc32_ || learned.hop != hop_ ||
      learned.bytes.size() != Refinement::kBytes ||
      !refinement_->read(learned.bytes.first<Refinement::kBytes>())) {
    return false;
  }
  changed_ = true;
  return true;
}

}  // namespace fettle::board
