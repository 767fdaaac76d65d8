// SPDX-License-Identifier: Apache-2.0
// From recordings on disk to a detector file and its evaluation, through the host library.
#include "host/learning.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "core/pipeline.hpp"
#include "detector_generated.h"
#include "host/c_array.hpp"
#include "host/dataset.hpp"
#include "host/error.hpp"
#include "host/evaluation.hpp"
#include "host/training.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/simulated.hpp"

namespace fettle::host {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "fettle-learning-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// A recording to be: which simulated session, how much of it, under what name.
struct Session {
  std::string label = "normal", name = "a", source = "fan";
  std::uint64_t seed = 1, number = 0;
  std::size_t samples = 0;
  simulator::Faults faults = {};
  std::int64_t begin_us = 0;
  std::size_t hole_at = 0;  ///< ten seconds are missing before this sample; 0: none
};

constexpr std::size_t kWindow = 128;

std::vector<TimedSample> samples_of(const Session& session) {
  simulator::MachineConfig config;
  config.session = session.number;
  config.faults = session.faults;
  auto samples = test::simulated(session.samples, config, session.seed);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].t_us += session.begin_us;
    if (session.hole_at > 0 && i >= session.hole_at) samples[i].t_us += 10'000'000;
  }
  return samples;
}

DataSet write(const fs::path& folder, const std::vector<Session>& sessions, std::size_t axes = 6,
              double rate_hz = 200.0) {
  DataSetUpdate update(folder, rate_hz, axes);
  for (const Session& session : sessions) {
    auto& writer = update.begin(session.label, session.name, session.source, "test");
    for (const TimedSample& sample : samples_of(session)) writer.write(sample);
    update.end();
  }
  update.commit();
  return DataSet::open(folder);
}

const Session kNormal = {.samples = 300 * kWindow + 50};
const Session kLoose = {
    .label = "loose", .number = 1, .samples = 60 * kWindow, .faults = {.loose = 0.6}};
const Session kBearing = {
    .label = "bearing", .number = 2, .samples = 70 * kWindow + 127, .faults = {.bearing = 1}};

/// What `fettle train` does, with few epochs.
struct TrainedFile {
  std::vector<std::uint8_t> bytes;
  WindowTable table;
  Split split;
};
TrainedFile train(const DataSet& data, const FeatureSpec& spec = {}, std::uint64_t seed = 1,
                  WeightScales scales = WeightScales::per_channel,
                  std::optional<float> threshold = std::nullopt) {
  TrainedFile result;
  result.table = read_windows(data, spec, {kWindow, static_cast<float>(data.rate_hz())},
                              [](const std::string& label) { return label == "normal"; });
  result.split = split_by_time(result.table);
  LearningSettings settings;
  settings.training.epochs = 8;
  settings.training.seed = seed;
  settings.weights = scales;
  const LearnedNetwork learned =
      learn(result.table, result.split.train, result.split.best_epoch, settings);
  const auto plain = ModelFile::from_bytes(plain_file(learned.quantised), "plain", false);
  DetectorDescription description;
  description.features = spec;
  description.window = result.table.window;
  description.normaliser = learned.normaliser;
  description.threshold =
      choose_threshold(int8_scores(ScoreKind::reconstruction_mse, plain->network(),
                                   learned.normaliser, result.table, result.split.threshold),
                       settings.percentile, result.table.window, kThresholdShare);
  if (threshold.has_value()) {
    description.threshold = {ThresholdRecord::Kind::fixed, *threshold, 0.0F, 0.0F, 0, 0.0F};
  }
  TrainingRecord& training = description.training;
  training.version = "test";
  training.normal_label = "normal";
  training.seed = seed;
  training.epochs = settings.training.epochs;
  training.batch = settings.training.batch;
  training.learning_rate = settings.training.learning_rate;
  training.best_epoch = learned.progress.best_epoch;
  training.hidden = settings.hidden;
  training.weights = scales;
  training.windows_train = static_cast<std::uint32_t>(result.split.train.size());
  training.windows_best_epoch = static_cast<std::uint32_t>(result.split.best_epoch.size());
  training.windows_threshold = static_cast<std::uint32_t>(result.split.threshold.size());
  const auto used = used_recordings(result.table, result.split);
  training.used = used;
  training.data_hash = data_hash("normal", used);
  result.bytes = detector_file(learned.quantised, description);
  return result;
}

std::unique_ptr<ModelFile> detector(const TrainedFile& trained) {
  return ModelFile::from_bytes(trained.bytes, "the test's model", true);
}

std::size_t windows_of(const Session& session) { return session.samples / kWindow; }
std::size_t used_windows(const Session& session) { return windows_of(session) * 85 / 100; }

TEST(Training, GivesTheSameBytesFromTheSameRecordings) {
  const TemporaryFolder folder;
  const auto first = train(write(folder / "a", {kNormal}));
  EXPECT_EQ(first.bytes, train(DataSet::open(folder / "a")).bytes);
  // Another place, another name and another time of day are not in the file.
  Session moved = kNormal;
  moved.name = "elsewhere";
  moved.source = "other";
  moved.begin_us = 86'400'000'000;
  EXPECT_EQ(first.bytes, train(write(folder / "b", {moved})).bytes);
  EXPECT_NE(first.bytes, train(DataSet::open(folder / "a"), {}, 2).bytes);
  const std::string text(first.bytes.begin(), first.bytes.end());
  EXPECT_EQ(text.find("fettle-learning"), std::string::npos);  // no path in it
}

TEST(Training, CutsWindowsAtGapsAndHashesWhatIsBefore) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "gaps", 200.0, 6);
    auto& writer = update.begin("normal", "a", "fan", "test");
    auto samples = samples_of({.samples = 10 * kWindow});
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (i >= 3 * kWindow + 5) samples[i].t_us += 1'000'000;
      if (i >= 7 * kWindow) samples[i].t_us -= 5'000'000;
      writer.write(samples[i]);
    }
    update.end();
    update.commit();
  }
  const auto data = DataSet::open(folder / "gaps");
  const auto table = read_windows(data, {}, {kWindow, 200.0F}, [](const auto&) { return true; });
  // 3 whole, a gap 5 samples later, then (7 - 3) * 128 - 5 samples: 3 whole; then 3 from the step back.
  ASSERT_EQ(table.size(), 9U);
  EXPECT_EQ(table.gaps, 2U);
  EXPECT_EQ(table.origins[2].end_row, 3 * kWindow);
  EXPECT_EQ(table.origins[3].end_row, 3 * kWindow + 5 + kWindow);
  EXPECT_EQ(table.origins[6].end_row, 8 * kWindow);
  const auto samples = samples_of({.samples = 3 * kWindow});
  SampleHash hash(6);
  hash.add(samples);
  EXPECT_EQ(table.origins[2].prefix_hash, hash.value());
}

TEST(Evaluation, LeavesOutExactlyWhatWasSeen) {
  const TemporaryFolder folder;
  const auto data = write(folder / "data", {kNormal, kLoose, kBearing});
  const auto trained = train(data);
  const auto model = detector(trained);
  const Evaluation result = evaluate(*model, data);

  EXPECT_EQ(result.normal_label, "normal");
  EXPECT_EQ(result.training_recordings_found, result.training_recordings);
  EXPECT_EQ(result.windows_left_out, used_windows(kNormal));
  EXPECT_EQ(result.normal_windows, windows_of(kNormal) - used_windows(kNormal));
  EXPECT_EQ(result.normal_windows, trained.split.evaluation.size());
  ASSERT_EQ(result.classes.size(), 2U);
  EXPECT_EQ(result.classes.at("loose").windows, windows_of(kLoose));
  EXPECT_EQ(result.classes.at("bearing").windows, windows_of(kBearing));
  EXPECT_DOUBLE_EQ(result.normal_hours, static_cast<double>(result.normal_windows) * 0.64 / 3600);

  // The rest once more from the definitions.
  const auto scores =
      int8_scores(ScoreKind::reconstruction_mse, model->network(), model->detector().normaliser,
                  trained.table, trained.split.evaluation);
  std::size_t above = 0;
  std::size_t alarms = 0;
  bool active = false;
  for (const float score : scores) {
    const bool anomaly = score > model->detector().threshold;
    above += anomaly ? 1U : 0U;
    alarms += anomaly && !active ? 1U : 0U;
    active = anomaly;
  }
  EXPECT_DOUBLE_EQ(result.false_positive_rate,
                   static_cast<double>(above) / static_cast<double>(scores.size()));
  EXPECT_EQ(result.alarms, alarms);
  EXPECT_DOUBLE_EQ(result.alarms_per_hour, static_cast<double>(alarms) / result.normal_hours);
  EXPECT_DOUBLE_EQ(result.alarms_per_hour_upper95, poisson_upper95(alarms) / result.normal_hours);
  const auto faults = read_windows(data, {}, {kWindow, 200.0F},
                                   [](const std::string& label) { return label == "loose"; });
  std::vector<std::uint32_t> all(faults.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto loose = int8_scores(ScoreKind::reconstruction_mse, model->network(),
                                 model->detector().normaliser, faults, all);
  EXPECT_DOUBLE_EQ(result.classes.at("loose").auc, roc_auc(scores, loose));
  const auto hits = std::ranges::count_if(
      loose, [&](float score) { return score > model->detector().threshold; });
  EXPECT_DOUBLE_EQ(result.classes.at("loose").recall,
                   static_cast<double>(hits) / static_cast<double>(loose.size()));
  EXPECT_GT(result.auc, 0.8);
  EXPECT_LE(result.auc_interval.low, result.auc);
  EXPECT_GE(result.auc_interval.high, result.auc);
}

TEST(Evaluation, TrainsTheFloatNetworkAgainAndTheOneWithoutMeans) {
  const TemporaryFolder folder;
  const auto data = write(folder / "data", {kNormal, kLoose});
  for (const WeightScales scales : {WeightScales::per_channel, WeightScales::per_tensor}) {
    const auto with = evaluate(*detector(train(data, {}, 5, scales)), data);
    EXPECT_TRUE(with.int8.retrained);
    ASSERT_TRUE(with.without_mean);
    EXPECT_TRUE(with.without_mean->retrained);
    EXPECT_DOUBLE_EQ(with.int8.auc_float + with.int8.auc_change, with.auc);
    EXPECT_LT(with.int8.score_change_normal, 0.05);
    EXPECT_EQ(with.int8.bytes, 18U * 12 * 2 + 12U * 8 * 2 + 4U * (12 + 8 + 12 + 18));
    EXPECT_EQ(with.int8.bytes_float, 4U * (18U * 12 * 2 + 12U * 8 * 2 + 12 + 8 + 12 + 18));
    // A model without means, trained with the same settings, is the network it was compared with.
    const auto without =
        evaluate(*detector(train(data, {FeatureSet::tutorial, 6, false}, 5, scales)), data);
    EXPECT_TRUE(without.int8.retrained);
    EXPECT_FALSE(without.without_mean);
    EXPECT_EQ(with.without_mean->auc, without.auc);
    EXPECT_EQ(with.without_mean->false_positive_rate, without.false_positive_rate);
    EXPECT_EQ(with.without_mean->recall, without.classes.at("loose").recall);
  }
}

/// The distance that a neighbour hardly moves finds its weight again.
TEST(Evaluation, TrainsADistanceAgain) {
  const TemporaryFolder folder;
  const auto data = write(folder / "data", {kNormal, kLoose});
  const FeatureSpec spec{FeatureSet::vibration, 6, false};
  Hygiene hygiene;
  const WindowTable table = learn_windows(
      [&](std::span<const SpeedRange> speeds) {
        return read_windows(
            data, spec, {kWindow, 200.0F},
            [](const std::string& label) { return label == "normal"; }, speeds);
      },
      hygiene);
  LearningSettings settings;
  settings.detector = DetectorKind::mahalanobis;
  for (const std::optional<double> given : {std::optional<double>{}, std::optional<double>(0.0)}) {
    settings.neighbours = given;
    settings.alarms_per_hour = 1.0;
    const std::string label = "normal";
    TrainedDetector trained =
        train_detector(table, split_by_time(table), settings, false, label, "test");
    EXPECT_EQ(trained.neighbours > 0.0, !given) << "neighbours matter on this machine";
    const auto model = ModelFile::from_bytes(std::move(trained.file), "model", true);
    EXPECT_EQ(evaluate(*model, data).int8.retrained, !given);
  }
}

TEST(Evaluation, RecognisesRecordingsWhereverTheyAre) {
  const TemporaryFolder folder;
  Session second = kNormal;
  second.name = "b";
  second.source = "fan-fast";
  second.number = 9;
  second.samples = 100 * kWindow;
  const auto data = write(folder / "data", {kNormal, second, kLoose});
  const auto trained = train(data);
  const auto model = detector(trained);
  const Evaluation before = evaluate(*model, data);
  EXPECT_EQ(before.windows_left_out, used_windows(kNormal) + used_windows(second));

  // Renamed, in another order and at another time of day, among recordings it has never seen.
  Session first_moved = kNormal;
  first_moved.name = "z";
  first_moved.source = "zzz";
  first_moved.begin_us = -123'456'789;
  Session second_moved = second;
  second_moved.name = "y";
  second_moved.source = "aaa";
  second_moved.begin_us = 5'000'000'000;
  Session stranger = {.name = "x", .source = "mmm", .seed = 77, .samples = 50 * kWindow};
  const auto moved = write(folder / "moved", {first_moved, second_moved, stranger, kLoose});
  const Evaluation after = evaluate(*model, moved);
  EXPECT_EQ(after.windows_left_out, before.windows_left_out);
  EXPECT_EQ(after.normal_windows, before.normal_windows + 50);
  EXPECT_TRUE(after.int8.retrained);  // in the order of training, not of the folder
  EXPECT_EQ(after.classes.at("loose").windows, before.classes.at("loose").windows);
  EXPECT_EQ(after.classes.at("loose").recall, before.classes.at("loose").recall);

  // Extended: the machine ran on after the data were copied for training.
  Session longer = kNormal;
  longer.samples = 400 * kWindow;
  const auto extended = write(folder / "extended", {longer, second, kLoose});
  const Evaluation later = evaluate(*model, extended);
  EXPECT_EQ(later.windows_left_out, before.windows_left_out);
  EXPECT_EQ(later.normal_windows, before.normal_windows + 100);
  EXPECT_TRUE(later.int8.retrained);

  // One of two is missing: what is there is left out, but nothing can be trained again.
  const auto part = write(folder / "part", {second, kLoose});
  const Evaluation half = evaluate(*model, part);
  EXPECT_EQ(half.windows_left_out, used_windows(second));
  EXPECT_FALSE(half.int8.retrained);
  EXPECT_FALSE(half.without_mean->retrained);

  // The same recording twice, under two names: neither copy is judged by.
  Session copy = kNormal;
  copy.name = "copy";
  const auto twice = write(folder / "twice", {kNormal, copy, second, kLoose});
  const Evaluation doubled = evaluate(*model, twice);
  EXPECT_EQ(doubled.windows_left_out, 2 * used_windows(kNormal) + used_windows(second));
  EXPECT_TRUE(doubled.int8.retrained);
}

TEST(Evaluation, UsesUnknownRecordingsWhole) {
  const TemporaryFolder folder;
  const auto trained = train(write(folder / "data", {kNormal}));
  Session other = kNormal;
  other.seed = 3;
  other.samples = 40 * kWindow;
  // One changed sample makes it another recording.
  const auto data = write(folder / "other", {other, kLoose});
  const Evaluation result = evaluate(*detector(trained), data);
  EXPECT_EQ(result.training_recordings_found, 0U);
  EXPECT_EQ(result.windows_left_out, 0U);
  EXPECT_EQ(result.normal_windows, 40U);
  EXPECT_FALSE(result.int8.retrained);
  EXPECT_FALSE(result.without_mean->retrained);
  EXPECT_FALSE(result.tilt_sentence.empty());
  EXPECT_GE(result.int8.auc_float, 0.0);
  EXPECT_NEAR(result.int8.auc_change, 0.0, 0.02);
}

TEST(Evaluation, CountsRunsOfOneSecondFilesTogether) {
  const TemporaryFolder folder;
  std::vector<Session> files;
  for (int i = 0; i < 150; ++i) {
    Session file = {.source = "fan/session", .samples = kWindow + 3};
    file.name = std::string("f").append(std::to_string(1000 + i));
    file.number = static_cast<std::uint64_t>(i);
    files.push_back(file);
  }
  files.push_back(kLoose);
  const auto data = write(folder / "data", files);
  const auto trained = train(data);
  EXPECT_EQ(trained.split.train.size(), 82U);
  const Evaluation result = evaluate(*detector(trained), data);
  EXPECT_EQ(result.windows_left_out, 127U);
  EXPECT_EQ(result.normal_windows, 23U);
  EXPECT_TRUE(result.int8.retrained);
}

// With a threshold that nothing stays below, every unbroken stretch of normal running is one alarm.
TEST(Evaluation, CountsAnAlarmForEachUnbrokenStretch) {
  const TemporaryFolder folder;
  const auto model =
      detector(train(write(folder / "data", {kNormal}), {}, 1, WeightScales::per_channel, 1e-9F));
  const auto alarms = [&](const std::string& name, std::vector<Session> sessions) {
    sessions.push_back(kLoose);
    return evaluate(*model, write(folder / name, sessions)).alarms;
  };
  const Session one = {.name = "x", .source = "s1", .seed = 5, .samples = 10 * kWindow};
  Session two = one;
  two.name = "y";
  two.number = 3;
  EXPECT_EQ(alarms("one", {one}), 1U);
  EXPECT_EQ(alarms("same session", {one, two}), 1U);  // files of one session follow each other
  two.source = "s2";
  EXPECT_EQ(alarms("two sessions", {one, two}), 2U);
  two.hole_at = 4 * kWindow + 9;
  EXPECT_EQ(alarms("hole", {one, two}), 3U);
}

template <typename Action>
void expect_error(ExitCode code, const std::vector<std::string>& words, const Action& action) {
  try {
    action();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, code) << error.what();
    for (const auto& word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
          << word << " in: " << error.what();
    }
  }
}

TEST(Evaluation, RefusesDataThatDoNotFit) {
  const TemporaryFolder folder;
  const auto data = write(folder / "data", {kNormal, kLoose});
  const auto model = detector(train(data));
  const auto three = write(folder / "three", {kNormal, kLoose}, 3);
  expect_error(ExitCode::bad_input, {"3 axes", "6"}, [&] { (void)evaluate(*model, three); });
  const auto slow = write(folder / "slow", {kNormal, kLoose}, 6, 100.0);
  expect_error(ExitCode::bad_input, {"100 Hz", "200 Hz"}, [&] { (void)evaluate(*model, slow); });
  const auto faulty = write(folder / "faulty", {kLoose});
  expect_error(ExitCode::too_little_data, {"normal"}, [&] { (void)evaluate(*model, faulty); });
  Session seen = kNormal;
  seen.samples = 255 * kWindow;  // only what training used
  const auto nothing = write(folder / "nothing", {seen, kLoose});
  expect_error(ExitCode::too_little_data, {"255"}, [&] { (void)evaluate(*model, nothing); });

  Session wild = kLoose;
  DataSetUpdate update(folder / "wild", 200.0, 6);
  auto& writer = update.begin("loose", "w", "w", "test");
  auto samples = samples_of(wild);
  samples[500].sample.axis[1] = 2e6F;
  for (const auto& sample : samples) writer.write(sample);
  update.end();
  update.commit();
  const auto wild_data = DataSet::open(folder / "wild");
  expect_error(ExitCode::bad_input, {"w.csv:502", "2e+06"},
               [&] { (void)evaluate(*model, wild_data); });
}

// ---- networks of other tools ---------------------------------------------------------------------

TEST(ForeignNetwork, KeepsItsOutputsWithoutItsFloatEnds) {
  const TemporaryFolder folder;
  const auto data = write(folder / "data", {kNormal, kLoose});
  Random random(1);
  for (const bool ends : {true, false}) {
    using tflite::BuiltinOperator;
    test::HandMade made(18, 0.05F, 3);
    if (ends) {
      made.graph().inputs = {made.activation(18, 1.0F, 0, tflite::TensorType::FLOAT32)};
      made.graph().outputs = made.graph().inputs;
      made.apply(BuiltinOperator::QUANTIZE, {}, made.activation(18, 0.05F, 3));
    }
    made.dense({8, 0.05F, -128, true, true, 0.01F, tflite::Activation::RELU}, random)
        .dense({18, 0.05F, 2}, random);
    if (ends) {
      made.apply(BuiltinOperator::DEQUANTIZE, {},
                 made.activation(18, 1.0F, 0, tflite::TensorType::FLOAT32));
    }
    const auto file = made.file();
    const auto foreign =
        ModelFile::from_bytes({file.view().begin(), file.view().end()}, "keras.tflite", false);
    EXPECT_EQ(foreign->network().float_input(), ends);
    const auto own = train(data);
    const auto own_model = detector(own);
    DetectorDescription description;
    description.window = {kWindow, 200.0F};
    description.normaliser = own_model->detector().normaliser;
    description.threshold.kind = ThresholdRecord::Kind::fixed;
    description.threshold.value = 2.0F;
    description.training.normal_label = "normal";
    description.training.foreign = true;
    const auto used = used_recordings(own.table, own.split);
    description.training.used = used;
    const auto packed = detector_file(*foreign, description);
    EXPECT_EQ(packed, detector_file(*foreign, description));
    const auto model = ModelFile::from_bytes(packed, "packed", true);
    EXPECT_FALSE(model->network().float_input());
    EXPECT_FALSE(model->network().float_output());
    EXPECT_EQ(model->network().input_scale().scale, 0.05F);
    EXPECT_EQ(model->network().output_scale().zero_point, 2);
    std::array<std::int8_t, 18> in{}, a{}, b{};
    for (int row = 0; row < 50; ++row) {
      for (auto& code : in)
        code = static_cast<std::int8_t>(static_cast<int>(random.below(256)) - 128);
      foreign->network().run(in, a);
      model->network().run(in, b);
      EXPECT_EQ(a, b);
    }
    const Evaluation result = evaluate(*model, data);
    EXPECT_EQ(result.windows_left_out, used_windows(kNormal));
    EXPECT_FALSE(result.int8.retrained);
    EXPECT_FALSE(result.without_mean->retrained);
    // Packed again, the old metadata make way.
    const auto again = detector_file(*model, description);
    EXPECT_EQ(ModelFile::from_bytes(again, "again", true)->detector().threshold, 2.0F);
  }
}

// ---- messages ------------------------------------------------------------------------------------

TEST(ModelFile, SaysFileReasonPlaceAndWhatToDo) {
  const TemporaryFolder folder;
  const auto trained = train(write(folder / "data", {kNormal}));
  const auto put = [&](const std::string& name, const std::vector<std::uint8_t>& bytes) {
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return folder / name;
  };
  EXPECT_EQ(ModelFile::open_detector(put("good.tflite", trained.bytes))->bytes().size(),
            trained.bytes.size());
  EXPECT_NO_THROW((void)ModelFile::open_network(folder / "good.tflite"));
  auto flipped = trained.bytes;
  {
    const auto model = detector(trained);
    const auto* weights =
        reinterpret_cast<const std::uint8_t*>(model->network().layers()[0].weights);
    auto& byte = flipped[static_cast<std::size_t>(weights - model->bytes().data())];
    byte = static_cast<std::uint8_t>(byte ^ 1U);
  }
  const auto damaged = put("damaged.tflite", flipped);
  for (const bool as_detector : {true, false}) {  // never taken for a plain one
    expect_error(ExitCode::bad_input, {"damaged.tflite", "checksum", "byte", "Copy"}, [&] {
      (void)(as_detector ? ModelFile::open_detector(damaged) : ModelFile::open_network(damaged));
    });
  }
  auto cut = trained.bytes;
  cut.resize(1000);
  expect_error(ExitCode::bad_input, {"cut.tflite", "1000 bytes"},
               [&] { (void)ModelFile::open_detector(put("cut.tflite", cut)); });
  expect_error(ExitCode::bad_input, {"empty.tflite", "empty"},
               [&] { (void)ModelFile::open_detector(put("empty.tflite", {})); });
  expect_error(ExitCode::io, {"absent.tflite"},
               [&] { (void)ModelFile::open_detector(folder / "absent.tflite"); });
  Random random(2);
  test::HandMade made(18);
  const auto plain = made.dense({18}, random).file();
  const auto plain_path = put("plain.tflite", {plain.view().begin(), plain.view().end()});
  EXPECT_NO_THROW((void)ModelFile::open_network(plain_path));
  expect_error(ExitCode::bad_input, {"plain.tflite", "--from"},
               [&] { (void)ModelFile::open_detector(plain_path); });
}

// ---- model_data.h --------------------------------------------------------------------------------

/// Prints every constant as its bits, compiled once as C and once as C++.
constexpr const char* kReader = R"(
#include "model_data.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
static void bits(const char* name, const float* values, int n) {
  printf("%s", name);
  for (int i = 0; i < n; ++i) {
    uint32_t u;
    memcpy(&u, &values[i], sizeof u);
    printf(" %08x", (unsigned)u);
  }
  printf("\n");
}
int main(void) {
  printf("aligned %d\n", (int)((uintptr_t)anomaly_detector_int8_tflite % 16));
  printf("length %u %u\n", anomaly_detector_int8_tflite_len, (unsigned)sizeof anomaly_detector_int8_tflite);
  for (unsigned i = 0; i < anomaly_detector_int8_tflite_len; ++i) printf("%02x", anomaly_detector_int8_tflite[i]);
  printf("\nwindow %d\n", anomaly_detector_int8_tflite_WINDOW_SAMPLES);
  bits("rate", &anomaly_detector_int8_tflite_rate_hz, 1);
  for (int i = 0; i < anomaly_detector_int8_tflite_FEATURES; ++i)
    printf("%s\n", anomaly_detector_int8_tflite_feature_names[i]);
  bits("mean", anomaly_detector_int8_tflite_feature_mean, anomaly_detector_int8_tflite_FEATURES);
  bits("scale", anomaly_detector_int8_tflite_feature_scale, anomaly_detector_int8_tflite_FEATURES);
  bits("in", &anomaly_detector_int8_tflite_input_scale, 1);
  bits("out", &anomaly_detector_int8_tflite_output_scale, 1);
  printf("zero %d %d\n", anomaly_detector_int8_tflite_input_zero_point, anomaly_detector_int8_tflite_output_zero_point);
  bits("threshold", &anomaly_detector_int8_tflite_threshold, 1);
  return 0;
}
)";

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> block{};
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
    text.append(block.data(), got);
  }
  const int status = pclose(pipe);
  if (status != 0) text += "exit status " + std::to_string(status);
  return text;
}

TEST(CArray, CompilesAsCAndCppAndReadsBackExactly) {
  const TemporaryFolder folder;
  const auto model = detector(train(write(folder / "data", {kNormal})));
  std::ofstream(folder / "model_data.h") << c_array(*model, kDefaultSymbol);
  std::ofstream(folder / "reader.c") << kReader;

  std::ostringstream expected;
  const auto hex = [&](float value) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), " %08x", std::bit_cast<std::uint32_t>(value));
    expected << text.data();
  };
  const auto bytes = model->bytes();
  const DetectorModel& d = model->detector();
  expected << "aligned 0\nlength " << bytes.size() << " " << bytes.size() << "\n";
  for (const std::uint8_t byte : bytes) {
    std::array<char, 4> text{};
    std::snprintf(text.data(), text.size(), "%02x", byte);
    expected << text.data();
  }
  expected << "\nwindow 128\nrate";
  hex(200.0F);
  expected << "\n";
  for (const char* axis : {"ax", "ay", "az", "gx", "gy", "gz"}) {
    for (const char* kind : {"mean", "std", "p2p"}) expected << axis << "_" << kind << "\n";
  }
  expected << "mean";
  for (std::size_t i = 0; i < 18; ++i) hex(d.normaliser.mean[i]);
  expected << "\nscale";
  for (std::size_t i = 0; i < 18; ++i) hex(d.normaliser.scale[i]);
  expected << "\nin";
  hex(d.network.input_scale().scale);
  expected << "\nout";
  hex(d.network.output_scale().scale);
  expected << "\nzero " << d.network.input_scale().zero_point << " "
           << d.network.output_scale().zero_point << "\nthreshold";
  hex(d.threshold);
  expected << "\n";

  for (const char* language : {"c -std=c11", "c++ -std=c++11", "c++ -std=c++20"}) {
    SCOPED_TRACE(language);
    const std::string program = (folder / "reader").string();
    const std::string compile = std::string(FETTLE_TEST_COMPILER) + " -x " + language +
                                " -Wall -Wextra -Wpedantic -Werror " +
                                (folder / "reader.c").string() + " -o " + program;
    ASSERT_EQ(output_of(compile), "");
    EXPECT_EQ(output_of(program), expected.str());
  }
}

TEST(CArray, TakesAnyIdentifierAndNothingElse) {
  const TemporaryFolder folder;
  const auto model = detector(train(write(folder / "data", {kNormal})));
  for (const char* good : {"model", "_m1", "A_very_long_Name_9"}) {
    EXPECT_NE(c_array(*model, good)
                  .find(std::string("const unsigned char ").append(good).append("[] = {")),
              std::string::npos);
  }
  for (const char* bad :
       {"", "1model", "mo-del", "mo del", "model;", "m\xC3\xBCll", "a[]", "a\n"}) {
    expect_error(ExitCode::usage, {"--name"}, [&] { (void)c_array(*model, bad); });
  }
  // Words of the languages would not compile.
  for (const char* word : {"int", "alignas", "class", "_Alignas", "static"}) {
    expect_error(ExitCode::usage, {"--name"}, [&] { (void)c_array(*model, word); });
  }
}

}  // namespace
}  // namespace fettle::host
