// SPDX-License-Identifier: Apache-2.0
#include "host/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>
#include <optional>
#include <set>

#include "host/error.hpp"

namespace fettle::host {
namespace {

constexpr double kStandardGravity = 9.80665;  // m/s^2, CGPM 1901
constexpr double kDegreesPerRadian = 180.0 / std::numbers::pi;

/// Lines looked at to find out the layout.
constexpr std::size_t kLookedAt = 256;

struct Spelling {
  std::string_view text;  ///< lower case, without "^", "*", "_", spaces and "/"
  std::string_view name;
  double factor;
};

constexpr std::array kAccelerationUnits = {
    Spelling{"g", "g", 1.0},
    Spelling{"mg", "mg", 1e-3},
    Spelling{"ms2", "ms2", 1.0 / kStandardGravity},
    Spelling{"mss", "ms2", 1.0 / kStandardGravity},
    Spelling{"mps2", "ms2", 1.0 / kStandardGravity},
    Spelling{"ms-2", "ms2", 1.0 / kStandardGravity},
    Spelling{"lsb16384", "lsb16384", 1.0 / 16384.0},
    Spelling{"lsb8192", "lsb8192", 1.0 / 8192.0},
    Spelling{"lsb4096", "lsb4096", 1.0 / 4096.0},
    Spelling{"lsb2048", "lsb2048", 1.0 / 2048.0},
};
constexpr std::array kRotationUnits = {
    Spelling{"dps", "dps", 1.0},
    Spelling{"degs", "dps", 1.0},
    Spelling{"degpers", "dps", 1.0},
    Spelling{"\xC2\xB0s", "dps", 1.0},  // the degree sign
    Spelling{"mdps", "mdps", 1e-3},
    Spelling{"rads", "rads", kDegreesPerRadian},
    Spelling{"radps", "rads", kDegreesPerRadian},
    Spelling{"lsb131", "lsb131", 1.0 / 131.0},
    Spelling{"lsb65.5", "lsb65.5", 1.0 / 65.5},
    Spelling{"lsb32.8", "lsb32.8", 1.0 / 32.8},
    Spelling{"lsb16.4", "lsb16.4", 1.0 / 16.4},
};
constexpr std::array kTimeUnits = {
    Spelling{"ns", "ns", 1e-3},
    Spelling{"us", "us", 1.0},
    Spelling{"usec", "us", 1.0},
    Spelling{"micros", "us", 1.0},
    Spelling{"microseconds", "us", 1.0},
    Spelling{"\xC2\xB5s", "us", 1.0},  // the micro sign
    Spelling{"ms", "ms", 1e3},
    Spelling{"msec", "ms", 1e3},
    Spelling{"millis", "ms", 1e3},
    Spelling{"milliseconds", "ms", 1e3},
    Spelling{"s", "s", 1e6},
    Spelling{"sec", "s", 1e6},
    Spelling{"secs", "s", 1e6},
    Spelling{"seconds", "s", 1e6},
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_blank_or_comment(std::string_view line) {
  const std::string_view text = trimmed(line);
  return text.empty() || text.front() == '#';
}

/// Cuts a line into trimmed fields without their quotes. A delimiter between quotes does not count,
/// nor does one at the end of the line.
void split(std::string_view line, char delimiter, std::vector<std::string_view>& fields) {
  fields.clear();
  if (delimiter == ' ') line = trimmed(line);
  bool in_quotes = false;
  std::size_t start = 0;
  const auto take = [&](std::size_t end) {
    std::string_view field = trimmed(line.substr(start, end - start));
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
      field = field.substr(1, field.size() - 2);
    }
    fields.push_back(field);
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') in_quotes = !in_quotes;
    const bool here = delimiter == ' ' ? line[i] == ' ' || line[i] == '\t' : line[i] == delimiter;
    if (!here || in_quotes) continue;
    if (delimiter != ' ' || i > start) take(i);
    start = i + 1;
  }
  if (start < line.size()) take(line.size());
}

bool looks_numeric(std::string_view field) {
  std::size_t i = 0;
  if (i < field.size() && (field[i] == '-' || field[i] == '+')) ++i;
  if (i < field.size() && field[i] == '.') ++i;
  return i < field.size() && field[i] >= '0' && field[i] <= '9';
}

/// The whole field as a number. @pre kNumberPadding readable bytes behind it
bool parse_field(std::string_view field, double& value) {
  return !field.empty() && parse_double(field.data(), value) == field.data() + field.size();
}

/// A column's name for a message: as it is, unless it holds what a terminal must not see.
std::string shown(std::string_view name) {
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return plain && !name.empty() && name.size() < 40 ? std::string(name) : in_quotes(name);
}

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) {
    if (!all.empty()) all += ", ";
    all += part;
  }
  return all;
}

constexpr std::array<std::string_view, 8> kRoles = {"ax", "ay", "az", "gx",
                                                    "gy", "gz", "t",  "label"};
constexpr std::size_t kTimeRole = 6;
constexpr std::size_t kLabelRole = 7;

/// What the name of a column says.
struct ColumnName {
  std::optional<std::size_t> role;  ///< index into kRoles
  Unit unit;
  int preference = 0;  ///< raw above plain above smoothed
};

Unit unit_of_role(std::size_t role, std::string_view text) {
  if (role == kTimeRole) return unit_named(Quantity::time, text);
  if (role == kLabelRole) return {};
  return unit_named(role < 3 ? Quantity::acceleration : Quantity::rotation, text);
}

/// Role of a name in lower case letters and digits only, all qualifiers removed.
std::optional<std::size_t> role_of(std::string_view name) {
  constexpr std::array<std::string_view, 13> kTimes = {
      "t",           "time",        "timestamp",      "ts",     "elapsed",
      "elapsedtime", "timeelapsed", "secondselapsed", "micros", "us",
      "millis",      "ms",          "seconds"};
  constexpr std::array<std::string_view, 7> kLabels = {"label",  "labels",   "class",   "state",
                                                       "target", "category", "activity"};
  constexpr std::array<std::string_view, 8> kAccelerations = {
      "a", "acc", "accel", "acceleration", "accelerometer", "acceler", "accl", ""};
  constexpr std::array<std::string_view, 10> kRotations = {
      "g",        "gyr",          "gyro",  "gyroscope", "rot",
      "rotation", "rotationrate", "omega", "w",         "angularvelocity"};
  if (std::find(kTimes.begin(), kTimes.end(), name) != kTimes.end()) return kTimeRole;
  if (std::find(kLabels.begin(), kLabels.end(), name) != kLabels.end()) return kLabelRole;
  if (name.empty()) return std::nullopt;
  // The axis is the last letter ("accx") or the first ("xacc").
  for (const bool last : {true, false}) {
    const char letter = last ? name.back() : name.front();
    if (letter < 'x' || letter > 'z') continue;
    const std::string_view rest = last ? name.substr(0, name.size() - 1) : name.substr(1);
    const auto axis = static_cast<std::size_t>(letter - 'x');
    if (std::find(kAccelerations.begin(), kAccelerations.end(), rest) != kAccelerations.end()) {
      return axis;
    }
    if (std::find(kRotations.begin(), kRotations.end(), rest) != kRotations.end()) return 3 + axis;
  }
  return std::nullopt;
}

ColumnName understand(std::string_view header) {
  ColumnName column;
  std::string unit;
  // "Acceleration x (m/s^2)", "acc_x[g]"
  if (const std::size_t open = header.find_first_of("(["); open != std::string_view::npos) {
    const std::size_t close = header.find_first_of(")]", open);
    unit = header.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
    header = header.substr(0, open);
  }
  // Words: cut at anything but letters and digits, and where lower case turns into upper case.
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto c = static_cast<unsigned char>(header[i]);
    const bool hump = i > 0 && std::isupper(c) != 0 &&
                      std::islower(static_cast<unsigned char>(header[i - 1])) != 0;
    if ((hump || std::isalnum(c) == 0) && !words.back().empty()) words.emplace_back();
    if (std::isalnum(c) != 0) words.back() += lower(header.substr(i, 1));
  }
  std::erase_if(words, [&](const std::string& word) {
    constexpr std::array<std::string_view, 3> kRaw = {"raw", "unfiltered", "uncal"};
    constexpr std::array<std::string_view, 10> kSmoothed = {
        "smooth", "smoothed", "filtered", "filter", "filt", "avg", "mean", "lp", "lpf", "kalman"};
    constexpr std::array<std::string_view, 9> kNoise = {
        "imu", "mpu", "mpu6050", "sensor", "axis", "value", "data", "linear", "cal"};
    const auto in = [&](const auto& list) {
      return std::find(list.begin(), list.end(), word) != list.end();
    };
    if (in(kRaw)) column.preference = 1;
    if (in(kSmoothed)) column.preference = -1;
    return word.empty() || in(kRaw) || in(kSmoothed) || in(kNoise);
  });
  // A unit at the end, in as many words as make one: "gyro_x_rad_s" before "..._s".
  const auto name_up_to = [&](std::size_t count) {
    std::string name;
    for (std::size_t i = 0; i < count; ++i) name += words[i];
    return name;
  };
  for (std::size_t count = 1; count < words.size() && unit.empty(); ++count) {
    const std::optional<std::size_t> role = role_of(name_up_to(count));
    std::string rest;
    for (std::size_t i = count; i < words.size(); ++i) rest += words[i];
    if (!role || !unit_of_role(*role, rest).known()) continue;
    words.resize(count);
    unit = rest;
  }
  const std::string name = name_up_to(words.size());
  column.role = role_of(name);
  if (!column.role) return column;
  column.unit = unit_of_role(*column.role, unit);
  // "millis" is a time and its unit in one word.
  if (*column.role == kTimeRole && !column.unit.known()) {
    column.unit = unit_named(Quantity::time, name == "secondselapsed" ? "s" : name);
  }
  return column;
}

[[noreturn]] void refuse_layout(const std::filesystem::path& file, std::string_view why) {
  throw Error(
      ExitCode::bad_input,
      fmt::format("{}: {}. Name the columns in order, \"-\" for one to leave out, for example "
                  "--columns t,ax,ay,az,-,label",
                  file.string(), why));
}

void set_role(TableLayout& layout, std::size_t role, std::size_t column) {
  if (role == kTimeRole) {
    layout.time = column;
  } else if (role == kLabelRole) {
    layout.label = column;
  } else {
    layout.axis[role] = column;
  }
}

void set_unit(TableLayout& layout, std::size_t role, Unit unit) {
  if (!unit.known()) return;
  if (role == kTimeRole) layout.time_unit = unit;
  if (role < 3) layout.acceleration = unit;
  if (role >= 3 && role < 6) layout.rotation = unit;
}

/// Checks that the accelerometer is whole, and the gyroscope if there is any of it.
void count_axes(TableLayout& layout, const std::filesystem::path& file) {
  const auto has = [&](std::size_t axis) { return layout.axis[axis] != TableLayout::kNone; };
  std::vector<std::string> missing;
  const bool gyroscope = has(3) || has(4) || has(5);
  for (std::size_t axis = 0; axis < (gyroscope ? 6U : 3U); ++axis) {
    if (!has(axis)) missing.emplace_back(kRoles[axis]);
  }
  if (!missing.empty()) {
    refuse_layout(file, fmt::format("no column found for {}", join(missing)));
  }
  layout.axes = gyroscope ? 6 : 3;
}

void take_columns_from_option(TableLayout& layout, const std::string& columns,
                              const std::filesystem::path& file) {
  std::vector<std::string_view> roles;
  split(columns, ',', roles);
  if (roles.size() > layout.columns) {
    throw Error(ExitCode::usage, fmt::format("--columns names {} columns and {} has {}",
                                             roles.size(), file.string(), layout.columns));
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (roles[i] == "-") continue;
    const auto* const role = std::find(kRoles.begin(), kRoles.end(), roles[i]);
    if (role == kRoles.end() || !seen.insert(roles[i]).second) {
      throw Error(
          ExitCode::usage,
          fmt::format("--columns: {} is {}; expected t, ax, ay, az, gx, gy, gz, label (each at "
                      "most once) or - for a column to leave out",
                      in_quotes(roles[i]),
                      role == kRoles.end() ? "no role of a column" : "there twice"));
    }
    set_role(layout, static_cast<std::size_t>(role - kRoles.begin()), i);
  }
}

void take_columns_from_header(TableLayout& layout, const std::vector<std::string_view>& header,
                              const std::filesystem::path& file, std::vector<std::string>& notes) {
  std::array<std::size_t, kRoles.size()> taken;
  std::array<ColumnName, kRoles.size()> best;
  taken.fill(TableLayout::kNone);
  std::vector<std::string> passed_over;
  std::vector<std::string> unused;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const ColumnName column = understand(header[i]);
    if (!column.role) {
      unused.push_back(shown(header[i]));
      continue;
    }
    const std::size_t role = *column.role;
    // Of two times the one that says its unit is worth more.
    const auto worth = [](const ColumnName& name) {
      return 2 * name.preference + (name.unit.known() ? 1 : 0);
    };
    std::size_t loser = i;
    if (taken[role] == TableLayout::kNone || worth(column) > worth(best[role])) {
      std::swap(loser, taken[role]);
      best[role] = column;
    }
    if (loser != TableLayout::kNone) passed_over.push_back(shown(header[loser]));
  }
  for (std::size_t role = 0; role < kRoles.size(); ++role) {
    if (taken[role] == TableLayout::kNone) continue;
    set_role(layout, role, taken[role]);
    set_unit(layout, role, best[role].unit);
  }
  if (layout.axis[0] == TableLayout::kNone && layout.axis[1] == TableLayout::kNone) {
    std::vector<std::string> names;
    for (const std::string_view name : header) names.push_back(shown(name));
    refuse_layout(file, "no accelerometer among the columns " + join(names));
  }
  std::vector<std::string> chosen;
  for (const std::size_t column : taken) {
    if (column != TableLayout::kNone) chosen.push_back(shown(header[column]));
  }
  if (!passed_over.empty()) {
    notes.push_back(fmt::format("took columns {}; left out the second choice {}", join(chosen),
                                join(passed_over)));
  }
  if (!unused.empty()) notes.push_back("not used: columns " + join(unused));
}

/// Without a header and --columns only the number of columns speaks.
void take_columns_by_number(TableLayout& layout, const std::vector<std::vector<std::string>>& rows,
                            const std::filesystem::path& file, std::vector<std::string>& notes) {
  std::size_t numbers = layout.columns;
  if (!looks_numeric(rows.front().back())) layout.label = --numbers;
  const auto value = [&](const std::string& field) { return std::strtod(field.c_str(), nullptr); };
  const auto rises = [&] {
    std::size_t steps_up = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      if (rows[i].size() != layout.columns) return false;
      if (value(rows[i].front()) < value(rows[i - 1].front())) return false;
      if (value(rows[i].front()) > value(rows[i - 1].front())) ++steps_up;
    }
    return 2 * steps_up > rows.size();
  };
  const auto last_is_a_class = [&] {
    std::set<std::string> values;
    for (const auto& row : rows) {
      if (row.size() != layout.columns) continue;
      values.insert(row.back());
      if (row.back().find_first_not_of("0123456789") != std::string::npos) return false;
    }
    return values.size() <= 8;
  };
  std::size_t first_axis = 0;
  if ((numbers == 4 || numbers == 7) && rises()) {
    layout.time = 0;
    first_axis = 1;
    notes.push_back("no header: took the first column, which rises, for the time");
  } else if (numbers == 7 && !layout.has_label() && last_is_a_class()) {
    layout.label = 6;
    numbers = 6;
    notes.push_back("no header: took the seventh column, small whole numbers, for the label");
  }
  const std::size_t axes = numbers - first_axis;
  if (axes != 3 && axes != 6) {
    refuse_layout(file, fmt::format("there is no header, and {} columns do not say what they are",
                                    layout.columns));
  }
  for (std::size_t axis = 0; axis < axes; ++axis) layout.axis[axis] = first_axis + axis;
  if (axes == 3) notes.push_back("no header: took three columns for ax, ay, az");
  if (axes == 6) notes.push_back("no header: took six columns for ax, ay, az, gx, gy, gz");
  if (axes == 6 && !layout.has_time()) {
    layout.windows_apart = true;
    notes.push_back(
        "six values a row without time stamps: took every 128 rows for a window of its own, with "
        "an "
        "unknown time between two (for one continuous recording: --columns ax,ay,az,gx,gy,gz)");
  }
}

}  // namespace

Unit unit_named(Quantity quantity, std::string_view text) {
  std::string plain = lower(text);
  std::erase_if(plain,
                [](char c) { return c == '^' || c == '*' || c == '_' || c == ' ' || c == '/'; });
  if (const std::size_t square = plain.find("\xC2\xB2"); square != std::string::npos) {
    plain.erase(square, 1);
    plain[square] = '2';
  }
  const auto find = [&](const auto& spellings) -> Unit {
    for (const Spelling& spelling : spellings) {
      if (spelling.text == plain) return {spelling.name, spelling.factor};
    }
    return {};
  };
  switch (quantity) {
    case Quantity::acceleration: return find(kAccelerationUnits);
    case Quantity::rotation: return find(kRotationUnits);
    case Quantity::time: return find(kTimeUnits);
  }
  return {};
}

TableLayout find_layout(const std::filesystem::path& file, const std::string& columns,
                        std::vector<std::string>& notes) {
  TableLayout layout;
  Lines lines(file);
  std::string_view line;
  std::vector<std::string_view> fields;
  std::vector<std::vector<std::string>> rows;
  while (rows.size() < kLookedAt && lines.next(line)) {
    if (is_blank_or_comment(line)) continue;
    if (line.find('\0') != std::string_view::npos) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}:{}: found NUL bytes in {}; expected a table of text. Was the power "
                      "lost while the file was written, or is it a binary file (or UTF-16)?",
                      file.string(), lines.number(), in_quotes(line)));
    }
    if (rows.empty()) {
      const auto has = [&](char c) { return line.find(c) != std::string_view::npos; };
      layout.delimiter = has(';') ? ';' : has('\t') ? '\t' : has(',') ? ',' : ' ';
    }
    split(line, layout.delimiter, fields);
    rows.emplace_back(fields.begin(), fields.end());
  }
  if (rows.empty()) return layout;
  const std::vector<std::string> first = rows.front();
  layout.columns = first.size();
  const auto numeric = std::count_if(first.begin(), first.end(), looks_numeric);
  layout.header = 2 * static_cast<std::size_t>(numeric) < first.size();
  if (layout.header) rows.erase(rows.begin());

  const std::vector<std::string_view> names(first.begin(), first.end());
  if (!columns.empty()) {
    take_columns_from_option(layout, columns, file);
    for (std::size_t i = 0; layout.header && i < names.size(); ++i) {
      const ColumnName name = understand(names[i]);
      if (name.role &&
          (i == layout.time || layout.axis[std::min<std::size_t>(*name.role, 5)] == i)) {
        set_unit(layout, *name.role, name.unit);
      }
    }
  } else if (layout.header) {
    take_columns_from_header(layout, names, file, notes);
  } else {
    take_columns_by_number(layout, rows, file, notes);
  }
  count_axes(layout, file);
  return layout;
}

TableReader::TableReader(const std::filesystem::path& file, const TableLayout& layout,
                         bool skip_bad_rows)
    : file_(file),
      layout_(layout),
      skip_bad_rows_(skip_bad_rows),
      lines_(file),
      header_passed_(!layout.header) {}

bool TableReader::next(TableRow& row) {
  std::string_view line;
  while (lines_.next(line)) {
    if (is_blank_or_comment(line)) continue;
    if (!header_passed_) {
      header_passed_ = true;
      continue;
    }
    row.index = rows_++;
    const std::string why = parse(line, row);
    if (why.empty()) return true;
    if (!skip_bad_rows_) refuse(why + ". With --skip-bad-rows such rows are counted and left out");
    ++bad_rows_;
  }
  return false;
}

void TableReader::refuse(std::string_view why) const {
  throw Error(ExitCode::bad_input, fmt::format("{}:{}: {}", file_.string(), lines_.number(), why));
}

/// @return why the line is no row; empty if it is one.
std::string TableReader::parse(std::string_view line, TableRow& row) {
  split(line, layout_.delimiter, fields_);
  if (fields_.size() != layout_.columns) {
    std::string why = fmt::format("expected {} columns as in the first line, found {} in {}",
                                  layout_.columns, fields_.size(), in_quotes(line));
    if (lines_.torn()) why += " (the file ends here without a newline: it was cut off)";
    if (layout_.delimiter == ',' && fields_.size() > layout_.columns) {
      why += "; are there decimal commas? Fettle reads decimal points";
    }
    return why;
  }
  const auto number = [&](std::size_t column, std::string_view role, double& value) {
    const std::string_view field = fields_[column];
    if (parse_field(field, value)) return std::string();
    std::string why = fmt::format("expected a finite decimal number for {} in column {}, found {}",
                                  role, column + 1, in_quotes(field));
    if (field.find(',') != std::string_view::npos) {
      why += "; it looks like a decimal comma, Fettle reads decimal points";
    } else if (role == "t" && field.find_first_of(":") != std::string_view::npos) {
      why += "; dates are not read, give that column as - in --columns and a --rate";
    }
    return why;
  };
  if (layout_.has_time()) {
    if (std::string why = number(layout_.time, "t", row.time); !why.empty()) return why;
  }
  for (std::size_t axis = 0; axis < layout_.axes; ++axis) {
    if (std::string why = number(layout_.axis[axis], kAxisNames[axis], row.axis[axis]);
        !why.empty()) {
      return why;
    }
  }
  if (layout_.has_label()) {
    row.label = fields_[layout_.label];
    if (row.label.empty()) return fmt::format("the label in column {} is empty", layout_.label + 1);
  }
  // A number cut short is still a number. One with fewer decimals than any before it in that column
  // is taken for cut; tables without a newline at the end are common and mostly whole.
  const std::string_view last = fields_.back();
  const std::size_t point = last.find('.');
  const std::size_t decimals = point == std::string_view::npos ? 0 : last.size() - point - 1;
  if (lines_.torn()) {
    if (fewest_decimals_ != SIZE_MAX && decimals < fewest_decimals_) {
      return fmt::format(
          "the file ends without a newline in {}, shorter than any value before it in "
          "this column: it was cut off",
          in_quotes(last));
    }
    ended_without_newline_ = true;
  }
  fewest_decimals_ = std::min(fewest_decimals_, decimals);
  return {};
}

}  // namespace fettle::host
