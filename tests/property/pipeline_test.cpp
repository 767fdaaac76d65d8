// SPDX-License-Identifier: Apache-2.0
// The whole journey a sample at a time against the same done with all samples at hand.
#include "core/pipeline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/hand_made.hpp"
#include "tests/support/trained.hpp"

namespace fettle {
namespace {

/// One detector for all tests, its threshold in the middle of what a loose machine scores.
class Detector {
 public:
  explicit Detector(const FeatureSpec& spec, float threshold)
      : bytes_(make(spec, threshold)), workspace_(Int8Network::workspace_bytes(bytes_.view())) {
    const Fault fault = load_detector(bytes_.view(), workspace_, model);
    EXPECT_TRUE(fault.ok()) << describe(fault.status);
  }
  DetectorModel model;

 private:
  static test::AlignedBytes make(const FeatureSpec& spec, float threshold) {
    test::Trained trained;
    trained.spec = spec;
    trained.window = {128, 200.0F};
    TrainingSettings settings;
    settings.epochs = 10;
    test::train(trained, test::simulated_features(spec, trained.window, 100, 1), settings);
    const UsedRecording used[] = {{1, 2, 3, 4}};
    return test::AlignedBytes(
        test::detector_bytes(trained.quantised, test::describe_trained(trained, used, threshold)));
  }
  test::AlignedBytes bytes_;
  std::vector<std::byte> workspace_;
};

/// A stream with faults that come and go, gaps and steps back in time.
std::vector<TimedSample> rough_stream(std::uint64_t seed, std::size_t samples) {
  Random random(seed);
  simulator::MachineConfig healthy;
  simulator::MachineConfig faulty;
  faulty.faults.loose = 0.6;
  simulator::Machine good(healthy, 1);
  simulator::Machine bad(faulty, 1);
  std::vector<TimedSample> stream;
  std::int64_t t_us = 0;
  bool fault = false;
  for (std::size_t i = 0; i < samples; ++i) {
    if (random.below(900) == 0) fault = !fault;
    const std::uint32_t event = random.below(1500);
    const std::int64_t usual_us = std::int64_t{4900} + random.below(200);
    t_us += event == 0 ? 20000 : event == 1 ? -3000000 : event == 2 ? 7600 : usual_us;
    const Sample a = good.next().sample;
    const Sample b = bad.next().sample;
    stream.push_back({t_us, fault ? b : a});
  }
  return stream;
}

struct Judged {
  std::int64_t start_us;
  float score;
  Verdict verdict;
  bool alarm;
};

/// All windows of a recording, cut and judged from the definitions.
std::vector<Judged> batch(const DetectorModel& model, const WindowShape& window,
                          std::span<const TimedSample> stream) {
  std::vector<Judged> results;
  bool active = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    if (i > 0) {
      const std::int64_t step = stream[i].t_us - stream[i - 1].t_us;
      if (step < 0 || step > 7500) {
        begin = i;
        active = false;  // what happened in the gap, nobody knows
      }
    }
    const std::size_t length = i + 1 - begin;
    if (length < window.samples || (length - window.samples) % window.hop_samples() != 0) continue;
    const std::size_t first = length - window.samples + begin;
    FeatureExtractor extractor(model.features);
    for (std::size_t k = first; k <= i; ++k) extractor.add(stream[k].sample);
    std::vector<float> z(model.features.dimensions());
    extractor.finish(z);
    std::vector<std::int8_t> in(z.size()), out(z.size());
    for (std::size_t f = 0; f < z.size(); ++f) {
      z[f] = (z[f] - model.normaliser.mean[f]) / model.normaliser.scale[f];
      const TensorScale scale = model.network.input_scale();
      const double code = std::round(static_cast<double>(z[f] / scale.scale)) + scale.zero_point;
      in[f] = static_cast<std::int8_t>(std::clamp(code, -128.0, 127.0));
    }
    model.network.run(in, out);
    float sum = 0.0F;
    for (std::size_t f = 0; f < z.size(); ++f) {
      const TensorScale scale = model.network.output_scale();
      const float difference = z[f] - scale.scale * static_cast<float>(out[f] - scale.zero_point);
      sum += difference * difference;
    }
    const float score = sum / static_cast<float>(z.size());
    const bool anomaly = score > model.threshold;
    results.push_back({stream[first].t_us, score, anomaly ? Verdict::anomaly : Verdict::normal,
                       anomaly && !active});
    active = anomaly;
  }
  return results;
}

TEST(Pipeline, JudgesAStreamLikeABatch) {
  for (const FeatureSpec& spec :
       {FeatureSpec{FeatureSet::tutorial, 6, true}, FeatureSpec{FeatureSet::tutorial, 3, false}}) {
    const Detector detector(spec, 1.5F);
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      WindowShape window = detector.model.window;
      window.hop = seed == 1 ? 0 : window.samples / static_cast<std::uint32_t>(1U << (seed - 2));
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", hop " << window.hop);
      const auto stream = rough_stream(seed, 20000);
      const auto expected = batch(detector.model, window, stream);
      Pipeline pipeline(detector.model, window);
      std::size_t next = 0;
      std::uint32_t alarms = 0;
      std::size_t anomalies = 0;
      for (const TimedSample& sample : stream) {
        const auto result = pipeline.push(sample);
        if (!result) continue;
        ASSERT_LT(next, expected.size());
        const Judged& judged = expected[next++];
        ASSERT_EQ(result->start_us, judged.start_us);
        ASSERT_EQ(result->score, judged.score);
        ASSERT_EQ(result->threshold, detector.model.threshold);
        ASSERT_EQ(result->verdict, judged.verdict);
        ASSERT_EQ(result->alarm, judged.alarm);
        alarms += judged.alarm ? 1U : 0U;
        anomalies += judged.verdict == Verdict::anomaly ? 1U : 0U;
        ASSERT_EQ(pipeline.alert().alarms(), alarms);
        ASSERT_EQ(pipeline.alert().active(), judged.verdict == Verdict::anomaly);
      }
      EXPECT_EQ(next, expected.size());
      EXPECT_GT(next, 80U);
      // The stream is a test of both: runs of several windows, and more than one run.
      EXPECT_GT(alarms, 1U);
      EXPECT_GT(anomalies, alarms);
      EXPECT_LT(anomalies, next);
      EXPECT_GT(pipeline.front().gaps() + pipeline.front().backwards(), 5U);
    }
  }
}

TEST(Pipeline, StartsAfreshWithEachRecording) {
  const Detector detector({FeatureSet::tutorial, 6, true}, 1.5F);
  const auto first = rough_stream(3, 5000);
  const auto second = rough_stream(4, 5000);
  for (const std::size_t cut : {0U, 1U, 127U, 128U, 129U, 4000U, 5000U}) {
    SCOPED_TRACE(cut);
    Pipeline pipeline(detector.model);
    for (std::size_t i = 0; i < cut; ++i) (void)pipeline.push(first[i]);
    pipeline.restart();
    const auto expected = batch(detector.model, detector.model.window, second);
    std::size_t next = 0;
    for (const TimedSample& sample : second) {
      const auto result = pipeline.push(sample);
      if (!result) continue;
      ASSERT_LT(next, expected.size());
      EXPECT_EQ(result->start_us, expected[next].start_us);
      EXPECT_EQ(result->score, expected[next].score);
      EXPECT_EQ(result->alarm, expected[next].alarm);
      ++next;
    }
    EXPECT_EQ(next, expected.size());
  }
}

TEST(Pipeline, EndsARunOfAnomaliesWithTheRecordingOrAGap) {
  const Detector detector({FeatureSet::tutorial, 6, true}, 1e-6F);  // everything is an anomaly
  simulator::Machine machine({}, 5);
  std::vector<TimedSample> stream;
  for (std::int64_t i = 0; i < 1000; ++i) stream.push_back({i * 5000, machine.next().sample});
  enum class Between { nothing, restart, gap };
  for (const Between between : {Between::nothing, Between::restart, Between::gap}) {
    Pipeline pipeline(detector.model);
    std::int64_t offset_us = 0;
    for (int recording = 0; recording < 3; ++recording) {
      if (between == Between::restart) pipeline.restart();
      for (TimedSample sample : stream) {
        sample.t_us += offset_us;
        (void)pipeline.push(sample);
      }
      EXPECT_TRUE(pipeline.alert().active());
      offset_us += 1000 * 5000 + (between == Between::gap ? 5000 : 0);
    }
    EXPECT_EQ(pipeline.alert().alarms(), between == Between::nothing ? 1U : 3U);
  }
}

TEST(Pipeline, TakesWhatIsNotANumberForAnAnomaly) {
  for (const bool with_mean : {true, false}) {
    const Detector detector({FeatureSet::tutorial, 6, with_mean}, 1e30F);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
      for (const std::size_t at : {0U, 60U, 127U}) {
        Pipeline pipeline(detector.model);
        for (std::size_t i = 0; i < 256; ++i) {
          TimedSample sample;
          sample.t_us = static_cast<std::int64_t>(i) * 5000;
          sample.sample.axis = {0.1F, 0.2F, 1.0F, 3.0F, 4.0F, 5.0F};
          if (i == at) sample.sample.axis[2] = bad;
          const auto result = pipeline.push(sample);
          if (i == 127) {
            ASSERT_TRUE(result.has_value());
            EXPECT_EQ(result->verdict, Verdict::anomaly) << bad << " at " << at;
            EXPECT_TRUE(result->alarm);
          }
          if (i == 255) {
            ASSERT_TRUE(result.has_value());
            EXPECT_TRUE(std::isfinite(result->score));  // it does not linger
            EXPECT_EQ(result->verdict, Verdict::normal);
          }
        }
      }
    }
  }
}

TEST(ThresholdDecision, IsAboveTheThresholdAndNotAtIt) {
  const ThresholdDecision decision(0.025F);
  EXPECT_EQ(decision.judge(0.025F), Verdict::normal);
  EXPECT_EQ(decision.judge(std::nextafter(0.025F, 1.0F)), Verdict::anomaly);
  EXPECT_EQ(decision.judge(0.0F), Verdict::normal);
  EXPECT_EQ(decision.judge(std::numeric_limits<float>::quiet_NaN()), Verdict::anomaly);
  EXPECT_EQ(decision.judge(std::numeric_limits<float>::infinity()), Verdict::anomaly);
}

TEST(Alert, StandsWhileNothingCanBeJudged) {
  Alert alert;
  EXPECT_FALSE(alert.update(Verdict::cannot_judge));
  EXPECT_FALSE(alert.active());
  EXPECT_TRUE(alert.update(Verdict::anomaly));
  EXPECT_FALSE(alert.update(Verdict::cannot_judge));
  EXPECT_TRUE(alert.active());
  EXPECT_FALSE(alert.update(Verdict::anomaly));
  EXPECT_EQ(alert.alarms(), 1U);
  EXPECT_FALSE(alert.update(Verdict::normal));
  EXPECT_FALSE(alert.active());
}

TEST(Alert, CountsARunOnce) {
  Alert alert;
  const Verdict verdicts[] = {Verdict::normal,  Verdict::anomaly, Verdict::anomaly,
                              Verdict::normal,  Verdict::anomaly, Verdict::anomaly,
                              Verdict::anomaly, Verdict::normal};
  std::string raised;
  for (const Verdict verdict : verdicts) raised += alert.update(verdict) ? '!' : '.';
  EXPECT_EQ(raised, ".!..!...");
  EXPECT_EQ(alert.alarms(), 2U);
  EXPECT_FALSE(alert.active());
  (void)alert.update(Verdict::anomaly);
  alert.restart();
  EXPECT_FALSE(alert.active());
  EXPECT_TRUE(alert.update(Verdict::anomaly));
  EXPECT_EQ(alert.alarms(), 4U);
}

}  // namespace
}  // namespace fettle
