// What a test may say about the log. A line of WARN or ERROR that the running test has not
// announced fails it, and so does an announced line that never came. Any thread.
#pragma once

#include <string>
#include <vector>

namespace lifeline::test {

// The running test will log lines of WARN or ERROR that contain `substring`: at least one.
void ExpectLog(std::string substring);

// The same, but none is right too.
void AllowLog(std::string substring);

// What the running test has logged so far, all levels that are enabled: "WARN library: message".
std::vector<std::string> log_lines();

// True if a line of any level contains `substring`.
bool logged(const std::string& substring);

}  // namespace lifeline::test
