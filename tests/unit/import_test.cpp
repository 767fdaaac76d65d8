// SPDX-License-Identifier: Apache-2.0
#include "host/import.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using test::expect_error;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

/// Rows from a function of the row's number.
std::string rows(int count, const std::function<std::string(int)>& row, int first = 0) {
  std::string text;
  for (int i = first; i < first + count; ++i) text += row(i) + "\n";
  return text;
}

/// Three axes near 1 g.
std::string xyz(int i) { return fmt::format("{},0.25,{}", (i % 7) * 0.01, 1 + (i % 5) * 0.01); }

class Import : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& text, const std::string& name = "pump/monday.csv") {
    write_text(folder_ / name, text);
    return folder_ / name;
  }
  ImportReport run(const std::vector<std::filesystem::path>& sources, ImportOptions options = {}) {
    options.sources = sources;
    options.data = folder_ / "data";
    return import_recordings(options);
  }
  [[nodiscard]] std::vector<TimedSample> samples(const std::string& id) const {
    RecordingReader reader(folder_ / "data" / (id + ".csv"));
    std::vector<TimedSample> all;
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      all.insert(all.end(), block.begin(), block.end());
    }
    return all;
  }
  [[nodiscard]] bool nothing_there() const { return !std::filesystem::exists(folder_ / "data"); }

  TemporaryFolder folder_;
};

const ImportOptions kNormal = [] {
  ImportOptions options;
  options.label = "normal";
  return options;
}();

ImportOptions normal_with(const std::function<void(ImportOptions&)>& change) {
  ImportOptions options = kNormal;
  change(options);
  return options;
}

bool says(const std::vector<std::string>& remarks, std::string_view piece) {
  return std::any_of(remarks.begin(), remarks.end(), [&](const std::string& remark) {
    return remark.find(piece) != std::string::npos;
  });
}

TEST_F(Import, ThreeColumnsWithoutHeaderAreAxesAt200Hz) {
  const ImportReport report = run({file(rows(200, [](int i) { return " " + xyz(i); }))}, kNormal);
  EXPECT_EQ(report.rate_hz, 200);
  EXPECT_EQ(report.windows, 1U);
  EXPECT_TRUE(says(report.notes, "200 Hz assumed"));
  const auto all = samples("normal/pump_monday");
  ASSERT_EQ(all.size(), 200U);
  EXPECT_EQ(all[1], (TimedSample{5000, {{0.01F, 0.25F, 1.01F}}}));
  const DataSet data = DataSet::open(folder_ / "data");
  EXPECT_EQ(data.recordings()[0].source, "pump") << "without time stamps the folder is the source";
}

TEST_F(Import, SyntheticTimeDoesNotDrift) {
  run({file(rows(1000, xyz))}, normal_with([](ImportOptions& o) { o.rate_hz = 333; }));
  EXPECT_EQ(samples("normal/pump_monday")[999].t_us, 3'000'000);
}

TEST_F(Import, MillisecondsAndLabelsMakeARecordingPerLabel) {
  const std::string text =
      "timestamp,accel_x,accel_y,accel_z,label\n" + rows(400, [](int i) {
        return fmt::format("{},{},{}", 1000 + i * 5, xyz(i), i < 250 ? "normal" : "loose");
      });
  const ImportReport report = run({file(text)});
  EXPECT_EQ(report.rate_hz, 200);
  EXPECT_EQ(samples("normal/pump_monday").size(), 250U);
  EXPECT_EQ(samples("loose/pump_monday").size(), 150U);
  EXPECT_EQ(samples("loose/pump_monday")[0].t_us, 2'250'000);
  EXPECT_EQ(DataSet::open(folder_ / "data").recordings()[0].source, "pump/monday.csv");
  EXPECT_TRUE(says(report.notes, "time stamps taken as ms"));
}

TEST_F(Import, ALabelThatComesBackStartsANewWindow) {
  // One foreign row in a clock that jitters: the gap it leaves is shorter than 1.5 periods.
  const std::string text =
      "t_us,ax_g,ay_g,az_g,label\n" + rows(400, [](int i) {
        const int jitter = i == 100 ? -2000 : i == 101 ? -3000 : 0;
        return fmt::format("{},{},{}", i * 5000 + jitter, xyz(i), i == 100 ? "x" : "normal");
      });
  const ImportReport report = run({file(text)});
  const auto all = samples("normal/pump_monday");
  EXPECT_EQ(all.size(), 398U) << "the row of x, and the one that follows too closely";
  EXPECT_GT(all[100].t_us - all[99].t_us, 7500);
  EXPECT_TRUE(says(report.too_short, "\"x\""));
}

TEST_F(Import, TheLabelOptionMustAgreeWithTheColumn) {
  const auto source = file("t_us,ax_g,ay_g,az_g,label\n" + rows(200, [](int i) {
                             return fmt::format("{},{},normal", i * 5000, xyz(i));
                           }));
  expect_error(ExitCode::usage, {"normal", "odd", "--label"},
               [&] { run({source}, normal_with([](ImportOptions& o) { o.label = "odd"; })); });
  EXPECT_TRUE(nothing_there());
  EXPECT_EQ(run({source}, kNormal).recordings.size(), 1U);
}

TEST_F(Import, NoLabelAtAllIsAUsageError) {
  expect_error(ExitCode::usage, {"--label"}, [&] { run({file(rows(200, xyz))}); });
  EXPECT_TRUE(nothing_there());
}

TEST_F(Import, MetresPerSecondAndRadiansAmongOtherColumns) {
  const std::string text =
      "Time,Ax_Raw,Ay_Raw,Az_Raw,Gx_Raw,Gy_Raw,Gz_Raw,Ax_Smooth,Ay_Smooth,Az_Smooth,Temp\n" +
      rows(200, [](int i) {
        return fmt::format("{},0,{},9.80665,3.14159265,0,-0.5,7,7,7,23.5", i * 10, i % 3);
      });
  const ImportReport report = run({file(text)}, kNormal);
  EXPECT_EQ(report.rate_hz, 100);
  EXPECT_EQ(report.axes, 6U);
  const auto all = samples("normal/pump_monday");
  EXPECT_FLOAT_EQ(all[0].sample.axis[2], 1.0F);
  EXPECT_FLOAT_EQ(all[0].sample.axis[3], 180.0F);
  EXPECT_FLOAT_EQ(all[1].sample.axis[1], 1.0F / 9.80665F);
  EXPECT_TRUE(says(report.notes, "Ax_Smooth"));
  EXPECT_TRUE(says(report.notes, "Temp"));
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_TRUE(says(report.warnings, "57.3"));
  EXPECT_TRUE(says(report.warnings, "--units ms2,dps"));
}

TEST_F(Import, TheGyroscopesUnitIsAsStated) {
  const auto text = [](const std::string& header) {
    return header + "\n" + rows(200, [](int i) { return fmt::format("{},0,0,9.81,1,0,0", i * 5); });
  };
  struct Case {
    std::string header, units;
    float gx;
    bool warned;
  };
  const Case cases[] = {
      {"time_ms,ax,ay,az,gx_dps,gy_dps,gz_dps", "", 1, false},
      {"time_ms,ax,ay,az,gyro_x_rad_s,gyro_y_rad_s,gyro_z_rad_s", "", 57.29578F, false},
      {"\"Time (ms)\",\"Acceleration x (m/s^2)\",\"Acceleration y (m/s^2)\","
       "\"Acceleration z (m/s^2)\",\"Gyroscope x (rad/s)\",\"Gyroscope y (rad/s)\","
       "\"Gyroscope z (rad/s)\"",
       "", 57.29578F, false},
      {"time_ms,ax,ay,az,gx,gy,gz", "dps", 1, false},
      {"time_ms,ax,ay,az,gx,gy,gz", "ms2,rads,ms", 57.29578F, false},
      {"time_ms,ax,ay,az,gx,gy,gz", "", 57.29578F, true},
      {"time_ms,ax,ay,az,gx_dps,gy_dps,gz_dps", "rads", 57.29578F, false},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.header + " " + each.units);
    std::filesystem::remove_all(folder_ / "data");
    const ImportReport report = run({file(text(each.header))},
                                    normal_with([&](ImportOptions& o) { o.units = each.units; }));
    EXPECT_FLOAT_EQ(samples("normal/pump_monday")[0].sample.axis[3], each.gx);
    EXPECT_NEAR(static_cast<double>(samples("normal/pump_monday")[0].sample.axis[2]), 1.0, 0.001);
    EXPECT_EQ(!report.warnings.empty(), each.warned);
  }
}

TEST_F(Import, UnitsOfTheAccelerometerAreGuessedFromGravity) {
  const std::pair<double, bool> gravities[] = {
      {1, true},    {9.81, true}, {1000, true}, {16384, true}, {8192, true},
      {4096, true}, {2048, true}, {50, false},  {0.01, false}, {100000, false}};
  for (const auto& [gravity, known] : gravities) {
    SCOPED_TRACE(gravity);
    const double each = gravity;
    std::filesystem::remove_all(folder_ / "data");
    const auto source = file(rows(200, [&](int) { return fmt::format("0,0,{}", each); }));
    if (!known) {
      expect_error(ExitCode::bad_input, {"--units"}, [&] { run({source}, kNormal); });
      continue;
    }
    const ImportReport report = run({source}, kNormal);
    EXPECT_NEAR(static_cast<double>(samples("normal/pump_monday")[0].sample.axis[2]), 1.0, 0.001);
    EXPECT_TRUE(says(report.notes, "accelerometer taken as"));
  }
}

TEST_F(Import, AWrongUnitGivenByHandIsNoticedLoudly) {
  const auto source = file(rows(200, [](int) { return "0,0,9.81"; }));
  const ImportReport report = run({source}, normal_with([](ImportOptions& o) { o.units = "g"; }));
  EXPECT_TRUE(says(report.warnings, "9.81 g"));
  EXPECT_TRUE(says(report.warnings, "--units ms2"));
}

TEST_F(Import, TimeUnitsAreGuessedFromTheStep) {
  for (const auto& [step, rate_hz] :
       {std::pair{0.005, 200.0}, {5.0, 200.0}, {5000.0, 200.0}, {5e6, 200.0}, {10.0, 100.0}}) {
    SCOPED_TRACE(step);
    std::filesystem::remove_all(folder_ / "data");
    const double each = step;
    const ImportReport report =
        run({file("t,ax,ay,az\n" +
                  rows(200, [&](int i) { return fmt::format("{},{}", i * each, xyz(i)); }))},
            kNormal);
    EXPECT_EQ(report.rate_hz, rate_hz);
    EXPECT_EQ(samples("normal/pump_monday")[199].t_us, std::llround(199e6 / rate_hz));
  }
  expect_error(ExitCode::bad_input, {"--rate says 100 Hz", "200 Hz"}, [&] {
    run({file("t,ax,ay,az\n" +
              rows(200, [](int i) { return fmt::format("{},{}", i * 5, xyz(i)); }))},
        normal_with([](ImportOptions& o) { o.rate_hz = 100; }));
  });
}

TEST_F(Import, TheMeasuredRateIgnoresGaps) {
  // 46 s are missing behind the first row, as in a real recording.
  const ImportReport report = run(
      {file("t_ms,ax,ay,az\n" +
            rows(400,
                 [](int i) { return fmt::format("{},{}", i == 0 ? 0 : 46000 + i * 8, xyz(i)); }))},
      kNormal);
  EXPECT_EQ(report.rate_hz, 125);
}

TEST_F(Import, TheTutorialsFileIsWindowsApart) {
  // 300 rows: two windows, and a rest; row 10 is torn and skipped, which must not shift the second.
  const std::string text = rows(
      300, [](int i) { return i == 10 ? "0,0" : fmt::format("{},0,1,0,0,{}", i * 0.001, i % 2); });
  const ImportReport report =
      run({file(text)}, normal_with([](ImportOptions& o) { o.skip_bad_rows = true; }));
  EXPECT_EQ(report.bad_rows, 1U);
  EXPECT_EQ(report.windows, 1U) << "only the window without the torn row";
  const auto all = samples("normal/pump_monday");
  ASSERT_EQ(all.size(), 299U);
  EXPECT_EQ(all[10].t_us, 11 * 5000) << "the skipped row leaves a hole in time";
  EXPECT_EQ(all[127].t_us, (128 + 10) * 5000) << "ten periods between the windows";
  EXPECT_EQ(all[127].sample.axis[0], 0.128F);
  EXPECT_TRUE(says(report.notes, "every 128 rows"));
}

TEST_F(Import, TheTutorialsFileMayHaveALabelInTheSeventhColumn) {
  for (const char* names : {"good bad", "0 1"}) {
    SCOPED_TRACE(names);
    std::filesystem::remove_all(folder_ / "data");
    const std::string text(names);
    const std::string first = text.substr(0, text.find(' '));
    const std::string second = text.substr(text.find(' ') + 1);
    const ImportReport report = run({file(rows(512, [&](int i) {
      return fmt::format("{},0,1,0,0,1,{}", (i % 5) * 0.01, i < 256 ? first : second);
    }))});
    EXPECT_EQ(report.windows, 4U);
    EXPECT_EQ(samples(first + "/pump_monday").size(), 256U);
    EXPECT_EQ(samples(second + "/pump_monday").size(), 256U);
  }
}

TEST_F(Import, SevenNumbersMayBeginWithTime) {
  run({file(rows(200, [](int i) { return fmt::format("{},0,0,1,0,0,{}", i * 5000, i * 0.5); }))},
      kNormal);
  const auto all = samples("normal/pump_monday");
  EXPECT_EQ(all[199].t_us, 199 * 5000);
  EXPECT_EQ(all[199].sample.axis[5], 99.5F);
}

TEST_F(Import, ColumnsThatDoNotExplainThemselvesAreAskedFor) {
  for (const char* row : {"1,2", "1,2,3,4", "1,2,3,4,5", "1,2,3,4,5,6,7.5", "1,2,3,4,5,6,7,8,9"}) {
    SCOPED_TRACE(row);
    const std::string text(row);
    expect_error(ExitCode::bad_input, {"--columns"},
                 [&] { run({file(rows(200, [&](int) { return text; }))}, kNormal); });
  }
  expect_error(ExitCode::bad_input, {"no accelerometer", "speed", "--columns"}, [&] {
    run({file("time,speed\n" + rows(200, [](int i) { return fmt::format("{},1", i); }))}, kNormal);
  });
  expect_error(ExitCode::bad_input, {"az"},
               [&] { run({file("ax,ay\n" + rows(200, [](int) { return "1,2"; }))}, kNormal); });
}

TEST_F(Import, ColumnsByRole) {
  const auto source =
      file(rows(200, [](int i) { return fmt::format("7,{},junk,0,0.5,1", i * 5); }));
  run({source}, normal_with([](ImportOptions& o) { o.columns = "-,t,-,az,ay,ax"; }));
  const auto all = samples("normal/pump_monday");
  EXPECT_EQ(all[1], (TimedSample{5000, {{1, 0.5F, 0}}}));
  for (const char* columns :
       {"t,ax,ay", "ax,ax,ay,az", "x,y,z", "t,ax,ay,az,gx", "1,2,3,4,5,6,7"}) {
    SCOPED_TRACE(columns);
    EXPECT_THROW(run({source}, normal_with([&](ImportOptions& o) { o.columns = columns; })), Error);
  }
}

TEST_F(Import, HeadersOfOtherTools) {
  for (const char* header :
       {"timestamp,accX,accY,accZ", "millis;AccelX;AccelY;AccelZ", "Time\tAx\tAy\tAz", "t ax ay az",
        "time_ms,acceleration_x,acceleration_y,acceleration_z", "ts,x,y,z",
        "Timestamp [ms],ACC_X [g],ACC_Y [g],ACC_Z [g]", "ms,imu.acc.x,imu.acc.y,imu.acc.z",
        "elapsed (ms),Accelerometer X,Accelerometer Y,Accelerometer Z"}) {
    SCOPED_TRACE(header);
    std::filesystem::remove_all(folder_ / "data");
    const std::string text(header);
    const char delimiter = text.find(';') != std::string::npos    ? ';'
                           : text.find('\t') != std::string::npos ? '\t'
                           : text.find(',') != std::string::npos  ? ','
                                                                  : ' ';
    const ImportReport report = run(
        {file(text + "\r\n" +
              rows(200,
                   [&](int i) { return fmt::format("{1}{0}0{0}0.5{0}1\r", delimiter, i * 5); }))},
        kNormal);
    EXPECT_EQ(report.rate_hz, 200);
    EXPECT_EQ(samples("normal/pump_monday")[1], (TimedSample{5000, {{0, 0.5F, 1}}}));
  }
}

TEST_F(Import, ACanonicalFileComesThroughUnchanged) {
  const std::string text = "t_us,ax_g,ay_g,az_g,gx_dps,gy_dps,gz_dps\n" + rows(200, [](int i) {
                             return fmt::format("{},0.33333334,-0,1,0.1,1e-05,{}", i * 5000, i);
                           });
  const ImportReport report = run({file(text)}, kNormal);
  EXPECT_EQ(read_text(folder_ / "data/normal/pump_monday.csv"), text);
  EXPECT_TRUE(report.warnings.empty());
}

TEST_F(Import, ATornRowRefusesAllOrIsCounted) {
  const auto good = file(rows(200, xyz), "pump/a.csv");
  const std::string bad_rows[] = {"1,2",          "1,2,3,4", "1,,3",   "1,nan,3",   "1,inf,3",
                                  "1,0x1F,3",     "1,abc,3", "1,2,3e", "1,2,1e400", "a,b,c",
                                  "1,2,\x01\x02", "1;2;3",   "1,2,--3"};
  for (const std::string& bad : bad_rows) {
    SCOPED_TRACE(bad);
    const auto torn = file(rows(150, xyz) + bad + "\n" + rows(150, xyz), "pump/b.csv");
    expect_error(ExitCode::bad_input, {"b.csv:151:", "--skip-bad-rows"}, [&] {
      run({good, torn}, kNormal);
    });
    EXPECT_TRUE(nothing_there());
    const ImportReport report =
        run({good, torn}, normal_with([](ImportOptions& o) { o.skip_bad_rows = true; }));
    EXPECT_EQ(report.bad_rows, 1U);
    const auto all = samples("normal/pump_b");
    EXPECT_EQ(all.size(), 300U);
    EXPECT_EQ(all[150].t_us - all[149].t_us, 10'000);
    std::filesystem::remove_all(folder_ / "data");
  }
}

TEST_F(Import, TheEndOfAFileWithoutNewline) {
  // As many decimals as the others: whole. Fewer than any: cut off.
  const auto row = [](int i) { return fmt::format("0.1234,0.5678,1.{:04}", i); };
  const std::string text = rows(199, row);
  EXPECT_EQ(run({file(text + "0.1234,0.5678,1.0199")}, kNormal).rows, 200U);
  std::filesystem::remove_all(folder_ / "data");
  expect_error(ExitCode::bad_input, {"monday.csv:200:", "cut off"},
               [&] { run({file(text + "0.1234,0.5678,1.0")}, kNormal); });
  expect_error(ExitCode::bad_input, {"monday.csv:200:", "cut off"},
               [&] { run({file(text + "0.1234,0.56")}, kNormal); });
}

TEST_F(Import, FilesThatAreNoTables) {
  using namespace std::string_literals;
  const std::pair<std::string, std::string_view> files[] = {
      {std::string(5000, '\0'), "4096"},
      {std::string(3000, '\0') + "\n", "NUL"},
      {"\x7F"
       "ELF\x02\x01\0\0\n\n"s,
       "NUL"},
      {std::string(10'000'000, '1'), "4096"},
      {rows(150, xyz) + std::string(10'000'000, '1') + "\n", "4096"},
      {rows(150, xyz) + std::string(300, '\0') + "\n" + rows(150, xyz), "monday.csv:151:"},
      {"t;ax;ay;az\n" + rows(200, [](int i) { return fmt::format("{};0,1;0,2;1,0", i * 5); }),
       "decimal comma"},
      {"t,ax,ay,az\n" + rows(200, [](int i) { return fmt::format("{},0,1,0,2,1,0", i * 5); }),
       "decimal comma"},
      {"time,ax,ay,az\n" + rows(200, [](int i) { return fmt::format("12:00:0{},0,0,1", i % 10); }),
       "--rate"},
      {"t_us,ax,ay,az\n" + rows(200, [](int) { return "5,0,0,1"; }), "do not advance"},
  };
  for (const auto& [text, piece] : files) {
    SCOPED_TRACE(text.substr(0, 40));
    expect_error(ExitCode::bad_input, {piece}, [&, bytes = text] { run({file(bytes)}, kNormal); });
    EXPECT_TRUE(nothing_there());
  }
}

TEST_F(Import, TooShortFilesAreLeftOutOrAnError) {
  const auto brief = file(rows(127, xyz), "pump/1.csv");
  const auto empty = file("", "pump/2.csv");
  const auto enough = file(rows(128, xyz), "pump/10.csv");
  for (const auto& source : {brief, empty}) {
    expect_error(ExitCode::too_little_data, {"128"}, [&] { run({source}, kNormal); });
    EXPECT_TRUE(nothing_there());
  }
  const ImportReport report = run({folder_ / "pump"}, kNormal);
  EXPECT_EQ(report.recordings.size(), 1U);
  EXPECT_EQ(report.recordings[0].name, "pump_10");
  EXPECT_EQ(report.too_short.size(), 2U);
  EXPECT_TRUE(says(report.too_short, "127 rows"));
}

TEST_F(Import, AFolderIsReadInNaturalOrder) {
  for (const int name : {10, 9, 1}) file(rows(130 + name, xyz), fmt::format("fan/{}.csv", name));
  file("not a table", "fan/readme.txt");
  file("not a table", "fan/._1.csv");
  const ImportReport report = run({folder_ / "fan"}, kNormal);
  ASSERT_EQ(report.recordings.size(), 3U);
  EXPECT_EQ(report.recordings[0].name, "fan_1");
  EXPECT_EQ(report.recordings[1].name, "fan_9");
  EXPECT_EQ(report.recordings[2].name, "fan_10");
  EXPECT_EQ(report.notes.size(), 3U) << "one remark for all files that it holds for";
  EXPECT_TRUE(says(report.notes, "and 2 more"));
}

TEST_F(Import, AnExistingRecordingIsAnErrorAndNothingChanges) {
  const auto a = file(rows(200, xyz), "pump/a.csv");
  const auto b = file(rows(201, xyz), "pump/b.csv");
  run({a}, kNormal);
  const std::string before = read_text(folder_ / "data" / "dataset.json");
  expect_error(ExitCode::exists, {"normal/pump_a"}, [&] { run({b, a}, kNormal); });
  EXPECT_EQ(read_text(folder_ / "data" / "dataset.json"), before);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data/normal/pump_b.csv"));
  // The same rows under another name or label are no other recording either.
  const auto copy = file(rows(200, xyz), "pump/copy.csv");
  expect_error(ExitCode::exists, {"copy.csv", "normal/pump_a", "counts once"},
               [&] { run({copy}, kNormal); });
  expect_error(ExitCode::exists, {"normal/pump_a", "counts once"},
               [&] { run({a}, normal_with([](ImportOptions& o) { o.label = "other"; })); });
  EXPECT_EQ(read_text(folder_ / "data" / "dataset.json"), before);
  run({b}, kNormal);
  EXPECT_EQ(DataSet::open(folder_ / "data").recordings().size(), 2U);
}

TEST_F(Import, MixedRatesAndAxesAreRefused) {
  const auto at = [](int step_us) {
    return "t_us,ax,ay,az\n" +
           rows(200, [&](int i) { return fmt::format("{},{}", i * step_us, xyz(i)); });
  };
  const auto a = file(at(5000), "pump/a.csv");
  const auto b = file(at(5200), "pump/b.csv");
  const auto c = file("t_us,ax,ay,az,gx_dps,gy_dps,gz_dps\n" +
                          rows(200, [](int i) { return fmt::format("{},0,0,1,0,0,0", i * 5000); }),
                      "pump/c.csv");
  expect_error(ExitCode::bad_input, {"a.csv", "b.csv", "one rate"}, [&] { run({a, b}, kNormal); });
  expect_error(ExitCode::bad_input, {"a.csv", "c.csv", "axes"}, [&] { run({a, c}, kNormal); });
  EXPECT_TRUE(nothing_there());
  run({a}, kNormal);
  expect_error(ExitCode::bad_input, {"one rate"}, [&] { run({b}, kNormal); });
  expect_error(ExitCode::bad_input, {"axes"}, [&] { run({c}, kNormal); });
}

TEST_F(Import, OptionsThatMakeNoSense) {
  const auto source = file(rows(200, xyz));
  for (const char* units : {"furlongs", "g,ms2", "g,dps,us,ms"}) {
    expect_error(ExitCode::usage, {"--units"},
                 [&] { run({source}, normal_with([&](ImportOptions& o) { o.units = units; })); });
  }
  for (const char* label : {"../x", "a b", ".x"}) {
    expect_error(ExitCode::usage, {"--label"},
                 [&] { run({source}, normal_with([&](ImportOptions& o) { o.label = label; })); });
  }
  expect_error(ExitCode::usage, {"--rate"},
               [&] { run({source}, normal_with([](ImportOptions& o) { o.rate_hz = -1; })); });
  expect_error(ExitCode::io, {"there is no such"}, [&] { run({folder_ / "nothing"}, kNormal); });
}

}  // namespace
}  // namespace fettle::host
