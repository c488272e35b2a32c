// The man page, the examples and the parser say the same. What the parser knows is asked of the
// parser, by what it says about wrong values, so that a new key cannot be forgotten here.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "config/changes.h"
#include "config/config.h"

namespace lifeline::config {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string errors_of(const std::string& text) {
  const auto loaded = load(text, "t");
  std::string out;
  if (!loaded)
    for (const Diagnostic& d : loaded.error()) out += d.message + "\n";
  return out;
}

// The document in which `path` ("ports[].mtu") has `value`.
std::string document(const std::string& path, const std::string& value) {
  if (path.empty()) return value;
  std::string text;
  std::string tail = value;
  std::string rest = path;
  for (std::size_t dot = rest.rfind('.');; dot = rest.rfind('.')) {
    std::string word = dot == std::string::npos ? rest : rest.substr(dot + 1);
    const bool list = word.ends_with("[]");
    if (list) word.resize(word.size() - 2);
    tail = "{" + word + ": " + (list ? "[" + tail + "]" : tail) + "}";
    if (dot == std::string::npos) return tail;
    rest.resize(dot);
  }
}

// What a key takes besides mappings: "0..10000" of a number, "" of everything else.
using Keys = std::map<std::string, std::string>;

void find_keys(const std::string& prefix, Keys& keys) {
  static const std::regex kKnown("unknown key 'zzzzzzzzzzzzzzzz'; known are ([a-z0-9_, ]+)");
  static const std::regex kRange("'zzz' is not a whole number, ([0-9]+\\.\\.[0-9]+)");
  std::smatch found;
  const std::string errors = errors_of(document(prefix, "{zzzzzzzzzzzzzzzz: 1}"));
  if (std::regex_search(errors, found, kKnown)) {
    std::istringstream words(found[1].str());
    for (std::string word; words >> word;) {
      if (word.back() == ',') word.pop_back();
      const std::string path = prefix.empty() ? word : prefix + "." + word;
      keys[path];
      find_keys(path, keys);
      if (!word.ends_with("[]")) find_keys(path + "[]", keys);
    }
  }
  const std::string wrong = errors_of(document(prefix, "zzz"));
  if (std::regex_search(wrong, found, kRange) && keys.contains(prefix)) keys[prefix] = found[1];
}

const Keys& keys() {
  static const Keys kKeys = [] {
    Keys found;
    find_keys("", found);
    return found;
  }();
  return kKeys;
}

// Of the man page: what stands beside a key, and the text under it.
struct Entry {
  std::string values;
  std::string text;
};

std::map<std::string, Entry> man_page_entries() {
  static const std::regex kEntry(R"(^\*([a-z0-9_.\[\]]+)\*(,$| \((.*)\)$))");
  std::map<std::string, Entry> entries;
  std::vector<std::string> open;  // "*a*," lines share the next one's text
  for (const std::string& line : lines_of(read(LIFELINE_MAN_DIR "/lifeline.yaml.5.scd"))) {
    std::smatch found;
    if (std::regex_match(line, found, kEntry)) {
      if (!open.empty() && !entries[open.back()].text.empty()) open.clear();
      open.push_back(found[1]);
      for (const std::string& key : open) entries[key].values = found[3];
    } else if (line.starts_with('\t')) {
      for (const std::string& key : open) entries[key].text += line + "\n";
    } else if (!line.empty()) {
      open.clear();
    }
  }
  return entries;
}

TEST(Documentation, TheParserTellsItsKeys) {
  EXPECT_GT(keys().size(), 50u);
  EXPECT_EQ(keys().at("sizes.flows"), "1..16777216");
  EXPECT_EQ(keys().at("ports[].mtu"), "576..9600");
  EXPECT_TRUE(keys().contains("controllers[].peer_name"));
  EXPECT_TRUE(keys().contains("log_levels.inband"));
  EXPECT_FALSE(keys().contains("bridge[].zzz"));
}

TEST(Documentation, TheManPageHasEveryKeyWithItsRangeAndNoOther) {
  const auto entries = man_page_entries();
  for (const auto& [key, range] : keys()) {
    const auto entry = entries.find(key);
    ASSERT_NE(entry, entries.end()) << "lifeline.yaml(5) has no entry *" << key << "*";
    EXPECT_NE(entry->second.values.find(range), std::string::npos)
        << "lifeline.yaml(5), *" << key << "*: the range is " << range << ", not "
        << entry->second.values;
    EXPECT_FALSE(entry->second.text.empty()) << key;
  }
  for (const auto& [key, entry] : entries)
    EXPECT_TRUE(keys().contains(key)) << "lifeline.yaml(5) has *" << key << "*: no such key";
}

TEST(Documentation, TheManPageSaysWhatAReloadTakesOver) {
  const auto entries = man_page_entries();
  for (const Change& change : effects()) {
    const auto entry = entries.find(change.key);
    ASSERT_NE(entry, entries.end()) << change.key;
    const char* const words =
        change.effect == Effect::kAtOnce ? "Reload: at once" : "Reload: restart";
    EXPECT_NE(entry->second.text.find(words), std::string::npos)
        << "lifeline.yaml(5), *" << change.key << "*: it is \"" << words << "\"";
  }
}

TEST(Documentation, TheManPageHasTheDefaultsOfNumbers) {
  static const std::regex kNumber(R"(^ *([a-z0-9_]+): ([0-9]+)$)");
  const auto entries = man_page_entries();
  int seen = 0;
  for (const std::string& line : lines_of(dump(Config{}))) {
    std::smatch found;
    if (!std::regex_match(line, found, kNumber)) continue;
    const std::string name = found[1];
    for (const auto& [key, range] : keys()) {
      if (range.empty() || (key != name && !key.ends_with("." + name))) continue;
      if (key.find("[]") != std::string::npos)
        continue;  // of one element, with a default of its own
      ++seen;
      EXPECT_TRUE(entries.at(key).values.ends_with("; " + found[2].str()))
          << "lifeline.yaml(5), *" << key << "*: the default is " << found[2];
    }
  }
  EXPECT_GE(seen, 8);
}

// A line of the example without what comments it out, as far as it can be told from prose.
std::string uncommented(const std::string& line) {
  static const std::regex kOff("^( *)# (.*)$");
  return std::regex_replace(line, kOff, "$1$2");
}

TEST(Documentation, TheExampleHasEveryKeyInItsPlace) {
  static const std::regex kTop("^([a-z_]+):( .*)?$");
  std::map<std::string, std::string> sections;
  std::string section;
  for (const std::string& line : lines_of(read(LIFELINE_CONF_DIR "/lifeline.yaml"))) {
    const std::string text = uncommented(line);
    std::smatch found;
    if (std::regex_match(text, found, kTop) && keys().contains(found[1])) section = found[1];
    sections[section] += text + "\n";
  }
  for (const auto& [key, range] : keys()) {
    if (key.starts_with("log_levels.")) continue;  // the man page names the libraries
    const std::string top = key.substr(0, key.find_first_of(".["));
    ASSERT_TRUE(sections.contains(top)) << "conf/lifeline.yaml has no " << top << ":";
    if (top == key) continue;
    const std::string last = key.substr(key.rfind('.') + 1);
    EXPECT_TRUE(std::regex_search(sections[top], std::regex("(^|\\n)[ #-]*" + last + ":")))
        << "conf/lifeline.yaml, " << top << ": has no " << last << ":";
  }
}

TEST(Examples, EachLoads) {
  int seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(LIFELINE_CONF_DIR)) {
    ++seen;
    ASSERT_EQ(file.path().extension(), ".yaml") << file.path();
    const auto loaded = load_file(file.path());
    if (!loaded) {
      for (const Diagnostic& d : loaded.error()) ADD_FAILURE() << d.to_string();
      continue;
    }
    EXPECT_GE(loaded->ports.size(), 2u) << file.path();
    EXPECT_FALSE(loaded->controllers.empty()) << file.path();
    EXPECT_TRUE(read(file.path()).starts_with("# ")) << file.path() << " does not say what for";
  }
  EXPECT_GE(seen, 5);
}

class NamedFilesTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("lifeline-named-" + std::to_string(getpid()));
};

TEST_F(NamedFilesTest, ACheckSaysWhereAFileIsNamedThatCannotBeRead) {
  const std::string ca = write("ca.pem", "x");
  const std::string key = folder_ / "key.pem";
  const std::string text = "tls:\n  ca: " + ca + "\n  certificate: " + folder_.string() +
                           "\n  private_key: " + key + "\n";
  const std::string config = write("c.yaml", text);
  EXPECT_TRUE(load_file(config));
  EXPECT_TRUE(load(text, "t"));
  const auto checked = load_file(config, NamedFiles::kHaveToBeThere);
  ASSERT_FALSE(checked);
  ASSERT_EQ(checked.error().size(), 2u);
  EXPECT_EQ(checked.error()[0].to_string(),
            config + ":3:16: tls.certificate: " + folder_.string() +
                " cannot be read: it is no file; put the file there, or correct the path");
  EXPECT_EQ(checked.error()[1].to_string(),
            config + ":4:16: tls.private_key: " + key +
                " cannot be read: No such file or directory; put the file there, or correct the "
                "path");
  write("key.pem", "x");
  const std::string good = write(
      "good.yaml", "tls: {ca: " + ca + ", certificate: " + ca + ", private_key: " + key + "}");
  EXPECT_TRUE(load_file(good, NamedFiles::kHaveToBeThere));
}

}  // namespace
}  // namespace lifeline::config
