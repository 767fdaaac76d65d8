// SPDX-License-Identifier: Apache-2.0
#include "host/recording.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <csignal>
#include <random>
#include <vector>

#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using test::expect_error;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

const std::string kHeader3 = "t_us,ax_g,ay_g,az_g\n";

std::vector<TimedSample> read_all(const std::filesystem::path& file) {
  RecordingReader reader(file);
  std::vector<TimedSample> all;
  for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
    all.insert(all.end(), block.begin(), block.end());
  }
  return all;
}

std::vector<TimedSample> random_samples(std::size_t count, std::size_t axes) {
  std::mt19937_64 random(7);
  std::vector<TimedSample> samples(count);
  for (std::size_t i = 0; i < count; ++i) {
    samples[i].t_us = static_cast<std::int64_t>(i) * 5000 - 1'000'000;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      float value = 0;
      do {
        value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      } while (!(std::abs(value) <= kLargestReading));
      samples[i].sample.axis[axis] = value;
    }
  }
  return samples;
}

TEST(Recording, OfACutFileTheWholeRowsCountWhereverItIsCut) {
  const TemporaryFolder folder;
  for (const std::size_t axes : {3U, 6U}) {
    const std::vector<TimedSample> samples = random_samples(4, axes);
    const auto file = folder / fmt::format("r{}.csv", axes);
    {
      RecordingWriter writer(file, axes);
      for (const TimedSample& sample : samples) writer.write(sample);
      writer.commit();
    }
    const std::string text = read_text(file);
    for (std::size_t size = 0; size <= text.size(); ++size) {
      const std::string head = text.substr(0, size);
      const auto lines = static_cast<std::uint64_t>(std::count(head.begin(), head.end(), '\n'));
      // What a power failure may leave behind the last byte that was written.
      for (const std::string& tail : {std::string(), std::string(10, '\0'), std::string(9000, '\0'),
                                      std::string(3, '\0') + "\n1,2,3,4\n"}) {
        SCOPED_TRACE(fmt::format("{} axes, {} bytes and {}", axes, size, tail.size()));
        write_text(folder / "cut.csv", head + tail);
        const WholeRows whole = whole_rows(folder / "cut.csv", axes);
        ASSERT_EQ(whole.rows, lines == 0 ? 0 : lines - 1);
        if (whole.rows == 0) continue;
        EXPECT_EQ(whole.bytes, head.rfind('\n') + 1);
        SampleHash hash(axes);
        hash.add(std::span(samples).first(whole.rows));
        EXPECT_EQ(whole.hash, hash.value());
      }
    }
    EXPECT_EQ(whole_rows(file, 9 - axes).rows, 0U) << "the header of other axes";
  }
}

TEST(Recording, WholeRowsOfManyBlocks) {
  const TemporaryFolder folder;
  const std::vector<TimedSample> samples = random_samples(50'000, 6);
  RecordingWriter writer(folder / "r.csv", 6, Durability::kept);
  for (const TimedSample& sample : samples) writer.write(sample);
  writer.sync();
  const WholeRows whole = whole_rows(folder / "r.csv", 6);  // while it is being written
  EXPECT_EQ(whole.rows, samples.size());
  EXPECT_EQ(whole.hash, writer.hash());
  EXPECT_EQ(whole.bytes, std::filesystem::file_size(folder / "r.csv"));
}

TEST(Recording, WhatIsWrittenReadsBackToTheSameBits) {
  const TemporaryFolder folder;
  for (const std::size_t axes : {3U, 6U}) {
    // Many blocks, so that rows are cut by the ends of blocks everywhere.
    const std::vector<TimedSample> samples = random_samples(50'000, axes);
    const auto file = folder / fmt::format("r{}.csv", axes);
    RecordingWriter writer(file, axes);
    SampleHash hash(axes);
    for (const TimedSample& sample : samples) writer.write(sample);
    hash.add(samples);
    EXPECT_FALSE(std::filesystem::exists(file));
    writer.commit();
    EXPECT_EQ(writer.rows(), samples.size());
    EXPECT_EQ(writer.hash(), hash.value());
    EXPECT_EQ(RecordingReader(file).axes(), axes);
    const std::vector<TimedSample> read = read_all(file);
    ASSERT_EQ(read.size(), samples.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      for (std::size_t axis = 0; axis < axes; ++axis) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(read[i].sample.axis[axis]),
                  std::bit_cast<std::uint32_t>(samples[i].sample.axis[axis]));
      }
      ASSERT_EQ(read[i].t_us, samples[i].t_us);
    }
  }
}

TEST(Recording, TheBytesAreTheShortestDecimals) {
  const TemporaryFolder folder;
  RecordingWriter writer(folder / "r.csv", 6);
  writer.write({0, {{0.1F, -0.0F, 1.0F, 16384.0F, 1e-5F, 1.17549435e-38F}}});
  writer.write({-5, {{1.0F / 3.0F, 2, 250.5F, 0, 3.4028235e38F, -1}}});
  writer.commit();
  EXPECT_EQ(read_text(folder / "r.csv"),
            "t_us,ax_g,ay_g,az_g,gx_dps,gy_dps,gz_dps\n"
            "0,0.1,-0,1,16384,1e-05,1.1754944e-38\n"
            "-5,0.33333334,2,250.5,0,3.4028235e+38,-1\n");
}

TEST(Recording, WithoutCommitNothingStays) {
  const TemporaryFolder folder;
  { RecordingWriter(folder / "r.csv", 3).write({}); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Recording, AnExistingFileIsNeverOverwritten) {
  const TemporaryFolder folder;
  write_text(folder / "r.csv", "mine");
  expect_error(ExitCode::exists, {"r.csv", "never overwritten"},
               [&] { RecordingWriter(folder / "r.csv", 3); });
  RecordingWriter late(folder / "s.csv", 3);
  write_text(folder / "s.csv", "mine");
  expect_error(ExitCode::exists, {"s.csv"}, [&] { late.commit(); });
  EXPECT_EQ(read_text(folder / "s.csv"), "mine");
}

TEST(Recording, CarriageReturnsAndAByteOrderMarkAreAccepted) {
  const TemporaryFolder folder;
  write_text(folder / "r.csv", "\xEF\xBB\xBFt_us,ax_g,ay_g,az_g\r\n0,1,2,3\r\n5,4,5,6\r\n");
  const auto read = read_all(folder / "r.csv");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[1], (TimedSample{5, {{4, 5, 6}}}));
}

TEST(Recording, NoRowsIsNoError) {
  const TemporaryFolder folder;
  write_text(folder / "r.csv", kHeader3);
  EXPECT_TRUE(read_all(folder / "r.csv").empty());
}

struct BadFile {
  const char* why;
  std::string text;
  std::initializer_list<std::string_view> pieces;
};

TEST(Recording, BadFilesAreRefusedWithLineAndReason) {
  using namespace std::string_literals;
  const std::string good = kHeader3 + "0,1,2,3\n";
  const BadFile files[] = {
      {"empty", "", {":1:", "empty"}},
      {"other header", "time,x,y,z\n0,1,2,3\n", {":1:", "\"time,x,y,z\"", "fettle import"}},
      {"no header", "0,1,2,3\n", {":1:", "header"}},
      {"binary", "\x7F"s + "ELF\x02\x01\n", {":1:", "\\x7fELF"}},
      {"NaN", good + "5,nan,2,3\n", {":3:", "ax_g", "\"nan\""}},
      {"infinite", good + "5,1,inf,3\n", {":3:", "ay_g", "\"inf\""}},
      {"overflow", good + "5,1,2,1e39\n", {":3:", "az_g", "\"1e39\""}},
      {"hexadecimal", good + "5,0x10,2,3\n", {":3:", "\"0x10\""}},
      {"text", good + "5,abc,2,3\n", {":3:", "\"abc\""}},
      {"empty value", good + "5,,2,3\n", {":3:", "ax_g", "\"\""}},
      {"space", good + "5, 1,2,3\n", {":3:", "\" 1\""}},
      {"fraction in time", good + "5.5,1,2,3\n", {":3:", "t_us", "\"5.5\""}},
      {"time too large", good + "99999999999999999999,1,2,3\n", {":3:", "t_us"}},
      {"too few", good + "5,1,2\n", {":3:", "expected 4 values, found 3"}},
      {"too many", good + "5,1,2,3,4\n", {":3:", "expected 4 values, found 5"}},
      {"decimal comma", good + "5,1,0,2,0,3,0\n", {":3:", "found 7"}},
      {"empty line", good + "\n0,1,2,3\n", {":3:", "found 1"}},
      {"NUL bytes", good + std::string(300, '\0') + "\n", {":3:", "NUL"}},
      {"torn last row", good + "5,1,2,3", {":3:", "no newline", "\"5,1,2,3\""}},
      {"torn header", "t_us,ax_g,ay", {":1:", "\"t_us,ax_g,ay\""}},
      {"a stray carriage return", good + "5,1,\r2,3\n", {":3:", "\\r"}},
  };
  const TemporaryFolder folder;
  for (const BadFile& bad : files) {
    SCOPED_TRACE(bad.why);
    write_text(folder / "bad.csv", bad.text);
    expect_error(ExitCode::bad_input, bad.pieces, [&] { (void)read_all(folder / "bad.csv"); });
    expect_error(ExitCode::bad_input, {"bad.csv:"}, [&] { (void)read_all(folder / "bad.csv"); });
  }
}

TEST(Recording, LongLinesAreRefusedWithoutReadingThemIntoMemory) {
  const TemporaryFolder folder;
  const std::string line(10'000'000, '1');
  for (const std::string& start : {std::string(), kHeader3, kHeader3 + "0,1,2,3\n"}) {
    for (const char* end : {"", "\n", "\n0,1,2,3\n"}) {
      write_text(folder / "long.csv", start + line + end);
      const auto lines = std::count(start.begin(), start.end(), '\n');
      expect_error(ExitCode::bad_input, {fmt::format("long.csv:{}:", lines + 1), "4096"},
                   [&] { (void)read_all(folder / "long.csv"); });
    }
  }
  // A valid number of 5000 digits is no better, and one of 4000 is only a number.
  write_text(folder / "long.csv", kHeader3 + "0,1,2,0." + std::string(5000, '3') + "\n");
  expect_error(ExitCode::bad_input, {"long.csv:2:", "4096"},
               [&] { (void)read_all(folder / "long.csv"); });
  write_text(folder / "long.csv", kHeader3 + "0,1,2,0." + std::string(4000, '3') + "\n");
  EXPECT_EQ(read_all(folder / "long.csv").at(0).sample.axis[2], 1.0F / 3.0F);
}

TEST(Recording, AMissingFileAndAFolderAreInputErrors) {
  const TemporaryFolder folder;
  expect_error(ExitCode::io, {"nothing.csv", "No such file"},
               [&] { RecordingReader(folder / "nothing.csv"); });
  expect_error(ExitCode::io, {"folder"}, [&] { RecordingReader{folder.path()}; });
}

TEST(Recording, TheHashSeesSamplesOnly) {
  const std::vector<TimedSample> samples = random_samples(100, 6);
  const auto hash_of = [](const std::vector<TimedSample>& some, std::size_t axes) {
    SampleHash hash(axes);
    hash.add(some);
    return hash.value();
  };
  const std::uint64_t original = hash_of(samples, 6);
  auto later = samples;
  for (TimedSample& sample : later) sample.t_us += 123'456;
  EXPECT_EQ(hash_of(later, 6), original) << "only time since the first row counts";
  auto jittered = samples;
  jittered[50].t_us += 1;
  EXPECT_NE(hash_of(jittered, 6), original);
  auto changed = samples;
  changed[99].sample.axis[5] = std::nextafter(changed[99].sample.axis[5], 0.0F);
  EXPECT_NE(hash_of(changed, 6), original);
  EXPECT_EQ(hash_of(changed, 3), hash_of(samples, 3)) << "three axes: the rest is ignored";
  // 40 bytes of FORMATS.md's example through XXH3_64bits() in one go; it must never change.
  EXPECT_EQ(hash_of({{1000, {{1, 2, 3}}}, {6000, {{4, 5, 6}}}}, 3), 0x148a83cba0753e2fU);
}

TEST(Recording, AFullDiskIsAnErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {100'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  expect_error(ExitCode::io, {"r.csv", "cannot write"}, [&] {
    RecordingWriter writer(folder / "r.csv", 6);
    for (const TimedSample& sample : random_samples(50'000, 6)) writer.write(sample);
    writer.commit();
  });
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace fettle::host
