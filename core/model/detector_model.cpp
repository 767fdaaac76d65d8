// SPDX-License-Identifier: Apache-2.0
#include "core/model/detector_model.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/checksum.hpp"
#include "core/math.hpp"
#include "detector_generated.h"
#include "tflite_generated.h"

namespace fettle {
namespace {

constexpr float kSlowest_hz = 0.001F;
constexpr float kFastest_hz = 1e6F;
constexpr std::size_t kLongestText = 255;

bool contains(std::span<const std::uint8_t> bytes, std::string_view mark) {
  return std::search(bytes.begin(), bytes.end(), mark.begin(), mark.end()) != bytes.end();
}

/// The metadata buffer of a model that verifies; empty without one.
std::span<const std::uint8_t> metadata_bytes(const tflite::Model* model) {
  if (model->metadata() == nullptr || model->buffers() == nullptr) return {};
  for (const auto* entry : *model->metadata()) {
    if (entry->name() == nullptr || entry->name()->string_view() != kMetadataName) continue;
    if (entry->buffer() >= model->buffers()->size()) return {};
    const auto* data = model->buffers()->Get(entry->buffer())->data();
    // The record inside holds 64-bit numbers, aligned to its own beginning.
    if (data == nullptr || reinterpret_cast<std::uintptr_t>(data->data()) % 8 != 0) return {};
    return {data->data(), data->size()};
  }
  return {};
}

const metadata::DetectorRecord* verified_record(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 8 || !metadata::DetectorRecordBufferHasIdentifier(bytes.data())) {
    return nullptr;
  }
  flatbuffers::Verifier verifier(bytes.data(), bytes.size());
  if (!metadata::VerifyDetectorRecordBuffer(verifier)) return nullptr;
  return metadata::GetDetectorRecord(bytes.data());
}

/// The record of a file whose structure verifies, checksum not yet looked at.
const metadata::DetectorRecord* unchecked_record(std::span<const std::uint8_t> file) {
  if (file.size() < 8 || reinterpret_cast<std::uintptr_t>(file.data()) % 16 != 0 ||
      !tflite::ModelBufferHasIdentifier(file.data())) {
    return nullptr;
  }
  flatbuffers::Verifier verifier(file.data(), file.size());
  if (!tflite::VerifyModelBuffer(verifier)) return nullptr;
  return verified_record(metadata_bytes(tflite::GetModel(file.data())));
}

Fault fault_at(std::span<const std::uint8_t> file, Status status, const void* where) {
  const auto offset = static_cast<const std::uint8_t*>(where) - file.data();
  return {status, static_cast<std::uint32_t>(offset)};
}

bool all_finite(const flatbuffers::Vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return is_finite(v); });
}

/// Fills in everything but the network; false if the record contradicts itself.
bool read_record(const metadata::DetectorRecord& record, DetectorModel& model) {
  model.record = &record;
  model.detector = static_cast<DetectorKind>(record.detector());
  model.features = {static_cast<FeatureSet>(record.feature_set()), record.axes(),
                    record.with_mean()};
  model.score = static_cast<ScoreKind>(record.score());
  if ((model.detector == DetectorKind::mahalanobis) !=
      (model.score == ScoreKind::output_mean_square)) {
    return false;
  }
  const auto* window = record.window();
  const auto* threshold = record.threshold();
  if (!model.features.valid() || window == nullptr || threshold == nullptr) return false;
  const std::size_t dimensions = model.features.dimensions();
  if (!model.features.supports_window(window->samples()) || window->hop() != window->samples() ||
      !(window->rate_hz() >= kSlowest_hz) || !(window->rate_hz() <= kFastest_hz)) {
    return false;
  }
  model.window = {window->samples(), window->rate_hz()};
  model.threshold = threshold->value();
  if (!is_finite(model.threshold) || model.threshold < 0.0F) return false;

  const auto* mean = record.mean();
  const auto* scale = record.scale();
  if (mean == nullptr || scale == nullptr || mean->size() != dimensions ||
      scale->size() != dimensions || !all_finite(*mean) || !all_finite(*scale)) {
    return false;
  }
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    if (!(scale->Get(i) > 0.0F)) return false;
    model.normaliser.mean[i] = mean->Get(i);
    model.normaliser.scale[i] = scale->Get(i);
  }
  return true;
}

bool read_decision(const metadata::DetectorRecord& record, DetectorModel& model) {
  const auto* decision = record.decision();
  if (decision == nullptr) return true;
  const auto* from = decision->settings();
  if (from == nullptr) return false;
  model.decision = DecisionSettings{.kind = static_cast<DecisionKind>(from->kind()),
                                    .k = from->k(),
                                    .n = from->n(),
                                    .location = from->location(),
                                    .scale = from->scale(),
                                    .cap = from->cap(),
                                    .reference = from->reference(),
                                    .limit = from->limit(),
                                    .lambda = from->lambda()};
  // The rates are for people, who must not read a NaN either.
  const auto rate = [](float x) { return is_finite(x) && x >= 0.0F; };
  return is_valid(*model.decision) && rate(decision->asked_per_hour()) &&
         rate(decision->stated_per_hour()) && rate(decision->supported_per_hour()) &&
         rate(decision->normal_hours()) && rate(decision->minutes_missing()) &&
         rate(decision->between_sessions());
}

bool between(float value, float low, float high) { return value >= low && value <= high; }

bool read_baseline(const metadata::DetectorRecord& record, DetectorModel& model) {
  const auto* from = record.baseline();
  if (from == nullptr) return true;
  const auto* points = from->points();
  const auto* gravity = from->gravity();
  // Only the vibration set says of a window what a baseline needs.
  if (model.features.set != FeatureSet::vibration || points == nullptr || points->size() < 1 ||
      points->size() > kMostOperatingPoints || gravity == nullptr || gravity->size() != 3) {
    return false;
  }
  Baseline& to = model.baseline;
  to.points = static_cast<std::uint8_t>(points->size());
  to.off_g = from->off_g();
  to.confidence = from->confidence();
  to.steady_ratio = from->steady_ratio();
  to.margin = from->margin();
  to.moved_cosine = from->moved_cosine();
  if (!between(to.off_g, 0.0F, 1e3F) || !between(to.confidence, 0.0F, 1.0F) ||
      !between(to.steady_ratio, 1.0F, 10.0F) || !between(to.margin, 0.0F, 1e3F) ||
      !between(to.moved_cosine, -1.0F, 1.0F)) {
    return false;
  }
  for (std::uint32_t i = 0; i < 3; ++i) {
    to.gravity[i] = gravity->Get(i);
    if (!between(to.gravity[i], -1.01F, 1.01F)) return false;
  }
  for (std::uint32_t i = 0; i < points->size(); ++i) {
    const auto* point = points->Get(i);
    const auto* mean = point->mean();
    const auto* axis_mean = point->axis_mean();
    if (mean == nullptr || mean->size() != model.features.dimensions() || !all_finite(*mean) ||
        axis_mean == nullptr || axis_mean->size() != model.features.axis_levels() ||
        !all_finite(*axis_mean) || !between(point->low_hz(), 0.0F, kFastest_hz) ||
        !between(point->high_hz(), point->low_hz(), kFastest_hz) ||
        (point->low_hz() > 0.0F) != (points->Get(0)->low_hz() > 0.0F) ||
        (point->low_hz() > 0.0F) != (point->high_hz() > 0.0F) ||
        !between(point->centre_hz(), point->low_hz(), point->high_hz())) {
      return false;
    }
    to.point[i] = {point->low_hz(),
                   point->high_hz(),
                   point->centre_hz(),
                   {mean->data(), mean->size()},
                   {axis_mean->data(), axis_mean->size()}};
  }
  return true;
}

/// The verifier checks the alignment of a vector's length, not of 64-bit elements behind it.
bool aligned_to_8(const std::uint8_t* elements) {
  return reinterpret_cast<std::uintptr_t>(elements) % 8 == 0;
}

/// Short ASCII without control characters, which would speak to a terminal.
bool printable(const flatbuffers::String* text) {
  if (text == nullptr || text->size() > kLongestText) return false;
  return std::all_of(text->begin(), text->end(), [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return code >= 0x20 && code < 0x7f;
  });
}

/// What reports and retraining rely on.
bool complete(const metadata::DetectorRecord& record) {
  const auto* training = record.training();
  if (training == nullptr || !printable(training->version()) ||
      !printable(training->normal_label()) ||
      (training->hidden() == nullptr && !training->foreign()) || training->used() == nullptr ||
      !aligned_to_8(training->used()->Data()) || training->weights() > metadata::Weights::MAX ||
      record.normalisation() > metadata::Normalisation::MAX || !is_finite(training->train_loss()) ||
      !is_finite(training->validation_loss()) || !is_finite(training->learning_rate())) {
    return false;
  }
  // Retraining takes these at their word: no more than the command line allows.
  if (!training->foreign() &&
      (training->epochs() < 1 || training->epochs() > 100'000 || training->batch() < 1 ||
       training->batch() > 65'536 || training->hidden()->size() > 7)) {
    return false;
  }
  const auto& threshold = *record.threshold();
  if (threshold.kind() != metadata::ThresholdKind::percentile &&
      threshold.kind() != metadata::ThresholdKind::fixed) {
    return false;
  }
  return between(threshold.percentile_asked(), 0.0F, 99.99999F) &&
         between(threshold.percentile_used(), 0.0F, 99.99999F) &&
         threshold.minutes_missing() >= 0.0F && is_finite(threshold.minutes_missing());
}

/// What undoing a rebase and the report of it rely on.
bool rebase_is_complete(const metadata::DetectorRecord& record, const DetectorModel& model,
                        std::size_t file_bytes) {
  const auto* rebase = record.rebase();
  if (rebase == nullptr) return true;
  const std::uint32_t points = model.baseline.points > 0 ? model.baseline.points : 1U;
  return rebase->base_bytes() < file_bytes && rebase->base_record() < rebase->base_bytes() &&
         rebase->base_record() > 0 && rebase->windows() > 0 && rebase->points() > 0 &&
         (rebase->points() >> points) == 0 && between(rebase->change(), -1e6F, 1e6F) &&
         printable(rebase->version()) && printable(rebase->normal_label()) &&
         rebase->used() != nullptr && aligned_to_8(rebase->used()->Data());
}

/// Enumerators that a newer program may have added.
bool known_kinds(const metadata::DetectorRecord& record) {
  const bool newer = record.decision() != nullptr || record.baseline() != nullptr;
  return record.format() == (newer ? 2 : 1) &&
         (record.detector() == metadata::Detector::autoencoder ||
          record.detector() == metadata::Detector::mahalanobis) &&
         (record.feature_set() == metadata::FeatureSet::tutorial ||
          record.feature_set() == metadata::FeatureSet::vibration) &&
         (record.score() == metadata::Score::reconstruction_mse ||
          record.score() == metadata::Score::output_mean_square);
}

bool reproduces(const Int8Network& network, const metadata::Golden& golden) {
  std::array<std::int8_t, kMaxFeatures> output{};
  network.run({golden.input()->data(), network.inputs()},
              std::span(output).first(network.outputs()));
  return std::equal(golden.output()->begin(), golden.output()->end(), output.begin());
}

}  // namespace

bool locate_checksum(std::span<const std::uint8_t> file, std::size_t& offset,
                     std::uint32_t& expected) {
  const auto* record = unchecked_record(file);
  if (record == nullptr) return false;
  // The generated class hides its base; the field's address is the base's to give.
  const auto* table = reinterpret_cast<const flatbuffers::Table*>(record);
  const auto* field = table->GetAddressOf(metadata::DetectorRecord::VT_CRC32);
  if (field == nullptr) return false;
  offset = static_cast<std::size_t>(field - file.data());
  Crc32 crc;
  crc.add(file.first(offset));
  crc.add(file.subspan(offset + 4));
  expected = crc.value();
  return true;
}

Fault find_record(std::span<const std::uint8_t> file, const metadata::DetectorRecord*& record) {
  record = nullptr;
  if (reinterpret_cast<std::uintptr_t>(file.data()) % 16 != 0) return {Status::misaligned};
  const bool named = contains(file, kMetadataName);
  const bool described = contains(file, std::string_view(kDescription).substr(0, 15));
  if (!named && !described) return {};
  std::size_t offset = 0;
  std::uint32_t expected = 0;
  if (!named || !described || !locate_checksum(file, offset, expected)) {
    return {Status::damaged_marks};
  }
  const auto* found = unchecked_record(file);
  if (found->crc32() != expected) {
    return {Status::bad_checksum, static_cast<std::uint32_t>(offset)};
  }
  if (!known_kinds(*found)) return fault_at(file, Status::unsupported_version, found);
  record = found;
  return {};
}

Fault load_detector(std::span<const std::uint8_t> file, std::span<std::byte> workspace,
                    DetectorModel& model) {
  const metadata::DetectorRecord* record = nullptr;
  if (const Fault fault = find_record(file, record); !fault.ok()) return fault;
  model = {};
  if (const Fault fault = Int8Network::load(file, workspace, model.network); !fault.ok()) {
    return fault;
  }
  if (record == nullptr) return {Status::no_metadata};
  const std::size_t dimensions = model.network.inputs();
  const auto* golden = record->golden();
  if (!read_record(*record, model) || !read_decision(*record, model) ||
      !read_baseline(*record, model) || !complete(*record) ||
      !rebase_is_complete(*record, model, file.size()) ||
      dimensions != model.features.dimensions() || model.network.outputs() != dimensions ||
      model.network.float_input() || model.network.float_output() || golden == nullptr ||
      golden->input() == nullptr || golden->output() == nullptr ||
      golden->input()->size() != dimensions || golden->output()->size() != dimensions) {
    return fault_at(file, Status::bad_metadata, record);
  }
  if (!reproduces(model.network, *golden)) return fault_at(file, Status::golden_mismatch, golden);
  return {};
}

EngineResult use_engine(NetworkEngine& engine, std::span<const std::uint8_t> file,
                        DetectorModel& model) {
  if (!engine.prepare(file)) return EngineResult::not_prepared;
  model.network.delegate(&engine);
  if (reproduces(model.network, *model.record->golden())) return EngineResult::runs;
  model.network.delegate(nullptr);
  return EngineResult::other_bits;
}

std::span<const std::int8_t> golden_input(const DetectorModel& model) {
  const auto* input = model.record->golden()->input();
  return {input->data(), input->size()};
}

}  // namespace fettle
