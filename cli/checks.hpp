// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// Checks of options that say what was expected and what was found. CLI11's own let a NaN pass, and show the limits of a
// type or half of a map where a user wants to know what to type.
namespace fettle::cli {

/// The whole text as a number. @return false if it is none, or has something behind it
template <typename Number>
bool reads_as(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && last == end;
}

inline std::string expected(const std::string& what, const std::string& found) {
  return fmt::format("expected {}, found \"{}\"", what, found);
}

/// An option that is given says something: an empty text is a variable that was never set.
inline CLI::Validator not_empty(std::string what) {
  return {[what = std::move(what)](std::string& text) {
            return text.empty() ? fmt::format("expected {}, found an empty text", what)
                                : std::string();
          },
          ""};
}

/// For transform(): CLI11 would read 010 as eight.
inline CLI::Validator whole_number(std::uint64_t low, std::uint64_t high) {
  return {[low, high](std::string& text) {
            std::uint64_t value = 0;
            if (!reads_as(text, value) || value < low || value > high) {
              return expected(fmt::format("a whole number from {} to {}", low, high), text);
            }
            text = std::to_string(value);
            return std::string();
          },
          ""};
}

inline CLI::Validator number(double low, double high) {
  return {[low, high](std::string& text) {
            double value = 0;
            return reads_as(text, value) && value >= low && value <= high
                       ? std::string()
                       : expected(fmt::format("a number from {} to {}", low, high), text);
          },
          ""};
}

/// That a float can hold.
inline CLI::Validator number_above_zero() {
  return {[](std::string& text) {
            float value = 0;
            return reads_as(text, value) && std::isfinite(value) && value > 0
                       ? std::string()
                       : expected("a number above 0", text);
          },
          ""};
}

inline CLI::Validator one_of(std::vector<std::string> names) {
  return {[names = std::move(names)](std::string& text) {
            for (const std::string& name : names) {
              if (text == name) return std::string();
            }
            return expected(fmt::format("{}", fmt::join(names, " or ")), text);
          },
          ""};
}

/// Names of an enumeration; for transform().
template <typename Enum>
CLI::Validator choice(std::vector<std::pair<std::string, Enum>> names) {
  return {[names = std::move(names)](std::string& text) {
            std::string all;
            for (const auto& [name, value] : names) {
              if (text == name) {
                text = std::to_string(static_cast<int>(value));  // as CLI11 reads an enumeration
                return std::string();
              }
              all += (all.empty() ? "" : " or ") + name;
            }
            return expected(all, text);
          },
          ""};
}

}  // namespace fettle::cli
