// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/sensor/sample.hpp"
#include "host/csv.hpp"

namespace fettle::host {

/// A physical unit and how many of ours (g, deg/s, microseconds) it is.
struct Unit {
  std::string_view name;  ///< as `--units` knows it; empty: unknown
  double factor = 0;

  [[nodiscard]] bool known() const { return factor != 0; }
};

enum class Quantity : std::uint8_t { acceleration, rotation, time };

/// The unit of that quantity that people write so ("m/s^2", "ms2", "deg/s", "lsb16384"); unknown if
/// there is none.
[[nodiscard]] Unit unit_named(Quantity quantity, std::string_view text);

/// Which column of a table is what, and in which unit as far as the file says it.
struct TableLayout {
  static constexpr std::size_t kNone = SIZE_MAX;

  char delimiter = ',';  ///< ',', ';', tab, or ' ' for any white space
  bool header = false;
  std::size_t columns = 0;
  std::size_t time = kNone;
  std::array<std::size_t, kMaxAxes> axis = {kNone, kNone, kNone, kNone, kNone, kNone};
  std::size_t axes = 0;  ///< 3 or 6
  std::size_t label = kNone;
  bool windows_apart = false;  ///< every 128 rows are a window, with an unknown time between two
  Unit acceleration, rotation, time_unit;

  [[nodiscard]] bool has_time() const { return time != kNone; }
  [[nodiscard]] bool has_label() const { return label != kNone; }
};

/// Finds out the layout from the start of a file. What was taken for what, where there was a
/// choice, is added to `notes`.
/// @param columns roles as in ImportOptions; empty: from the header or the number of columns
/// @return a layout without columns if the file has no rows.
/// Throws Error(bad_input) or Error(usage) when there is no way to tell; says what to do.
[[nodiscard]] TableLayout find_layout(const std::filesystem::path& file, const std::string& columns,
                                      std::vector<std::string>& notes);

/// A row of a table in the file's own units.
struct TableRow {
  std::uint64_t index = 0;  ///< counted over all rows, bad ones as well
  double time = 0;
  std::array<double, kMaxAxes> axis{};
  std::string_view label;  ///< valid until the next row
};

/// Reads the rows of a table. Blank lines and lines that start with '#' are no rows.
class TableReader {
 public:
  TableReader(const std::filesystem::path& file, const TableLayout& layout, bool skip_bad_rows);

  /// @return false at the end. Throws Error(bad_input) at a bad row unless they are skipped,
  /// Error(io).
  [[nodiscard]] bool next(TableRow& row);
  [[nodiscard]] std::uint64_t bad_rows() const { return bad_rows_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return lines_.bytes_read(); }
  /// Whether the last line had no newline, yet was a whole row as far as one can see.
  [[nodiscard]] bool ended_without_newline() const { return ended_without_newline_; }
  /// An error at the row returned last.
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  [[nodiscard]] std::string parse(std::string_view line, TableRow& row);

  std::filesystem::path file_;
  TableLayout layout_;
  bool skip_bad_rows_;
  Lines lines_;
  std::vector<std::string_view> fields_;
  bool header_passed_ = false;
  std::uint64_t rows_ = 0;
  std::uint64_t bad_rows_ = 0;
  std::size_t fewest_decimals_ = SIZE_MAX;  ///< in the last column so far
  bool ended_without_newline_ = false;
};

}  // namespace fettle::host
