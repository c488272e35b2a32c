#include "resolve/name_book.h"

#include <algorithm>
#include <utility>

namespace lifeline::resolve {

const NameBook::Name* NameBook::name_of(std::string_view host) const {
  const auto it = std::find_if(names_.begin(), names_.end(),
                               [&](const Name& n) { return n.status.host == host; });
  return it == names_.end() ? nullptr : &*it;
}

NameBook::Name* NameBook::name_of(std::string_view host) {
  return const_cast<Name*>(std::as_const(*this).name_of(host));
}

const NameStatus* NameBook::find(std::string_view host) const {
  const Name* const name = name_of(host);
  return name == nullptr ? nullptr : &name->status;
}

TimePoint NameBook::due(std::string_view host) const {
  const Name* const name = name_of(host);
  return name == nullptr ? TimePoint::max() : name->schedule.due();
}

void NameBook::set_hosts(const std::vector<std::string>& hosts, TimePoint now) {
  std::vector<Name> wanted;
  for (const std::string& host : hosts) {
    const bool twice = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const Name& n) { return n.status.host == host; });
    if (twice) continue;
    if (Name* known = name_of(host); known != nullptr)
      wanted.push_back(std::move(*known));
    else
      wanted.push_back({.status = {.host = host}, .schedule = Schedule(now, limits_)});
  }
  names_ = std::move(wanted);
}

TimePoint NameBook::next_due() const {
  TimePoint first = TimePoint::max();
  for (const Name& n : names_) first = std::min(first, n.schedule.due());
  return first;
}

std::vector<Question> NameBook::take_due(TimePoint now) {
  std::vector<Question> out;
  for (Name& n : names_) {
    if (n.schedule.due() > now) continue;
    n.schedule.asked(now);
    n.question = ++last_question_;
    ++n.status.questions;
    out.push_back({n.question, n.status.host});
  }
  return out;
}

NameBook::News NameBook::on_answer(std::uint64_t id, const Expected<Answer>& answer,
                                   TimePoint now) {
  const auto it =
      std::find_if(names_.begin(), names_.end(), [&](const Name& n) { return n.question == id; });
  if (id == 0 || it == names_.end()) return {};
  NameStatus& status = it->status;
  News news{.name = &status};
  it->question = 0;
  const std::string error = answer ? std::string{} : answer.error().message;
  news.error = error != status.last_error;
  status.last_error = error;
  if (answer) {
    news.addresses = status.addresses != answer->addresses;
    status.addresses = answer->addresses;
    status.ttl = answer->ttl;
    status.answered_at = now;
    it->schedule.answered(answer->ttl, now);
  } else {
    ++status.failures;
    it->schedule.failed(now);
  }
  return news;
}

void NameBook::ask_all_soon(TimePoint now) {
  for (Name& n : names_) n.schedule.soon(now);
}

void NameBook::ask_failing_soon(TimePoint now) {
  for (Name& n : names_) {
    if (n.status.addresses.empty() || !n.status.last_error.empty()) n.schedule.soon(now);
  }
}

void NameBook::doubt(std::string_view host, TimePoint now) {
  if (Name* const n = name_of(host)) n->schedule.doubt(now);
}

}  // namespace lifeline::resolve
