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
