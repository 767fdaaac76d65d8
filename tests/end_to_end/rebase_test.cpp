// SPDX-License-Identifier: Apache-2.0
// A sensor is taken off and put back: a minute of normal running makes the model fit again, a fault does not.
#include "host/rebase.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <numbers>

#include "detector_generated.h"
#include "host/dataset.hpp"
#include "host/evaluation.hpp"
#include "host/import.hpp"
#include "host/training.hpp"
#include "simulator/fleet/fleet.hpp"
#include "simulator/fleet/stream.hpp"
#include "tests/support/files.hpp"
#include "tests/support/simulated.hpp"

namespace fettle::host {
namespace {

constexpr std::size_t kMinute = 200 * 62;
const WindowShape kWindow{128, 200.0F};
const FeatureSpec kVibration{FeatureSet::vibration, 6, false};
const FeatureSpec kTutorial{FeatureSet::tutorial, 6, true};
const std::string kLabel = "normal";

/// A rotation about x, then z: what putting a sensor back may do.
struct Turn {
  double x_deg = 0.0, z_deg = 0.0;
  [[nodiscard]] TimedSample operator()(TimedSample sample) const {
    auto& axis = sample.sample.axis;
    for (const std::size_t at : {0U, 3U}) {
      about(x_deg, axis[at + 1], axis[at + 2]);
      about(z_deg, axis[at], axis[at + 1]);
    }
    return sample;
  }

 private:
  static void about(double degrees, float& a, float& b) {
    const double angle = degrees * std::numbers::pi / 180.0;
    const auto c = static_cast<float>(std::cos(angle));
    const auto s = static_cast<float>(std::sin(angle));
    const float turned = c * a - s * b;
    b = s * a + c * b;
    a = turned;
  }
};

struct Running {
  std::size_t samples = kMinute;
  std::uint64_t session = 1;
  Turn turn = {};
  simulator::Faults faults = {};
  std::uint64_t seed = 1;
  double speed = 1.0;
};

std::vector<TimedSample> samples_of(const Running& running) {
  simulator::MachineConfig config;
  config.session = running.session;
  config.faults = running.faults;
  config.speed = running.speed;
  auto samples = test::simulated(running.samples, config, running.seed);
  for (TimedSample& sample : samples) sample = running.turn(sample);
  return samples;
}

class Rebase : public testing::Test {
 protected:
  std::filesystem::path recording(const std::string& name, std::span<const TimedSample> samples,
                                  std::size_t axes = 6) {
    RecordingWriter writer(folder_ / name, axes);
    for (const TimedSample& sample : samples) writer.write(sample);
    writer.commit();
    return folder_ / name;
  }
  std::filesystem::path recording(const std::string& name, const Running& running) {
    return recording(name, samples_of(running));
  }

  /// As `fettle train` does: the second look knows where the machine's line is.
  static std::unique_ptr<ModelFile> learn_from_file(const std::filesystem::path& file) {
    Hygiene hygiene;
    return trained_on(learn_windows(
        [&](std::span<const SpeedRange> expected) {
          return read_windows(file, kVibration, kWindow, expected);
        },
        hygiene));
  }
  static std::unique_ptr<ModelFile> learn_from(WindowTable table, bool decides = true) {
    clean(table);
    return trained_on(table, decides);
  }
  static std::unique_ptr<ModelFile> trained_on(const WindowTable& table, bool decides = true) {
    LearningSettings settings;
    settings.training.epochs = 20;
    const bool vibration = table.spec.set == FeatureSet::vibration;
    settings.detector = vibration ? DetectorKind::mahalanobis : DetectorKind::autoencoder;
    if (vibration && decides) settings.alarms_per_hour = 1.0 / 168.0;
    auto trained = train_detector(table, split_by_time(table), settings, false, kLabel, "test");
    return ModelFile::from_bytes(std::move(trained.file), "trained", true);
  }
  /// Of ten minutes of machine 1.
  const ModelFile& model(const FeatureSpec& spec = kVibration, bool decides = true) {
    auto& kept = models_[{static_cast<int>(spec.set), decides}];
    if (!kept) {
      const auto file = folder_ / "learned.csv";
      if (!std::filesystem::exists(file))
        recording("learned.csv", {.samples = 120'000, .session = 0});
      kept = learn_from(read_windows(file, spec, kWindow), decides);
    }
    return *kept;
  }
  static std::unique_ptr<ModelFile> opened(const Rebased& rebased) {
    return ModelFile::from_bytes(rebased.file, "rebased", true);
  }

  test::TemporaryFolder folder_;

 private:
  std::map<std::pair<int, bool>, std::unique_ptr<ModelFile>> models_;
};

/// What a model says of later normal running.
struct Judged {
  std::size_t windows = 0, above = 0, alarms = 0, moved = 0;
  [[nodiscard]] double share() const {
    return static_cast<double>(above) / static_cast<double>(std::max<std::size_t>(windows, 1));
  }
};
Judged judge(const ModelFile& model, const WindowTable& table) {
  std::vector<std::uint32_t> rows(table.size());
  for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
  Judged judged;
  for (const WindowResult& window : judge_windows(model.detector(), table, rows)) {
    if (window.alarm) ++judged.alarms;
    if (window.verdict == Verdict::sensor_moved) ++judged.moved;
    if (window.reason != Reason::none) continue;
    ++judged.windows;
    if (window.score > window.threshold) ++judged.above;
  }
  return judged;
}
Judged judge(const ModelFile& model, const std::filesystem::path& file) {
  const DetectorModel& detector = model.detector();
  return judge(
      model, read_windows(file, detector.features, detector.window, ranges_of(detector.baseline)));
}

TEST_F(Rebase, MakesAModelFitASensorThatWasTurned) {
  const Turn turn{35.0, 80.0};
  const auto minute = recording("minute.csv", {.turn = turn});
  const auto later = recording("later.csv", {.samples = 60'000, .session = 2, .turn = turn});
  for (const FeatureSpec& spec : {kVibration, kTutorial}) {
    SCOPED_TRACE(spec.set == FeatureSet::vibration ? "vibration" : "tutorial");
    const Judged before = judge(model(spec), later);
    if (spec.set == FeatureSet::vibration) {
      EXPECT_GT(before.moved, before.windows / 2);
    } else {
      EXPECT_EQ(before.share(), 1.0);
    }
    const Rebased rebased = rebase(model(spec), minute, {});
    EXPECT_EQ(rebased.windows, kMinute / 128);
    const Judged after = judge(*opened(rebased), later);
    EXPECT_LE(after.share(), 0.01);
    EXPECT_EQ(after.moved, 0U);
    if (spec.set == FeatureSet::vibration) {
      EXPECT_EQ(after.alarms, 0U);
      ASSERT_TRUE(rebased.gravity_turn_deg.has_value());
      EXPECT_GT(*rebased.gravity_turn_deg, 10.0);
    }
    EXPECT_GE(rebased.threshold_after, rebased.threshold_before);
    // A fault is found all the same.
    const auto faulty = recording(spec.set == FeatureSet::vibration ? "f1.csv" : "f2.csv",
                                  {.session = 3, .turn = turn, .faults = {.imbalance = 1.0}});
    const Judged found = judge(*opened(rebased), faulty);
    EXPECT_GT(found.share(), 0.9);
  }
}

TEST_F(Rebase, KeepsTheNetworkAndIsUndoneByteForByte) {
  const auto minute = recording("minute.csv", {.turn = {20.0, 0.0}});
  const auto another = recording("another.csv", {.session = 2, .turn = {0.0, 50.0}});
  for (const FeatureSpec& spec : {kVibration, kTutorial}) {
    const ModelFile& trained = model(spec);
    const auto once = opened(rebase(trained, minute, {}));
    const auto twice = opened(rebase(*once, another, {}));
    EXPECT_TRUE(rebase(*once, another, {}).replaced);
    // Always from how it was trained: the second is what it would have been alone.
    EXPECT_EQ(rebase(*once, another, {}).file, rebase(trained, another, {}).file);
    for (const auto* rebased : {once.get(), twice.get()}) {
      const auto undone = without_rebase(*rebased, "model");
      EXPECT_TRUE(std::ranges::equal(undone->bytes(), trained.bytes()));
      EXPECT_EQ(rebased->network().layers().size(), trained.network().layers().size());
      EXPECT_LT(rebased->bytes().size(), trained.bytes().size() + 2048);
      const auto& record = *rebased->record().rebase();
      EXPECT_EQ(record.base_bytes(), trained.bytes().size());
      EXPECT_EQ(record.windows(), kMinute / 128);
    }
  }
  test::expect_error(ExitCode::bad_input, {"not rebased", "nothing to undo"},
                     [&] { (void)without_rebase(model(), "model"); });
}

TEST_F(Rebase, TakesNothingBackThatTenMinutesHaveShown) {
  const auto minute = recording("minute.csv", {.turn = {20.0, 0.0}});
  const auto rebased = opened(rebase(model(), minute, {}));
  const DecisionSettings& before = *model().detector().decision;
  const DecisionSettings& after = *rebased->detector().decision;
  EXPECT_GE(after.location, before.location);
  EXPECT_GE(after.scale, before.scale);
  EXPECT_EQ(after.limit, before.limit);
  EXPECT_EQ(after.reference, before.reference);
  const auto tutorial = opened(rebase(model(kTutorial), minute, {}));
  for (std::size_t f = 0; f < kTutorial.dimensions(); ++f) {
    EXPECT_GE(tutorial->detector().normaliser.scale[f],
              model(kTutorial).detector().normaliser.scale[f]);
  }
}

TEST_F(Rebase, LearnsNoFault) {
  for (const FeatureSpec& spec : {kVibration, kTutorial}) {
    for (const bool decides : {true, false}) {
      if (spec.set == FeatureSet::tutorial && decides) continue;
      const ModelFile& trained = model(spec, decides);
      SCOPED_TRACE(fmt::format("{} {}", static_cast<int>(spec.set), decides));
      const auto name = [&](const char* what) {
        return fmt::format("{}{}{}.csv", what, static_cast<int>(spec.set), decides ? 1 : 0);
      };
      const auto fault =
          recording(name("fault"), {.turn = {30.0, 0.0}, .faults = {.imbalance = 1}});
      test::expect_error(ExitCode::bad_input, {"look like a fault", "--force", "train anew"},
                         [&] { (void)rebase(trained, fault, {}); });
      const Rebased forced =
          rebase(trained, fault, {.normal = kLabel, .force = true, .version = "test"});
      EXPECT_TRUE(opened(forced)->record().rebase()->forced());
      EXPECT_GT(std::abs(forced.change), forced.allowed);
    }
  }
  const auto loose = recording("loose.csv", {.faults = {.loose = 0.8}});
  test::expect_error(ExitCode::bad_input, {"fault"}, [&] { (void)rebase(model(), loose, {}); });
  // One that begins on the way.
  auto samples = samples_of({.samples = 200 * 70});
  const auto rest = samples_of({.samples = 200 * 50, .faults = {.imbalance = 1}});
  for (const TimedSample& sample : rest) {
    samples.push_back(sample);
    samples.back().t_us = samples[samples.size() - 2].t_us + 5000;
  }
  const auto half = recording("half.csv", samples);
  for (const FeatureSpec& spec : {kVibration, kTutorial}) {
    test::expect_error(ExitCode::bad_input, {"half.csv", "must not teach a fault"},
                       [&] { (void)rebase(model(spec), half, {}); });
  }
}

TEST_F(Rebase, SaysWhatIsMissing) {
  const auto refuse = [&](ExitCode code, const std::string& file, const Running& running,
                          std::initializer_list<std::string_view> says) {
    SCOPED_TRACE(file);
    const auto path = recording(file, running);
    test::expect_error(code, says, [&] { (void)rebase(model(), path, {}); });
  };
  refuse(ExitCode::too_little_data, "short.csv", {.samples = 200 * 30},
         {"29 s", "31 s are missing"});
  refuse(ExitCode::too_little_data, "empty.csv", {.samples = 50}, {"60 s are missing"});
  refuse(ExitCode::too_little_data, "speed.csv", {.speed = 0.6}, {"a speed that was not learned"});
  auto moving = samples_of({.samples = 200 * 50});
  for (const TimedSample& sample : samples_of({.samples = 200 * 50, .turn = {60.0, 0.0}})) {
    moving.push_back(sample);
    moving.back().t_us = moving[moving.size() - 2].t_us + 5000;
  }
  const auto moved = recording("moved.csv", moving);
  test::expect_error(ExitCode::bad_input, {"did not sit the same way"},
                     [&] { (void)rebase(model(), moved, {}); });
  auto fast = samples_of({});
  for (TimedSample& sample : fast) sample.t_us /= 2;
  const auto rate = recording("rate.csv", fast);
  test::expect_error(ExitCode::bad_input, {"400 Hz", "200 Hz"},
                     [&] { (void)rebase(model(), rate, {}); });
  const auto axes = recording("axes.csv", samples_of({}), 3);
  test::expect_error(ExitCode::bad_input, {"3 axes", "expected 6"},
                     [&] { (void)rebase(model(), axes, {}); });
  // A sensor on a machine that is off, and on a table.
  std::vector<TimedSample> still;
  for (std::size_t i = 0; i < kMinute; ++i) {
    TimedSample sample;
    sample.t_us = static_cast<std::int64_t>(i) * 5000;
    for (std::size_t a = 0; a < 6; ++a) {
      sample.sample.axis[a] = static_cast<float>((i * 7 + a * 5) % 11) * (a < 3 ? 1e-4F : 1e-2F);
    }
    sample.sample.axis[2] += 1.0F;
    still.push_back(sample);
  }
  const auto off = recording("off.csv", still);
  test::expect_error(ExitCode::too_little_data, {"the machine is off"},
                     [&] { (void)rebase(model(), off, {}); });
}

TEST_F(Rebase, OfADataSetUsesNormalRecordingsThatTrainingHasNotSeen) {
  const auto data = folder_ / "data";
  {
    DataSetUpdate update(data, 200.0, 6);
    const auto add = [&](const char* label, const char* name, const Running& running) {
      auto& writer = update.begin(label, name, name, "test");
      for (const TimedSample& sample : samples_of(running)) writer.write(sample);
      update.end();
    };
    add("normal", "before", {.samples = 120'000, .session = 0});
    add("normal", "after", {.samples = 2 * kMinute, .turn = {45.0, 10.0}});
    add("loose", "loose",
        {.samples = kMinute, .session = 4, .turn = {45.0, 10.0}, .faults = {.loose = 1}});
    update.commit();
  }
  const Rebased rebased = rebase(model(), data, {});
  EXPECT_EQ(rebased.seen_before, 1U);
  EXPECT_EQ(rebased.recordings, 1U);
  EXPECT_EQ(rebased.windows, 2 * kMinute / 128);
  test::expect_error(ExitCode::bad_input, {"no recordings labelled 'good'", "loose, normal"}, [&] {
    (void)rebase(model(), data, {.normal = "good", .force = false, .version = "test"});
  });
  test::expect_error(ExitCode::bad_input, {"look like a fault"}, [&] {
    (void)rebase(model(), data, {.normal = "loose", .force = false, .version = "test"});
  });
  // What the rebase has seen is not judged by.
  const auto file = opened(rebased);
  const Evaluation evaluation = evaluate(*file, DataSet::open(data));
  EXPECT_EQ(evaluation.normal_windows,
            evaluate(model(), DataSet::open(data)).normal_windows - rebased.windows);
  EXPECT_FALSE(evaluation.int8.retrained);
}

TEST_F(Rebase, CeilingFan) {
  const auto recordings = test::real_recordings();
  if (recordings.empty()) GTEST_SKIP() << "the recordings in ../shared/data are absent";
  for (const char* label : {"normal", "coin"}) {
    ImportOptions options;
    options.sources = {recordings / "ceiling-fan" / (std::string("low-") + label)};
    options.data = folder_ / "imported";
    options.label = label;
    (void)import_recordings(options);
  }
  const DataSet imported = DataSet::open(folder_ / "imported");
  // 300 windows to learn from; then the sensor is put on its side: 94 to rebase, and the rest.
  const Turn turn{70.0, 25.0};
  DataSetUpdate learned(folder_ / "learned", 200.0, 3);
  DataSetUpdate minute(folder_ / "minute", 200.0, 3);
  DataSetUpdate later(folder_ / "later", 200.0, 3);
  std::size_t number = 0;
  for (const RecordingEntry& entry : imported.recordings()) {
    const bool coin = entry.label == "coin";
    if (!coin) ++number;
    DataSetUpdate& part = coin || number > 394 ? later : number > 300 ? minute : learned;
    auto& writer = part.begin(entry.label, entry.name, entry.source, "test");
    RecordingReader reader = imported.read(entry);
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      for (const TimedSample& sample : block) {
        writer.write(&part == &learned ? sample : turn(sample));
      }
    }
    part.end();
  }
  learned.commit();
  minute.commit();
  later.commit();
  const auto read = [&](const char* name, const FeatureSpec& spec, const std::string& label) {
    return read_windows(DataSet::open(folder_ / name), spec, kWindow,
                        [&](const std::string& other) { return other == label; });
  };
  for (const FeatureSpec& spec :
       {FeatureSpec{FeatureSet::tutorial, 3, true}, FeatureSpec{FeatureSet::tutorial, 3, false},
        FeatureSpec{FeatureSet::vibration, 3, false}}) {
    const auto trained = learn_from(read("learned", spec, "normal"), false);
    const Judged before = judge(*trained, read("later", spec, "normal"));
    const Rebased rebased = rebase(*trained, folder_ / "minute", {});
    const auto model = opened(rebased);
    const Judged after = judge(*model, read("later", spec, "normal"));
    const Judged coin = judge(*model, read("later", spec, "coin"));
    const Judged coin_before =
        judge(*trained, read_windows(imported, spec, kWindow,
                                     [](const std::string& label) { return label == "coin"; }));
    std::printf(
        "ceiling fan, %s%s: above the limit %.1f %% before, %.2f %% of %zu after; coin %.1f %% "
        "(untouched %.1f %%); "
        "change %.2f of %.2f; limit %.3g was %.3g\n",
        spec.set == FeatureSet::tutorial ? "tutorial" : "vibration",
        spec.with_mean ? " with mean" : "", 100 * before.share(), 100 * after.share(),
        after.windows, 100 * coin.share(), 100 * coin_before.share(), rebased.change,
        rebased.allowed, static_cast<double>(rebased.threshold_after),
        static_cast<double>(rebased.threshold_before));
    // Where the limit was not raised it is the 99th percentile still: 1 % but for chance.
    EXPECT_LE(after.share(), spec.set == FeatureSet::tutorial ? 0.01 : 0.02);
    EXPECT_GT(after.windows, 150U);
    EXPECT_GT(coin.share(), 0.95);
    if (spec.with_mean) {
      EXPECT_GT(before.share(), 0.9);
    }
  }
}

TEST_F(Rebase, OfSimulatedRemountsStaysQuiet) {
  std::size_t windows = 0, above = 0, alarms = 0, machines = 0;
  std::size_t alarms_before = 0, refused = 0;
  for (int index = 0; index < 8; ++index) {
    const auto machine = simulator::draw_machine(2026, index);
    const auto live = [&](const simulator::FleetLife& life, auto&& on_block) {
      simulator::FleetStream stream(machine, life);
      simulator::FleetBlock block;
      while (stream.next(block)) on_block(block);
    };
    std::vector<TimedSample> learned, minute, later;
    const auto add = [](std::vector<TimedSample>& to, const simulator::FleetBlock& block) {
      to.insert(to.end(), block.samples.begin(), block.samples.end());
    };
    live(simulator::baseline(machine), [&](const auto& block) { add(learned, block); });
    live(simulator::remounted(machine, 2.0 / 168.0, 1, 1), [&](const auto& block) {
      if (block.truth.remounts == 0) return;
      const bool running = block.truth.state == simulator::RunState::running;
      if (minute.size() < kMinute && !running) minute.clear();
      add(minute.size() < kMinute ? minute : later, block);
    });
    if (minute.size() < kMinute || later.size() < 60'000) continue;  // it was not long on any more
    ++machines;
    const auto name = [&](const char* what) { return fmt::format("{}{}.csv", what, index); };
    const auto learned_file = recording(name("l"), learned);
    const auto trained = learn_from_file(learned_file);
    const auto file = recording(name("t"), later);
    const Judged before = judge(*trained, file);
    Rebased rebased;
    try {
      rebased = rebase(*trained, recording(name("m"), minute), {});
    } catch (const Error& error) {
      // Ten minutes have not shown all that is healthy: the model itself alarms on that minute.
      ++refused;
      std::printf("machine %d: refused (later: alarms %zu, above the limit %.2f %%)\n", index,
                  before.alarms, 100 * before.share());
      EXPECT_GT(judge(*trained, folder_ / name("m")).alarms, 0U) << error.what();
      continue;
    }
    const Judged after = judge(*opened(rebased), file);
    std::printf(
        "machine %d: change %.2f of %.2f; %zu windows later, above the limit %.2f %% (before "
        "%.2f %%), moved %zu (before %zu), alarms %zu (before %zu); stated %.3g an hour\n",
        index, rebased.change, rebased.allowed, after.windows, 100 * after.share(),
        100 * before.share(), after.moved, before.moved, after.alarms, before.alarms,
        static_cast<double>(trained->record().decision()->stated_per_hour()));
    windows += after.windows;
    above += after.above;
    alarms += after.alarms;
    alarms_before += before.alarms;
    EXPECT_EQ(after.moved, 0U);
  }
  std::printf(
      "%zu machines, %zu refused: %.2f %% of %zu windows above the limit, %zu alarms (%zu "
      "without)\n",
      machines, refused, 100.0 * static_cast<double>(above) / static_cast<double>(windows), windows,
      alarms, alarms_before);
  EXPECT_GE(machines, 6U);
  EXPECT_LE(refused, 1U);
  EXPECT_LE(static_cast<double>(above), 0.01 * static_cast<double>(windows));
  // Ten minutes vouch for an alarm in some hours. What the model raises without any rebase is not the rebase's.
  EXPECT_LE(alarms, alarms_before);
}

}  // namespace
}  // namespace fettle::host
