// SPDX-License-Identifier: Apache-2.0
#include "host/dataset.hpp"

#include <gtest/gtest.h>

#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using test::expect_error;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

void add(DataSetUpdate& update, const std::string& label, const std::string& name,
         const std::string& source = "s", int rows = 3) {
  RecordingWriter& writer = update.begin(label, name, source, "a test");
  for (int i = 0; i < rows; ++i) writer.write({i * 5000, {{0.5F, 0, static_cast<float>(i)}}});
  update.end();
}

TEST(DataSet, RecordingsAreInOrderOfLabelSourceAndNaturalName) {
  const TemporaryFolder folder;
  DataSetUpdate update(folder / "d", 200, 3);
  for (const char* name : {"f_10", "f_2", "f_1"}) add(update, "normal", name, "b");
  add(update, "normal", "a_1", "c");
  add(update, "normal", "z_1", "a");
  add(update, "bearing", "x", "z");
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / "dataset.json"));
  update.commit();
  const DataSet data = DataSet::open(folder / "d");
  std::string order;
  for (const RecordingEntry& entry : data.recordings()) order += entry.id() + " ";
  EXPECT_EQ(order, "bearing/x normal/z_1 normal/f_1 normal/f_2 normal/f_10 normal/a_1 ");
  EXPECT_EQ(data.rate_hz(), 200);
  EXPECT_EQ(data.axes(), 3U);
  EXPECT_EQ(data.recordings()[0].rows, 3U);
  EXPECT_EQ(data.recordings()[0].provenance, "a test");
  EXPECT_EQ(RecordingReader(data.path_of(data.recordings()[0])).next_block().size(), 3U);
  EXPECT_TRUE(data.strangers().empty());
}

TEST(DataSet, NaturalOrder) {
  EXPECT_TRUE(natural_less("2", "10"));
  EXPECT_TRUE(natural_less("a2b", "a10b"));
  EXPECT_TRUE(natural_less("0009", "0010"));
  EXPECT_TRUE(natural_less("a", "b"));
  EXPECT_TRUE(natural_less("a", "a1"));
  EXPECT_TRUE(natural_less("01", "1") != natural_less("1", "01")) << "a strict order";
  EXPECT_FALSE(natural_less("x", "x"));
  EXPECT_TRUE(natural_less("99999999999999999998", "99999999999999999999"));
}

TEST(DataSet, AddsToWhatIsThereAndNeverOverwrites) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    update.commit();
  }
  const std::string before = read_text(folder / "d" / "dataset.json");
  {
    DataSetUpdate update(folder / "d", 202, 3);  // within 2 %
    add(update, "normal", "two");
    expect_error(ExitCode::exists, {"normal/one", "nothing was changed"},
                 [&] { (void)update.begin("normal", "one", "s", ""); });
    expect_error(ExitCode::exists, {"normal/two"},
                 [&] { (void)update.begin("normal", "two", "s", ""); });
  }  // not committed
  EXPECT_EQ(read_text(folder / "d" / "dataset.json"), before);
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / "normal" / "two.csv"));
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "two");
    RecordingWriter& short_one = update.begin("normal", "three", "s", "");
    short_one.write({});
    update.discard();
    update.commit();
  }
  const DataSet data = DataSet::open(folder / "d");
  ASSERT_EQ(data.recordings().size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / "normal" / "three.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / ".fettle-staging"));
}

/// An update that keeps its recordings and is cut off behind `rows` of the last; nothing runs that a
/// killed program does not run either.
void cut_off(const std::filesystem::path& folder, const std::string& name, int rows) {
  DataSetUpdate update(folder, 200, 3, DataSetUpdate::Unfinished::kept, 10);
  RecordingWriter& writer = update.begin("normal", name, "s", "a test");
  for (int i = 0; i < rows; ++i) writer.write({i * 5000, {{0.5F, 0, static_cast<float>(i)}}});
  writer.flush();
}

TEST(DataSet, ACollectionThatWasCutOffIsTakenIn) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    update.commit();
  }
  cut_off(folder / "d", "two", 600);
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / "normal" / "two.csv"));
  testing::internal::CaptureStderr();
  const DataSet data = DataSet::open(folder / "d");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "note: normal/two, 0:03 of a collection that was cut off, was taken in\n");
  ASSERT_EQ(data.recordings().size(), 2U);
  const RecordingEntry& two = data.recordings()[1];
  EXPECT_EQ(two.id(), "normal/two");
  EXPECT_EQ(two.rows, 600U);
  EXPECT_EQ(two.source, "s");
  EXPECT_NE(two.provenance.find("a test; cut off"), std::string::npos) << two.provenance;
  const WholeRows whole = whole_rows(data.path_of(two), 3);
  EXPECT_EQ(whole.hash, two.hash);
  EXPECT_EQ(std::filesystem::file_size(data.path_of(two)), whole.bytes);
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / ".fettle-staging"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 2U);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "said once";
}

TEST(DataSet, TheFirstCollectionOfADataSetIsTakenInToo) {
  const TemporaryFolder folder;
  cut_off(folder / "d", "one", 600);
  EXPECT_TRUE(DataSet::exists(folder / "d"));
  cut_off(folder / "e", "one", 600);
  DataSetUpdate update(folder / "e", 200, 3);  // who adds takes in as well
  add(update, "normal", "two");
  update.commit();
  EXPECT_EQ(DataSet::open(folder / "e").recordings().size(), 2U);
}

TEST(DataSet, TooFewRowsOfACollectionAreDropped) {
  const TemporaryFolder folder;
  cut_off(folder / "d", "one", 9);
  EXPECT_FALSE(std::filesystem::exists(folder / "d")) << "by the update itself, if it can";
  cut_off(folder / "d", "one", 10);
  const auto rows = folder / "d" / ".fettle-staging" / "new" / "normal" / "one.csv";
  std::filesystem::resize_file(rows, std::filesystem::file_size(rows) - 1);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(DataSet::exists(folder / "d"));
  EXPECT_NE(testing::internal::GetCapturedStderr().find("normal/one"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / ".fettle-staging"));
  cut_off(folder / "d", "one", 10);
  EXPECT_TRUE(DataSet::exists(folder / "d"));
}

TEST(DataSet, WhatIsDiscardedOrAbandonedIsNotTakenIn) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3, DataSetUpdate::Unfinished::kept, 2);
    add(update, "normal", "good");
    RecordingWriter& writer = update.begin("normal", "bad", "s", "");
    for (int i = 0; i < 20; ++i) writer.write({i * 5000, {}});
    writer.flush();
    update.discard();
  }
  const DataSet data = DataSet::open(folder / "d");
  ASSERT_EQ(data.recordings().size(), 1U);
  EXPECT_EQ(data.recordings()[0].id(), "normal/good");
  {
    DataSetUpdate update(folder / "e", 200, 3, DataSetUpdate::Unfinished::kept, 2);
    add(update, "normal", "refused");
    update.abandon();
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "e"));
}

TEST(DataSet, ACollectionThatCannotBeTakenInIsNotDeleted) {
  const TemporaryFolder folder;
  const auto row = folder / "d" / ".fettle-staging" / "new" / "normal" / "one.csv";
  const auto plan = folder / "d" / ".fettle-staging" / "unfinished.json";
  cut_off(folder / "d", "one", 600);
  const std::string good = read_text(plan);
  for (const std::string& bad :
       {std::string(), good.substr(0, good.size() / 2), std::string(good.size(), '\0'),
        std::string("[]"), std::string("{\"format\": 2}")}) {
    SCOPED_TRACE(bad);
    write_text(plan, bad);
    expect_error(ExitCode::bad_input, {"unfinished.json", "Nothing of it was deleted"},
                 [&] { (void)DataSet::open(folder / "d"); });
    expect_error(ExitCode::bad_input, {"unfinished.json"},
                 [&] { DataSetUpdate(folder / "d", 200, 3); });
    EXPECT_TRUE(std::filesystem::exists(row));
  }
  std::string outside = good;
  outside.replace(outside.find("\"one\""), 5, "\"../one\"");
  write_text(plan, outside);
  expect_error(ExitCode::bad_input, {"no recording's name"},
               [&] { (void)DataSet::open(folder / "d"); });
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const char* bad : {"-5", "1e3", "\"10\"", "18446744073709551615"}) {
    SCOPED_TRACE(bad);
    write_text(plan, changed("\"least_rows\": 10", std::string("\"least_rows\": ") + bad));
    expect_error(ExitCode::bad_input, {"least_rows", "Nothing of it was deleted"},
                 [&] { (void)DataSet::open(folder / "d"); });
  }
  // Of a plan that names others, or none, or is not there at all, nobody knows what it was for.
  for (const std::string& other : {changed("\"one\"", "\"two\""), std::string()}) {
    if (other.empty()) {
      std::filesystem::remove(plan);
    } else {
      write_text(plan, other);
    }
    expect_error(ExitCode::bad_input,
                 {"unfinished.json", "normal/one", "Nothing of it was deleted"},
                 [&] { (void)DataSet::open(folder / "d"); });
    expect_error(ExitCode::bad_input, {"unfinished.json"},
                 [&] { DataSetUpdate(folder / "d", 200, 3); });
    EXPECT_TRUE(std::filesystem::exists(row));
  }
  write_text(plan, good);
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 1U);
}

TEST(DataSet, ACollectionWithoutASampleIsDroppedAndNamed) {
  const TemporaryFolder folder;
  const auto staged = folder / "d" / ".fettle-staging" / "new" / "normal";
  cut_off(folder / "d", "one", 600);
  write_text(staged / "one.csv", "t_us,ax_g");
  testing::internal::CaptureStderr();
  EXPECT_FALSE(DataSet::exists(folder / "d"));
  EXPECT_NE(testing::internal::GetCapturedStderr().find("normal/one, a collection"),
            std::string::npos);
}

TEST(DataSet, APlanThatNamesARecordingTwiceIsUnderstood) {
  const TemporaryFolder folder;
  const auto plan = folder / "d" / ".fettle-staging" / "unfinished.json";
  cut_off(folder / "d", "one", 600);
  std::string text = read_text(plan);
  const std::size_t from = text.find('{', 1);
  const std::size_t to = text.find('}') + 1;
  text.insert(to, "," + text.substr(from, to - from));
  write_text(plan, text);
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 1U);
}

TEST(DataSet, ACollectionFindsAFreeName) {
  const TemporaryFolder folder;
  const auto theirs = folder / "d" / "normal" / "one.csv";
  // That was cut off,
  cut_off(folder / "d", "one", 600);
  write_text(theirs, "somebody's");
  testing::internal::CaptureStderr();
  {
    const DataSet data = DataSet::open(folder / "d");
    ASSERT_EQ(data.recordings().size(), 1U);
    EXPECT_EQ(data.recordings()[0].id(), "normal/one-2");
    EXPECT_EQ(data.recordings()[0].rows, 600U);
    EXPECT_EQ(whole_rows(data.path_of(data.recordings()[0]), 3).rows, 600U);
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("another normal/one now"),
            std::string::npos);
  EXPECT_EQ(read_text(theirs), "somebody's");
  // and one in whose way a file comes while it is under way.
  DataSetUpdate update(folder / "d", 200, 3, DataSetUpdate::Unfinished::kept, 1);
  add(update, "normal", "three");
  write_text(folder / "d" / "normal" / "three.csv", "somebody's");
  EXPECT_EQ(update.commit().at(0).id(), "normal/three-2");
  EXPECT_EQ(read_text(folder / "d" / "normal" / "three.csv"), "somebody's");
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 2U);
}

TEST(DataSet, AnUpdateNeverOverwritesWhatHasAppearedMeanwhile) {
  const TemporaryFolder folder;
  const auto theirs = folder / "d" / "normal" / "two.csv";
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    add(update, "normal", "two");
    write_text(theirs, "somebody's");
    expect_error(ExitCode::exists, {"two.csv", "appeared meanwhile", "Move it away"},
                 [&] { update.commit(); });
  }
  EXPECT_EQ(read_text(theirs), "somebody's");
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / "normal" / "one.csv"));
  EXPECT_FALSE(DataSet::exists(folder / "d"));
}

/// Cutting is for the end of a file. Damage in its middle would throw away what is whole behind it.
TEST(DataSet, ADamagedCollectionIsNotCut) {
  const TemporaryFolder folder;
  const auto file = folder / "d" / ".fettle-staging" / "new" / "normal" / "one.csv";
  cut_off(folder / "d", "one", 2000);
  const std::string good = read_text(file);
  for (const std::size_t where : {std::size_t{0}, good.size() / 2}) {
    std::string bad = good;
    bad[where] = 'x';
    write_text(file, bad);
    expect_error(ExitCode::bad_input,
                 {"normal/one is damaged at byte", "Nothing of it was deleted"},
                 [&] { (void)DataSet::open(folder / "d"); });
    EXPECT_EQ(read_text(file), bad);
  }
  write_text(file,
             good + "123,4" + std::string(100'000, '\0'));  // a torn row, and a power cut's zeros
  EXPECT_EQ(DataSet::open(folder / "d").recordings().at(0).rows, 2000U);
}

TEST(DataSet, LinksInTheStagingFolderAreNotFollowed) {
  const TemporaryFolder folder;
  const auto staged = folder / "d" / ".fettle-staging" / "new" / "normal";
  cut_off(folder / "d", "one", 600);
  const std::string good = read_text(staged / "one.csv");
  const std::string torn = good + "123,4";
  std::filesystem::create_directories(folder / "outside");
  write_text(folder / "outside" / "one.csv", torn);
  const auto refused = [&] {
    expect_error(ExitCode::bad_input, {"found a link", "Remove it"},
                 [&] { (void)DataSet::open(folder / "d"); });
    EXPECT_EQ(read_text(folder / "outside" / "one.csv"), torn);
  };
  std::filesystem::remove(staged / "one.csv");
  std::filesystem::create_symlink(folder / "outside" / "one.csv", staged / "one.csv");
  refused();
  std::filesystem::remove_all(staged);
  std::filesystem::create_directory_symlink(folder / "outside", staged);
  refused();
}

TEST(DataSet, ACollectionUnderWayIsLeftAlone) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    update.commit();
  }
  DataSetUpdate update(folder / "d", 200, 3, DataSetUpdate::Unfinished::kept, 1);
  RecordingWriter& writer = update.begin("normal", "two", "s", "");
  writer.write({});
  writer.flush();
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 1U);
  writer.write({5000, {}});
  update.end();
  update.commit();
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 2U);
}

TEST(DataSet, OtherRatesAndAxesAreRefused) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    update.commit();
  }
  expect_error(ExitCode::bad_input, {"200 Hz", "205 Hz", "one rate"},
               [&] { DataSetUpdate(folder / "d", 205, 3); });
  expect_error(ExitCode::bad_input, {"3", "6", "axes"},
               [&] { DataSetUpdate(folder / "d", 200, 6); });
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 1U);
}

TEST(DataSet, AFolderOfSomethingElseIsNotTakenOver) {
  const TemporaryFolder folder;
  write_text(folder / "d" / "thesis.txt", "precious");
  expect_error(ExitCode::exists, {"no data set"}, [&] { DataSetUpdate(folder / "d", 200, 3); });
  expect_error(ExitCode::io, {"no data set here", "fettle import"},
               [&] { (void)DataSet::open(folder / "d"); });
  write_text(folder / "file", "");
  expect_error(ExitCode::exists, {"no data set"}, [&] { DataSetUpdate(folder / "file", 200, 3); });
}

TEST(DataSet, NamesThatLeaveTheFolderAreRefused) {
  const TemporaryFolder folder;
  DataSetUpdate update(folder / "d", 200, 3);
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "../x", "a b", "a\nb", "\xC3\xA4"}) {
    expect_error(ExitCode::usage, {"letters"}, [&] { (void)update.begin(name, "x", "s", ""); });
    expect_error(ExitCode::usage, {"letters"}, [&] { (void)update.begin("x", name, "s", ""); });
  }
  expect_error(ExitCode::usage, {"at most"},
               [&] { (void)update.begin(std::string(201, 'a'), "x", "s", ""); });
}

TEST(DataSet, TwoUpdatesAtATimeAreRefused) {
  const TemporaryFolder folder;
  DataSetUpdate first(folder / "d", 200, 3);
  expect_error(ExitCode::exists, {"another fettle"}, [&] { DataSetUpdate(folder / "d", 200, 3); });
  add(first, "normal", "one");
  first.commit();
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 1U);
}

TEST(DataSet, StrangersAreListedNotUsed) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    update.commit();
  }
  write_text(folder / "d" / "normal" / "copied.csv", "t_us,ax_g,ay_g,az_g\n");
  const DataSet data = DataSet::open(folder / "d");
  EXPECT_EQ(data.recordings().size(), 1U);
  EXPECT_EQ(data.strangers(), std::vector<std::string>{"normal/copied"});
  DataSetUpdate update(folder / "d", 200, 3);
  expect_error(ExitCode::exists, {"normal/copied"},
               [&] { (void)update.begin("normal", "copied", "s", ""); });
}

TEST(DataSet, RemoveAndReplaceInOneStep) {
  const TemporaryFolder folder;
  {
    DataSetUpdate update(folder / "d", 200, 3);
    add(update, "normal", "one");
    update.commit();
  }
  {
    const DataSet data = DataSet::open(folder / "d");
    DataSetUpdate update(folder / "d", 200, 3);
    update.remove(data.recordings()[0]);
    add(update, "bad", "one", "s", 2);
    update.commit();
  }
  const DataSet data = DataSet::open(folder / "d");
  ASSERT_EQ(data.recordings().size(), 1U);
  EXPECT_EQ(data.recordings()[0].id(), "bad/one");
  EXPECT_FALSE(std::filesystem::exists(folder / "d" / "normal")) << "an empty label goes";
}

TEST(DataSet, DamagedIndexesAreRefused) {
  const TemporaryFolder folder;
  write_text(folder / "d" / "normal" / "a.csv", "t_us,ax_g,ay_g,az_g\n");
  const auto index = [](const std::string& recordings,
                        const std::string& head = "\"format\":1,\"rate_hz\":200,\"axes\":3") {
    return "{" + head + ",\"recordings\":[" + recordings + "]}";
  };
  const auto entry = [](const std::string& label, const std::string& name) {
    return "{\"label\":\"" + label + "\",\"name\":\"" + name +
           "\",\"source\":\"s\",\"rows\":3,\"hash\":\"0123456789abcdef\",\"provenance\":\"p\"}";
  };
  write_text(folder / "d" / "dataset.json", index(entry("normal", "a")));
  EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 1U) << "the good one is good";
  const std::string a = entry("normal", "a");
  const std::pair<std::string, std::string_view> bad[] = {
      {"", "damaged"},
      {"{", "damaged"},
      {std::string(100, '\0'), "damaged"},
      {"[]", "damaged"},
      {"{}", "format"},
      {index(a).substr(0, 60), "damaged"},
      {index(a, "\"format\":2,\"rate_hz\":200,\"axes\":3"), "format 2"},
      {index(a, "\"format\":1,\"rate_hz\":0,\"axes\":3"), "rate_hz"},
      {index(a, "\"format\":1,\"rate_hz\":-1,\"axes\":3"), "rate_hz"},
      {index(a, "\"format\":1,\"rate_hz\":1e999,\"axes\":3"), "damaged"},
      {index(a, "\"format\":1,\"rate_hz\":\"200\",\"axes\":3"), "damaged"},
      {index(a, "\"format\":1,\"rate_hz\":200,\"axes\":4"), "axes"},
      {index(a, "\"format\":1,\"rate_hz\":200,\"axes\":-3"), "axes"},
      {index(a + "," + a), "twice"},
      {index(entry("..", "a")), "no recording's name"},
      {index(entry("normal", "../../etc/passwd")), "no recording's name"},
      {index(entry("normal", "b")), "there is no file"},
      {index("{\"label\":\"normal\"}"), "damaged"},
  };
  for (const auto& [text, piece] : bad) {
    SCOPED_TRACE(text);
    write_text(folder / "d" / "dataset.json", text);
    expect_error(ExitCode::bad_input, {"dataset.json", piece},
                 [&] { (void)DataSet::open(folder / "d"); });
  }
}

}  // namespace
}  // namespace fettle::host
