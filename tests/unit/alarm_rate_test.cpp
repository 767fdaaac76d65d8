// SPDX-License-Identifier: Apache-2.0
#include "host/alarm_rate.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "board/text.hpp"
#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

TEST(AlarmRate, WhatIsUnderstood) {
  EXPECT_DOUBLE_EQ(parse_alarm_rate("1/week"), 1.0 / 168.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("/week"), 1.0 / 168.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("/hour"), 1.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("2/day"), 2.0 / 24.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("0.5/h"), 0.5);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("1/month"), 1.0 / 720.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("1/minute"), 60.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("1/year"), 1.0 / 8760.0);
  EXPECT_DOUBLE_EQ(parse_alarm_rate("12/year"), 12.0 / 8760.0);
}

TEST(AlarmRate, WhatIsRefusedAndWhy) {
  const auto refused = [](std::string_view text, std::string_view why) {
    SCOPED_TRACE(text);
    test::expect_error(ExitCode::usage, {text, why, "1/week"},
                       [&] { (void)parse_alarm_rate(text); });
  };
  refused("week", "no slash");
  refused("", "no slash");
  refused("1/", "period is missing");
  refused("1/century", "rarest rate is 1/year");
  refused("0.5/year", "the rarest is 1/year");
  refused("2/minute", "the most is 60/hour");
  refused("1000/second", "the most is 60/hour");
  refused("0/day", "above 0");
  refused("-1/day", "above 0");
  refused("nan/day", "not a number");
  refused("inf/day", "not a number");
  refused("1e999/day", "not a number");
  refused("two/day", "'two' is not a number");
  refused("1 /day", "'1 ' is not a number");
  refused("1/day/2", "'day/2' is not a period");
}

TEST(AlarmRate, TextIsReadBack) {
  for (const char* text : {"1/week", "1/day", "2/day", "1/month", "3/week", "1/hour", "60/hour",
                           "2.5/day", "1/year", "11/year"}) {
    EXPECT_EQ(alarm_rate_text(parse_alarm_rate(text)), text);
  }
}

TEST(AlarmRate, TextNeverSaysRarerThanItIs) {
  EXPECT_EQ(alarm_rate_text(2.51 / 24.0), "2.6/day");
  EXPECT_EQ(alarm_rate_text(10.2), "11/hour");
  EXPECT_EQ(alarm_rate_text(0.9), "22/day");
  EXPECT_EQ(alarm_rate_text(1e-9), "less than 1/year");
  double rate = 60.0;
  for (; rate > 1.2e-4; rate *= 0.97) {
    EXPECT_GE(parse_alarm_rate(alarm_rate_text(rate)), rate * (1.0 - 1e-5)) << rate;
    EXPECT_LE(parse_alarm_rate(alarm_rate_text(rate)), rate * 1.11) << rate;
  }
}

TEST(AlarmRate, TheBoardSaysTheSame) {
  for (double per_hour = 200.0; per_hour > 1.0 / 9000.0; per_hour /= 1.07) {
    for (const double rate : {per_hour, static_cast<double>(static_cast<float>(1.0 / 168.0))}) {
      board::Text<40> text;
      board::add_alarm_rate(text, rate);
      std::string said(text.view());
      for (const std::string_view between : {" an ", " a "}) {
        if (const std::size_t at = said.find(between); at != std::string::npos) {
          said.replace(at, between.size(), "/");
        }
      }
      EXPECT_EQ(said, alarm_rate_text(rate)) << rate;
    }
  }
}

}  // namespace
}  // namespace fettle::host
