// SPDX-License-Identifier: Apache-2.0
// A detector file that is damaged, hostile or from the future is refused, each for its own reason;
// the one thing that never happens is a verdict by a file that somebody or something changed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/checksum.hpp"
#include "detector_generated.h"
#include "tests/support/hand_made.hpp"
#include "tests/support/trained.hpp"

namespace fettle {
namespace {

using test::AlignedBytes;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A real one: six axes, 18-12-8-12-18, two recordings.
const std::vector<std::uint8_t>& real_file() {
  static const std::vector<std::uint8_t> file = [] {
    test::Trained trained;
    trained.window = {128, 200.0F};
    TrainingSettings settings;
    settings.epochs = 3;
    test::train(trained, test::simulated_features(trained.spec, trained.window, 60, 1), settings);
    const UsedRecording used[] = {{0x1122334455667788U, 7680, 4000, 5000}, {42, 9, 8, 7}};
    return test::detector_bytes(trained.quantised, test::describe_trained(trained, used));
  }();
  return file;
}

struct Outcome {
  Fault record_fault;
  bool plain = false;  ///< find_record() says: not a Fettle file
  Fault detector_fault;
};

Outcome open(std::span<const std::uint8_t> bytes) {
  const AlignedBytes file(bytes);
  Outcome outcome;
  const metadata::DetectorRecord* record = nullptr;
  outcome.record_fault = find_record(file.view(), record);
  outcome.plain = outcome.record_fault.ok() && record == nullptr;
  static std::vector<std::byte> workspace(kMostWorkspace);
  EXPECT_LE(Int8Network::workspace_bytes(file.view()), workspace.size());
  DetectorModel model;
  outcome.detector_fault = load_detector(file.view(), workspace, model);
  if (!outcome.record_fault.ok() && !outcome.detector_fault.ok()) {
    EXPECT_EQ(outcome.record_fault.status, outcome.detector_fault.status);
  }
  return outcome;
}

TEST(Checksum, IsCrc32) {
  Crc32 crc;
  for (const char c : std::string("123456789")) {
    const auto byte = static_cast<std::uint8_t>(c);
    crc.add({&byte, 1});  // fed in pieces
  }
  EXPECT_EQ(crc.value(), 0xCBF43926U);
  EXPECT_EQ(Crc32().value(), 0U);
}

TEST(DetectorFile, LoadsWhenWhole) {
  const Outcome outcome = open(real_file());
  EXPECT_TRUE(outcome.detector_fault.ok()) << describe(outcome.detector_fault.status);
  EXPECT_FALSE(outcome.plain);
  std::size_t offset = 0;
  std::uint32_t crc = 0;
  const AlignedBytes file(real_file());
  ASSERT_TRUE(locate_checksum(file.view(), offset, crc));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(file.view()[offset + i], static_cast<std::uint8_t>(crc >> (8 * i)));
  }
}

void flip(std::vector<std::uint8_t>& bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
}

TEST(DetectorFile, IsRefusedWithAnyBitFlipped) {
  auto bytes = real_file();
  std::size_t counted[32] = {};
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    flip(bytes, bit);
    const Outcome outcome = open(bytes);
    flip(bytes, bit);
    ASSERT_FALSE(outcome.detector_fault.ok()) << "bit " << bit;
    ASSERT_FALSE(outcome.plain) << "taken for a plain model, bit " << bit;
    ++counted[static_cast<std::size_t>(outcome.detector_fault.status)];
  }
  // Most of a file is data, where the checksum alone can tell.
  EXPECT_GT(counted[static_cast<std::size_t>(Status::bad_checksum)], bytes.size() * 4);
  EXPECT_GT(counted[static_cast<std::size_t>(Status::damaged_marks)], 8 * 30U);
}

TEST(DetectorFile, IsRefusedWithAnyBlockLost) {
  for (const std::size_t block : {4U, 16U, 64U}) {
    for (const int fill : {0x00, 0xFF}) {
      for (std::size_t at = 0; at < real_file().size(); at += block) {
        auto bytes = real_file();
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + block, bytes.size())),
                  static_cast<std::uint8_t>(fill));
        if (bytes == real_file()) continue;
        const Outcome outcome = open(bytes);
        ASSERT_FALSE(outcome.detector_fault.ok()) << block << " bytes of " << fill << " at " << at;
        ASSERT_FALSE(outcome.plain) << block << " bytes of " << fill << " at " << at;
      }
    }
  }
}

TEST(DetectorFile, IsRefusedCutAtAnyLength) {
  static std::vector<std::byte> workspace(kMostWorkspace);
  for (std::size_t size = 0; size < real_file().size(); ++size) {
    const auto cut = std::span(real_file()).first(size);
    const Outcome outcome = open(cut);
    ASSERT_FALSE(outcome.detector_fault.ok()) << size;
    if (!outcome.plain) continue;
    // Cut before its marks: there is nothing left that could run.
    const AlignedBytes file(cut);
    Int8Network network;
    ASSERT_FALSE(Int8Network::load(file.view(), workspace, network).ok()) << size;
  }
}

TEST(DetectorFile, IsRefusedWithBytesAppended) {
  for (const std::size_t count : {1U, 2U, 3U, 4U, 15U, 16U, 1000U}) {
    for (const int fill : {0x00, 0x0A, 0xFF}) {
      auto bytes = real_file();
      bytes.resize(bytes.size() + count, static_cast<std::uint8_t>(fill));
      EXPECT_EQ(open(bytes).detector_fault.status, Status::bad_checksum) << count;
    }
  }
}

TEST(DetectorFile, IsToldFromAPlainOneAndFromOtherFiles) {
  Random random(1);
  test::HandMade made(18);
  made.dense({18}, random);
  const AlignedBytes plain = made.file();
  const Outcome outcome = open(plain.view());
  EXPECT_TRUE(outcome.plain);
  EXPECT_EQ(outcome.detector_fault.status, Status::no_metadata);
  // Metadata of somebody else makes no detector.
  auto entry = std::make_unique<tflite::MetadataT>();
  entry->name = "min_runtime_version";
  made.model->metadata.push_back(std::move(entry));
  EXPECT_EQ(open(made.file().view()).detector_fault.status, Status::no_metadata);

  for (const std::string& text : {std::string(), std::string("TFL3"), std::string("....TFL3...."),
                                  std::string(5000, 'x'), std::string(5000, '\0')}) {
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    EXPECT_EQ(open(bytes).detector_fault.status, Status::not_a_flatbuffer) << text.size();
  }
  // A text about detectors is not a model either.
  const std::string prose = "A Fettle detector carries a buffer named fettle.detector.";
  const std::vector<std::uint8_t> bytes(prose.begin(), prose.end());
  EXPECT_FALSE(open(bytes).detector_fault.ok());
}

// ---- hostile: changed on purpose, with the right checksum ----------------------------------------

using Record = metadata::DetectorRecordT;

/// A file with its record changed, sealed again.
std::vector<std::uint8_t> resealed(const std::function<void(Record&)>& change,
                                   const std::vector<std::uint8_t>& of = real_file()) {
  const AlignedBytes real(of);
  const auto model = test::unpacked(real.view());
  auto& buffer = model->buffers.at(model->metadata.at(0)->buffer)->data;
  const AlignedBytes old_record(buffer);
  std::unique_ptr<Record> record(metadata::GetDetectorRecord(old_record.view().data())->UnPack());
  change(*record);
  flatbuffers::FlatBufferBuilder builder;
  builder.ForceDefaults(true);  // the checksum needs bytes of its own
  metadata::FinishDetectorRecordBuffer(builder,
                                       metadata::DetectorRecord::Pack(builder, record.get()));
  buffer.assign(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  AlignedBytes file = test::packed(*model);
  EXPECT_TRUE(seal(file.edit()));
  return {file.view().begin(), file.view().end()};
}

struct Lie {
  const char* name;
  Status expected;
  std::function<void(Record&)> tell;
};

void set_window(Record& r, std::uint32_t samples, std::uint32_t hop, float rate_hz) {
  *r.window = metadata::Window(samples, hop, rate_hz);
}

const Lie kLies[] = {
    {"newer_format", Status::unsupported_version, [](Record& r) { r.format = 2; }},
    {"format_0", Status::unsupported_version, [](Record& r) { r.format = 0; }},
    {"no_detector", Status::unsupported_version,
     [](Record& r) { r.detector = metadata::Detector::none; }},
    {"detector_of_the_future", Status::unsupported_version,
     [](Record& r) { r.detector = static_cast<metadata::Detector>(200); }},
    {"features_of_the_future", Status::unsupported_version,
     [](Record& r) { r.feature_set = static_cast<metadata::FeatureSet>(3); }},
    {"score_of_the_future", Status::unsupported_version,
     [](Record& r) { r.score = static_cast<metadata::Score>(3); }},
    {"an_autoencoders_distance", Status::bad_metadata,
     [](Record& r) { r.score = metadata::Score::output_mean_square; }},
    {"a_distances_reconstruction", Status::bad_metadata,
     [](Record& r) { r.detector = metadata::Detector::mahalanobis; }},
    {"four_axes", Status::bad_metadata, [](Record& r) { r.axes = 4; }},
    {"no_axes", Status::bad_metadata, [](Record& r) { r.axes = 0; }},
    {"255_axes", Status::bad_metadata, [](Record& r) { r.axes = 255; }},
    {"three_axes", Status::bad_metadata, [](Record& r) { r.axes = 3; }},
    {"vibration_with_mean", Status::bad_metadata,
     [](Record& r) { r.feature_set = metadata::FeatureSet::vibration; }},
    {"without_mean", Status::bad_metadata, [](Record& r) { r.with_mean = false; }},
    {"fewer_features_than_inputs", Status::bad_metadata,
     [](Record& r) {
       r.axes = 3;
       r.mean.resize(9);
       r.scale.resize(9);
     }},
    {"no_window", Status::bad_metadata, [](Record& r) { r.window.reset(); }},
    {"window_0", Status::bad_metadata, [](Record& r) { set_window(r, 0, 0, 200); }},
    {"window_1", Status::bad_metadata, [](Record& r) { set_window(r, 1, 1, 200); }},
    {"window_4097", Status::bad_metadata, [](Record& r) { set_window(r, 4097, 4097, 200); }},
    {"window_huge", Status::bad_metadata, [](Record& r) { set_window(r, ~0U, ~0U, 200); }},
    {"windows_overlap", Status::bad_metadata, [](Record& r) { set_window(r, 128, 64, 200); }},
    {"rate_0", Status::bad_metadata, [](Record& r) { set_window(r, 128, 128, 0); }},
    {"rate_negative", Status::bad_metadata, [](Record& r) { set_window(r, 128, 128, -200); }},
    {"rate_nan", Status::bad_metadata, [](Record& r) { set_window(r, 128, 128, kNan); }},
    {"rate_infinite", Status::bad_metadata, [](Record& r) { set_window(r, 128, 128, kInfinity); }},
    {"rate_tiny", Status::bad_metadata, [](Record& r) { set_window(r, 128, 128, 1e-38F); }},
    {"rate_huge", Status::bad_metadata, [](Record& r) { set_window(r, 128, 128, 1e38F); }},
    {"no_mean", Status::bad_metadata, [](Record& r) { r.mean.clear(); }},
    {"no_scale", Status::bad_metadata, [](Record& r) { r.scale.clear(); }},
    {"mean_too_short", Status::bad_metadata, [](Record& r) { r.mean.pop_back(); }},
    {"mean_too_long", Status::bad_metadata, [](Record& r) { r.mean.push_back(0); }},
    {"scale_too_long", Status::bad_metadata, [](Record& r) { r.scale.resize(5000, 1.0F); }},
    {"mean_nan", Status::bad_metadata, [](Record& r) { r.mean[17] = kNan; }},
    {"mean_infinite", Status::bad_metadata, [](Record& r) { r.mean[0] = kInfinity; }},
    {"scale_nan", Status::bad_metadata, [](Record& r) { r.scale[17] = kNan; }},
    {"scale_0", Status::bad_metadata, [](Record& r) { r.scale[3] = 0; }},
    {"scale_negative", Status::bad_metadata, [](Record& r) { r.scale[3] = -1; }},
    {"scale_infinite", Status::bad_metadata, [](Record& r) { r.scale[3] = kInfinity; }},
    {"normalisation_of_the_future", Status::bad_metadata,
     [](Record& r) { r.normalisation = static_cast<metadata::Normalisation>(9); }},
    {"no_threshold", Status::bad_metadata, [](Record& r) { r.threshold.reset(); }},
    {"threshold_nan", Status::bad_metadata, [](Record& r) { r.threshold->value = kNan; }},
    {"threshold_infinite", Status::bad_metadata, [](Record& r) { r.threshold->value = kInfinity; }},
    {"threshold_negative", Status::bad_metadata, [](Record& r) { r.threshold->value = -0.1F; }},
    {"threshold_of_no_kind", Status::bad_metadata,
     [](Record& r) { r.threshold->kind = metadata::ThresholdKind::none; }},
    {"percentile_100", Status::bad_metadata,
     [](Record& r) { r.threshold->percentile_asked = 100.0F; }},
    {"percentile_nan", Status::bad_metadata,
     [](Record& r) { r.threshold->percentile_asked = kNan; }},
    {"percentile_used_negative", Status::bad_metadata,
     [](Record& r) { r.threshold->percentile_used = -1.0F; }},
    {"minutes_infinite", Status::bad_metadata,
     [](Record& r) { r.threshold->minutes_missing = kInfinity; }},
    {"no_golden", Status::bad_metadata, [](Record& r) { r.golden.reset(); }},
    {"golden_without_output", Status::bad_metadata, [](Record& r) { r.golden->output.clear(); }},
    {"golden_input_too_short", Status::bad_metadata, [](Record& r) { r.golden->input.pop_back(); }},
    {"golden_output_too_long", Status::bad_metadata,
     [](Record& r) { r.golden->output.resize(100000); }},
    {"golden_wrong", Status::golden_mismatch,
     [](Record& r) { r.golden->output[17] = static_cast<std::int8_t>(r.golden->output[17] ^ 1); }},
    {"golden_of_another_input", Status::golden_mismatch,
     [](Record& r) {
       r.golden->input[0] = static_cast<std::int8_t>(r.golden->input[0] < 0 ? 127 : -128);
       r.golden->input[1] = 127;
     }},
    {"no_training", Status::bad_metadata, [](Record& r) { r.training.reset(); }},
    {"no_hidden", Status::bad_metadata, [](Record& r) { r.training->hidden.clear(); }},
    {"weights_of_the_future", Status::bad_metadata,
     [](Record& r) { r.training->weights = static_cast<metadata::Weights>(7); }},
    {"label_speaks_to_the_terminal", Status::bad_metadata,
     [](Record& r) { r.training->normal_label = "\x1b[2Jnormal"; }},
    {"label_of_a_megabyte", Status::bad_metadata,
     [](Record& r) { r.training->normal_label = std::string(1 << 20, 'x'); }},
    {"version_with_a_newline", Status::bad_metadata,
     [](Record& r) { r.training->version = "1\n2"; }},
    {"loss_nan", Status::bad_metadata, [](Record& r) { r.training->train_loss = kNan; }},
    {"learning_rate_infinite", Status::bad_metadata,
     [](Record& r) { r.training->learning_rate = kInfinity; }},
    {"unchanged", Status::ok, [](Record& /*r*/) {}},
};

TEST(DetectorFile, IsRefusedForEachLieByItsOwnReason) {
  for (const Lie& lie : kLies) {
    SCOPED_TRACE(lie.name);
    const auto bytes = resealed(lie.tell);
    const Outcome outcome = open(bytes);
    EXPECT_STREQ(describe(outcome.detector_fault.status), describe(lie.expected));
    EXPECT_FALSE(outcome.plain);
    EXPECT_LT(outcome.detector_fault.offset, bytes.size());
  }
}

TEST(DetectorFile, IsRefusedWithoutTablesThatTheObjectApiAlwaysWrites) {
  // Fields that Pack() cannot leave out are erased from the vtable: offset 0 means "not there".
  using metadata::DetectorRecord;
  using metadata::Training;
  const auto erased = [](bool of_training, flatbuffers::voffset_t field) {
    AlignedBytes file(real_file());
    const metadata::DetectorRecord* record = nullptr;
    EXPECT_TRUE(find_record(file.view(), record).ok());
    const auto* table = of_training
                            ? reinterpret_cast<const flatbuffers::Table*>(record->training())
                            : reinterpret_cast<const flatbuffers::Table*>(record);
    const auto* vtable = table->GetVTable();
    const auto at = static_cast<std::size_t>(vtable - file.view().data()) + field;
    file.edit()[at] = 0;
    file.edit()[at + 1] = 0;
    (void)seal(file.edit());
    return open(file.view());
  };
  for (const auto field :
       {Training::VT_VERSION, Training::VT_NORMAL_LABEL, Training::VT_HIDDEN, Training::VT_USED}) {
    EXPECT_EQ(erased(true, field).detector_fault.status, Status::bad_metadata) << field;
  }
  for (const auto field :
       {DetectorRecord::VT_MEAN, DetectorRecord::VT_SCALE, DetectorRecord::VT_WINDOW,
        DetectorRecord::VT_THRESHOLD, DetectorRecord::VT_GOLDEN, DetectorRecord::VT_TRAINING}) {
    EXPECT_EQ(erased(false, field).detector_fault.status, Status::bad_metadata) << field;
  }
  EXPECT_EQ(erased(false, DetectorRecord::VT_FORMAT).detector_fault.status,
            Status::unsupported_version);
  EXPECT_EQ(erased(false, DetectorRecord::VT_CRC32).detector_fault.status, Status::damaged_marks);
}

/// The real file with its network changed, sealed again.
Outcome with_network(const std::function<void(tflite::ModelT&)>& change) {
  const AlignedBytes real(real_file());
  const auto model = test::unpacked(real.view());
  change(*model);
  AlignedBytes file = test::packed(*model);
  (void)seal(file.edit());
  return open(file.view());
}

TEST(DetectorFile, IsRefusedWithAnotherNetwork) {
  EXPECT_TRUE(with_network([](tflite::ModelT& /*m*/) {}).detector_fault.ok());
  EXPECT_EQ(with_network([](tflite::ModelT& m) {
              for (auto& weight : m.buffers[1]->data) weight ^= 0x40;
            }).detector_fault.status,
            Status::golden_mismatch);
  EXPECT_EQ(with_network([](tflite::ModelT& m) {
              m.subgraphs[0]->outputs = {6};  // a hidden layer: not a chain to the end
            }).detector_fault.status,
            Status::unsupported_graph);
  EXPECT_EQ(with_network([](tflite::ModelT& m) {
              m.subgraphs[0]->operators.resize(2);
              m.subgraphs[0]->outputs = {6};  // 8 outputs for 18 features
            }).detector_fault.status,
            Status::bad_metadata);
  EXPECT_EQ(with_network([](tflite::ModelT& m) { m.version = 4; }).detector_fault.status,
            Status::unsupported_version);
}

TEST(DetectorFile, IsRefusedWhenAMarkIsGone) {
  for (const auto& change : std::vector<std::function<void(tflite::ModelT&)>>{
           [](tflite::ModelT& m) { m.description = "something else"; },
           [](tflite::ModelT& m) { m.description.clear(); },
           [](tflite::ModelT& m) { m.metadata.clear(); },
           [](tflite::ModelT& m) { m.metadata[0]->name = "fettle_detector"; },
           [](tflite::ModelT& m) { m.metadata[0]->buffer = 0; },
           [](tflite::ModelT& m) { m.metadata[0]->buffer = 1000; },
           [](tflite::ModelT& m) { m.metadata[0]->buffer = 1; },
           [](tflite::ModelT& m) { m.buffers.back()->data.clear(); },
           [](tflite::ModelT& m) { m.buffers.back()->data.resize(7); },
           [](tflite::ModelT& m) { m.buffers.back()->data[4] = 'X'; },
       }) {
    const Outcome outcome = with_network(change);
    EXPECT_FALSE(outcome.plain);
    EXPECT_EQ(outcome.detector_fault.status, Status::damaged_marks);
  }
}

// ---- with a decision and a baseline --------------------------------------------------------------

constexpr FeatureSpec kVibration{FeatureSet::vibration, 6, false};

/// A description whose every field differs from what it is by itself; points into `means`.
DetectorDescription decided_description(const test::Trained& trained,
                                        std::vector<std::vector<float>>& means,
                                        std::size_t points) {
  static const UsedRecording used[] = {{42, 9, 8, 7}};
  DetectorDescription description = test::describe_trained(trained, used);
  description.decision = DecisionRecord{.settings = {.kind = DecisionKind::glr,
                                                     .k = 4,
                                                     .n = 9,
                                                     .location = -1.25F,
                                                     .scale = 0.375F,
                                                     .cap = 7.5F,
                                                     .reference = 1.375F,
                                                     .limit = 11.5F,
                                                     .lambda = 0.125F},
                                        .asked_per_hour = 0.005F,
                                        .stated_per_hour = 0.05F,
                                        .supported_per_hour = 0.04F,
                                        .normal_hours = 0.2F,
                                        .minutes_missing = 77.0F,
                                        .between_sessions = 0.3F};
  Baseline& baseline = description.baseline;
  baseline.points = static_cast<std::uint8_t>(points);
  baseline.off_g = 0.03F;
  baseline.confidence = 0.4F;
  baseline.steady_ratio = 1.05F;
  baseline.margin = 3.5F;
  baseline.gravity = {0.6F, 0.0F, -0.8F};
  baseline.moved_cosine = 0.99F;
  means.assign(points, std::vector<float>(trained.spec.dimensions()));
  // Behind them those of the axes.
  for (std::size_t p = 0; p < points; ++p) {
    means.emplace_back(trained.spec.axis_levels(), -3.0F - static_cast<float>(p));
  }
  for (std::size_t p = 0; p < points; ++p) {
    const float hz = 15.0F + 5.0F * static_cast<float>(p);
    for (std::size_t i = 0; i < trained.spec.dimensions(); ++i) {
      means[p][i] = 0.5F * static_cast<float>(i) - static_cast<float>(p);
    }
    baseline.point[p] = {hz - 1.0F, hz + 2.0F, hz, means[p], means[points + p]};
    description.point_windows[p] = static_cast<std::uint32_t>(100 + p);
  }
  return description;
}

const test::Trained& vibration_network() {
  static const test::Trained network = [] {
    test::Trained trained;
    trained.spec = kVibration;
    trained.window = {128, 200.0F};
    TrainingSettings settings;
    settings.epochs = 1;
    test::train(trained, test::simulated_features(kVibration, trained.window, 60, 1), settings);
    return trained;
  }();
  return network;
}

const std::vector<std::uint8_t>& decided_file() {
  static const std::vector<std::uint8_t> file = [] {
    std::vector<std::vector<float>> means;
    return test::detector_bytes(vibration_network().quantised,
                                decided_description(vibration_network(), means, 2));
  }();
  return file;
}

struct Opened {
  explicit Opened(const std::vector<std::uint8_t>& bytes)
      : file(bytes),
        workspace(kMostWorkspace),
        fault(load_detector(file.view(), workspace, model)) {}
  AlignedBytes file;
  std::vector<std::byte> workspace;
  DetectorModel model;
  Fault fault;
};

TEST(DecidedFile, ReadsBackAsItWasWritten) {
  for (const std::size_t points : {1U, 2U, 8U}) {
    std::vector<std::vector<float>> means;
    const auto description = decided_description(vibration_network(), means, points);
    const Opened opened(test::detector_bytes(vibration_network().quantised, description));
    ASSERT_TRUE(opened.fault.ok()) << describe(opened.fault.status);
    const DetectorModel& model = opened.model;
    EXPECT_EQ(model.record->format(), 2);
    ASSERT_TRUE(model.decision.has_value());
    EXPECT_EQ(*model.decision, description.decision->settings);
    const metadata::Decision& decision = *model.record->decision();
    EXPECT_EQ(decision.asked_per_hour(), 0.005F);
    EXPECT_EQ(decision.stated_per_hour(), 0.05F);
    EXPECT_EQ(decision.supported_per_hour(), 0.04F);
    EXPECT_EQ(decision.normal_hours(), 0.2F);
    EXPECT_EQ(decision.minutes_missing(), 77.0F);
    EXPECT_EQ(decision.between_sessions(), 0.3F);
    const Baseline& baseline = model.baseline;
    EXPECT_EQ(baseline.off_g, 0.03F);
    EXPECT_EQ(baseline.confidence, 0.4F);
    EXPECT_EQ(baseline.steady_ratio, 1.05F);
    EXPECT_EQ(baseline.margin, 3.5F);
    EXPECT_EQ(baseline.gravity, description.baseline.gravity);
    EXPECT_EQ(baseline.moved_cosine, 0.99F);
    EXPECT_TRUE(baseline.knows_speed());
    ASSERT_EQ(baseline.points, points);
    for (std::uint32_t p = 0; p < points; ++p) {
      const OperatingPoint& read = baseline.point[p];
      const OperatingPoint& written = description.baseline.point[p];
      EXPECT_EQ(read.low_hz, written.low_hz);
      EXPECT_EQ(read.high_hz, written.high_hz);
      EXPECT_EQ(read.centre_hz, written.centre_hz);
      EXPECT_TRUE(std::ranges::equal(read.mean, written.mean));
      EXPECT_TRUE(std::ranges::equal(read.axis_mean, written.axis_mean));
      EXPECT_EQ(read.axis_mean.size(), 18U);
      EXPECT_EQ(model.record->baseline()->points()->Get(p)->windows(), 100 + p);
    }
  }
}

TEST(DecidedFile, IsFormat2AndWithoutEitherFormat1) {
  std::vector<std::vector<float>> means;
  const DetectorDescription both = decided_description(vibration_network(), means, 1);
  for (const bool decision : {false, true}) {
    for (const bool baseline : {false, true}) {
      DetectorDescription description = both;
      if (!decision) description.decision.reset();
      if (!baseline) description.baseline = {};
      const Opened opened(test::detector_bytes(vibration_network().quantised, description));
      ASSERT_TRUE(opened.fault.ok()) << describe(opened.fault.status);
      EXPECT_EQ(opened.model.record->format(), decision || baseline ? 2 : 1);
      EXPECT_EQ(opened.model.decision.has_value(), decision);
      EXPECT_EQ(opened.model.baseline.points, baseline ? 1 : 0);
      EXPECT_EQ(opened.model.record->decision() != nullptr, decision);
      EXPECT_EQ(opened.model.record->baseline() != nullptr, baseline);
    }
  }
}

TEST(DecidedFile, LeavesNothingBehindForTheNextOne) {
  Opened opened(decided_file());
  ASSERT_TRUE(opened.fault.ok());
  const AlignedBytes plain(real_file());
  ASSERT_TRUE(load_detector(plain.view(), opened.workspace, opened.model).ok());
  EXPECT_FALSE(opened.model.decision.has_value());
  EXPECT_EQ(opened.model.baseline.points, 0);
}

/// A lie about how windows are decided.
Lie settings_lie(const char* name, const std::function<void(DecisionSettings&)>& change) {
  return {name, Status::bad_metadata, [change](Record& r) {
            const metadata::Sequential& s = *r.decision->settings;
            DecisionSettings to{static_cast<DecisionKind>(s.kind()),
                                s.k(),
                                s.n(),
                                s.location(),
                                s.scale(),
                                s.cap(),
                                s.reference(),
                                s.limit(),
                                s.lambda()};
            change(to);
            *r.decision->settings = metadata::Sequential(
                to.location, to.scale, to.cap, to.reference, to.limit, to.lambda,
                static_cast<metadata::DecisionKind>(to.kind), to.k, to.n);
          }};
}
Lie decision_lie(const char* name, const std::function<void(metadata::DecisionT&)>& change) {
  return {name, Status::bad_metadata, [change](Record& r) { change(*r.decision); }};
}
Lie baseline_lie(const char* name, const std::function<void(metadata::BaselineT&)>& change) {
  return {name, Status::bad_metadata, [change](Record& r) { change(*r.baseline); }};
}
/// About the second of two operating points.
Lie point_lie(const char* name, const std::function<void(metadata::OperatingPointT&)>& change) {
  return baseline_lie(name, [change](metadata::BaselineT& b) { change(*b.points.at(1)); });
}

void stand_still(metadata::OperatingPointT& point) {
  point.low_hz = point.high_hz = point.centre_hz = 0.0F;
}

const Lie kDecidedLies[] = {
    {"format_1", Status::unsupported_version, [](Record& r) { r.format = 1; }},
    {"format_3", Status::unsupported_version, [](Record& r) { r.format = 3; }},
    {"neither", Status::unsupported_version,
     [](Record& r) {
       r.decision.reset();
       r.baseline.reset();
     }},
    decision_lie("no_settings", [](auto& d) { d.settings.reset(); }),
    settings_lie("location_nan", [](auto& s) { s.location = kNan; }),
    settings_lie("scale_nan", [](auto& s) { s.scale = kNan; }),
    settings_lie("scale_0", [](auto& s) { s.scale = 0.0F; }),
    settings_lie("scale_negative", [](auto& s) { s.scale = -1.0F; }),
    settings_lie("cap_nan", [](auto& s) { s.cap = kNan; }),
    settings_lie("cap_infinite", [](auto& s) { s.cap = kInfinity; }),
    settings_lie("cap_at_reference", [](auto& s) { s.cap = s.reference; }),
    settings_lie("reference_nan", [](auto& s) { s.reference = kNan; }),
    settings_lie("limit_0", [](auto& s) { s.limit = 0.0F; }),
    settings_lie("limit_nan", [](auto& s) { s.limit = kNan; }),
    settings_lie("limit_infinite", [](auto& s) { s.limit = kInfinity; }),
    settings_lie("lambda_0", [](auto& s) { s.lambda = 0.0F; }),
    settings_lie("lambda_above_1", [](auto& s) { s.lambda = 1.01F; }),
    settings_lie("lambda_nan", [](auto& s) { s.lambda = kNan; }),
    settings_lie("kind_of_the_future", [](auto& s) { s.kind = static_cast<DecisionKind>(5); }),
    settings_lie("k_0", [](auto& s) { s.k = 0; }),
    settings_lie("k_above_n", [](auto& s) { s.k = 10; }),
    settings_lie("n_0", [](auto& s) { s.n = 0; }),
    settings_lie("n_33", [](auto& s) { s.n = 33; }),
    decision_lie("asked_nan", [](auto& d) { d.asked_per_hour = kNan; }),
    decision_lie("stated_negative", [](auto& d) { d.stated_per_hour = -1.0F; }),
    decision_lie("supported_infinite", [](auto& d) { d.supported_per_hour = kInfinity; }),
    decision_lie("hours_nan", [](auto& d) { d.normal_hours = kNan; }),
    decision_lie("minutes_negative", [](auto& d) { d.minutes_missing = -1.0F; }),
    decision_lie("between_sessions_nan", [](auto& d) { d.between_sessions = kNan; }),
    baseline_lie("no_points", [](auto& b) { b.points.clear(); }),
    baseline_lie("nine_points",
                 [](auto& b) {
                   while (b.points.size() < 9) {
                     b.points.push_back(
                         std::make_unique<metadata::OperatingPointT>(*b.points.front()));
                   }
                 }),
    baseline_lie("off_negative", [](auto& b) { b.off_g = -0.1F; }),
    baseline_lie("off_nan", [](auto& b) { b.off_g = kNan; }),
    baseline_lie("confidence_above_1", [](auto& b) { b.confidence = 1.1F; }),
    baseline_lie("confidence_nan", [](auto& b) { b.confidence = kNan; }),
    baseline_lie("steady_below_1", [](auto& b) { b.steady_ratio = 0.9F; }),
    baseline_lie("steady_nan", [](auto& b) { b.steady_ratio = kNan; }),
    baseline_lie("margin_negative", [](auto& b) { b.margin = -1.0F; }),
    baseline_lie("margin_nan", [](auto& b) { b.margin = kNan; }),
    baseline_lie("gravity_of_2", [](auto& b) { b.gravity.pop_back(); }),
    baseline_lie("gravity_of_4", [](auto& b) { b.gravity.push_back(0.0F); }),
    baseline_lie("no_gravity", [](auto& b) { b.gravity.clear(); }),
    baseline_lie("gravity_nan", [](auto& b) { b.gravity[2] = kNan; }),
    baseline_lie("gravity_2_long", [](auto& b) { b.gravity[2] = -2.0F; }),
    baseline_lie("moved_above_1", [](auto& b) { b.moved_cosine = 1.1F; }),
    baseline_lie("moved_nan", [](auto& b) { b.moved_cosine = kNan; }),
    point_lie("no_mean", [](auto& p) { p.mean.clear(); }),
    point_lie("mean_too_short", [](auto& p) { p.mean.pop_back(); }),
    point_lie("mean_too_long", [](auto& p) { p.mean.push_back(0.0F); }),
    point_lie("mean_nan", [](auto& p) { p.mean[19] = kNan; }),
    point_lie("mean_infinite", [](auto& p) { p.mean[0] = kInfinity; }),
    point_lie("no_axes", [](auto& p) { p.axis_mean.clear(); }),
    point_lie("axes_too_short", [](auto& p) { p.axis_mean.pop_back(); }),
    point_lie("axes_too_long", [](auto& p) { p.axis_mean.push_back(0.0F); }),
    point_lie("axes_nan", [](auto& p) { p.axis_mean[17] = kNan; }),
    point_lie("axes_infinite", [](auto& p) { p.axis_mean[0] = -kInfinity; }),
    point_lie("low_above_high", [](auto& p) { std::swap(p.low_hz, p.high_hz); }),
    point_lie("low_nan", [](auto& p) { p.low_hz = kNan; }),
    point_lie("high_nan", [](auto& p) { p.high_hz = kNan; }),
    point_lie("high_infinite", [](auto& p) { p.high_hz = kInfinity; }),
    point_lie("low_negative", [](auto& p) { p.low_hz = -1.0F; }),
    point_lie("low_0_and_high_not", [](auto& p) { p.low_hz = 0.0F; }),
    point_lie("centre_below", [](auto& p) { p.centre_hz = p.low_hz - 0.5F; }),
    point_lie("centre_above", [](auto& p) { p.centre_hz = p.high_hz + 0.5F; }),
    point_lie("centre_nan", [](auto& p) { p.centre_hz = kNan; }),
    point_lie("only_the_second_without_speed", stand_still),
    baseline_lie("only_the_first_without_speed", [](auto& b) { stand_still(*b.points[0]); }),
    {"no_decision", Status::ok, [](Record& r) { r.decision.reset(); }},
    {"no_baseline", Status::ok, [](Record& r) { r.baseline.reset(); }},
    {"one_point_without_speed", Status::ok,
     [](Record& r) {
       r.baseline->points.pop_back();
       stand_still(*r.baseline->points[0]);
     }},
    {"gravity_not_known", Status::ok, [](Record& r) { r.baseline->gravity = {0.0F, 0.0F, 0.0F}; }},
    {"unchanged", Status::ok, [](Record& /*r*/) {}},
};

TEST(DecidedFile, IsRefusedForEachLieByItsOwnReason) {
  for (const Lie& lie : kDecidedLies) {
    SCOPED_TRACE(lie.name);
    const Outcome outcome = open(resealed(lie.tell, decided_file()));
    EXPECT_STREQ(describe(outcome.detector_fault.status), describe(lie.expected));
    EXPECT_FALSE(outcome.plain);
  }
}

// ---- rebased after a remount -----------------------------------------------------------------------

/// Says of a file that it was rebased, truthfully but for what `tell` changes.
std::vector<std::uint8_t> rebased(const std::function<void(metadata::RebaseT&)>& tell,
                                  const std::vector<std::uint8_t>& of = decided_file()) {
  return resealed(
      [&](Record& r) {
        r.rebase = std::make_unique<metadata::RebaseT>();
        r.rebase->base_bytes = 3000;
        r.rebase->base_record = 900;
        r.rebase->windows = 94;
        r.rebase->points = 1;
        r.rebase->change = 0.5F;
        r.rebase->version = "0.0.0-test";
        r.rebase->normal_label = "normal";
        r.rebase->used.emplace_back(42, 9, 8, 7);
        tell(*r.rebase);
      },
      of);
}

struct RebaseLie {
  const char* name;
  Status expected;
  std::function<void(metadata::RebaseT&)> tell;
};

const RebaseLie kRebaseLies[] = {
    {"unchanged", Status::ok, [](auto& /*r*/) {}},
    {"both_points", Status::ok, [](auto& r) { r.points = 3; }},
    {"forced", Status::ok, [](auto& r) { r.forced = true; }},
    {"no_recordings", Status::bad_metadata, [](auto& r) { r.used.clear(); }},
    {"base_0", Status::bad_metadata, [](auto& r) { r.base_bytes = 0; }},
    {"base_beyond_the_file", Status::bad_metadata, [](auto& r) { r.base_bytes = 1U << 30; }},
    {"record_0", Status::bad_metadata, [](auto& r) { r.base_record = 0; }},
    {"record_beyond_the_base", Status::bad_metadata, [](auto& r) { r.base_record = 3000; }},
    {"no_windows", Status::bad_metadata, [](auto& r) { r.windows = 0; }},
    {"no_points", Status::bad_metadata, [](auto& r) { r.points = 0; }},
    {"a_third_point_of_two", Status::bad_metadata, [](auto& r) { r.points = 4; }},
    {"change_nan", Status::bad_metadata, [](auto& r) { r.change = kNan; }},
    {"change_infinite", Status::bad_metadata, [](auto& r) { r.change = kInfinity; }},
    {"version_with_a_newline", Status::bad_metadata, [](auto& r) { r.version = "1\n2"; }},
    {"label_speaks_to_the_terminal", Status::bad_metadata,
     [](auto& r) { r.normal_label = "\x1b[2J"; }},
};

TEST(RebasedFile, IsRefusedForEachLieByItsOwnReason) {
  for (const RebaseLie& lie : kRebaseLies) {
    SCOPED_TRACE(lie.name);
    EXPECT_STREQ(describe(open(rebased(lie.tell)).detector_fault.status), describe(lie.expected));
  }
  // A model without operating points has one in all.
  EXPECT_EQ(open(rebased([](auto& /*r*/) {}, real_file())).detector_fault.status, Status::ok);
  EXPECT_EQ(open(rebased([](auto& r) { r.points = 2; }, real_file())).detector_fault.status,
            Status::bad_metadata);
}

TEST(DecidedFile, OfTutorialFeaturesHasNoBaseline) {
  const auto with = [](bool baseline) {
    return open(resealed([&](Record& r) {
             r.format = 2;
             const Opened decided(decided_file());
             const std::unique_ptr<Record> from(decided.model.record->UnPack());
             r.decision = std::move(from->decision);
             if (!baseline) return;
             r.baseline = std::move(from->baseline);
             for (auto& point : r.baseline->points) point->mean.resize(r.mean.size());
           }))
        .detector_fault.status;
  };
  EXPECT_EQ(with(false), Status::ok);
  EXPECT_EQ(with(true), Status::bad_metadata);
}

TEST(DecidedFile, MakesSenseWithAnyBitOfItsRecordFlipped) {
  const AlignedBytes real(decided_file());
  const auto model = test::unpacked(real.view());
  const auto& record = model->buffers.at(model->metadata.at(0)->buffer)->data;
  const auto& whole = decided_file();
  const auto found = std::search(whole.begin(), whole.end(), record.begin(), record.end());
  ASSERT_NE(found, whole.end());
  const auto begin = static_cast<std::size_t>(found - whole.begin());
  std::size_t accepted = 0;
  for (std::size_t bit = 8 * begin; bit < 8 * (begin + record.size()); ++bit) {
    auto bytes = decided_file();
    flip(bytes, bit);
    AlignedBytes file(bytes);
    if (!seal(file.edit())) continue;
    static std::vector<std::byte> workspace(kMostWorkspace);
    DetectorModel read;
    if (!load_detector(file.view(), workspace, read).ok()) continue;
    ++accepted;
    ASSERT_TRUE(!read.decision || is_valid(*read.decision)) << "bit " << bit;
    const Baseline& baseline = read.baseline;
    ASSERT_LE(baseline.points, kMostOperatingPoints);
    for (std::size_t p = 0; p < baseline.points; ++p) {
      const OperatingPoint& point = baseline.point[p];
      ASSERT_EQ(point.mean.size(), read.features.dimensions());
      ASSERT_TRUE(std::ranges::all_of(point.mean, [](float x) { return std::isfinite(x); }));
      ASSERT_EQ(point.axis_mean.size(), read.features.axis_levels());
      ASSERT_TRUE(std::ranges::all_of(point.axis_mean, [](float x) { return std::isfinite(x); }));
      ASSERT_TRUE(point.low_hz >= 0.0F && point.low_hz <= point.centre_hz &&
                  point.centre_hz <= point.high_hz)
          << "bit " << bit;
    }
  }
  EXPECT_GT(accepted, record.size());  // most bits are those of numbers
}

}  // namespace
}  // namespace fettle
