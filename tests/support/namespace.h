// A network namespace for one test, so that nothing of the machine's own network is touched.
#pragma once

#include <functional>
#include <string>

namespace lifeline::test {

// Runs `body` in a child with a fresh network namespace, which ends with it. Failures in it become
// the test's; where namespaces are not permitted the test is skipped.
void in_namespace(const std::function<void()>& body);

// `ip COMMAND`, where this process is. The test fails if it does.
void ip(const std::string& command);

}  // namespace lifeline::test
