// A thread for what may take milliseconds in a driver: start, stop, MTU, hot plug. Made with
// rte_ctrl_thread_create, so that it does not run on the control lcore's CPU. It answers by
// message: the control lcore watches fd() and calls poll(), which runs the answers.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/expected.h"

namespace lifeline::port {

class DeviceThread {
 public:
  static Expected<std::unique_ptr<DeviceThread>> start();
  // Finishes the job it is in, drops those not begun and all answers not yet polled, and what is
  // posted meanwhile. (What they hold is destroyed here: see Once in port_set_requests.cc.)
  ~DeviceThread();

  // Runs `job` on the device thread, in order of posting, then `done(result of job)` in a later
  // poll(). Any thread.
  template <class Job, class Done>
  void post(Job job, Done done) {
    post_erased([job = std::move(job), done = std::move(done)]() mutable -> Answer {
      using Result = decltype(job());
      auto result = std::make_shared<Result>(job());
      return [result, done = std::move(done)]() mutable { done(std::move(*result)); };
    });
  }

  // Readable when there are answers.
  int fd() const { return event_fd_; }
  // Runs the answers that are there; control lcore. Returns how many.
  std::size_t poll();

 private:
  using Answer = std::function<void()>;
  using Task = std::function<Answer()>;
  DeviceThread() = default;
  void post_erased(Task task);
  void run();
  static void* entry(void* self);

  int event_fd_ = -1;
  pthread_t thread_{};
  bool started_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::deque<Task> tasks_;
  std::deque<Answer> answers_;
};

}  // namespace lifeline::port
