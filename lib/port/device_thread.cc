#include "port/device_thread.h"

#include <rte_lcore.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace lifeline::port {

Expected<std::unique_ptr<DeviceThread>> DeviceThread::start() {
  std::unique_ptr<DeviceThread> self(new DeviceThread);
  self->event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (self->event_fd_ < 0) return make_error("no eventfd: {}", std::strerror(errno));
  const int rc =
      rte_ctrl_thread_create(&self->thread_, "lifeline-device", nullptr, entry, self.get());
  if (rc != 0) return make_error("cannot start the device thread: {}", std::strerror(-rc));
  self->started_ = true;
  return self;
}

DeviceThread::~DeviceThread() {
  if (started_) {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    pthread_join(thread_, nullptr);
  }
  // Here, while posting still works: what goes may want to post.
  tasks_.clear();
  answers_.clear();
  if (event_fd_ >= 0) close(event_fd_);
}

void* DeviceThread::entry(void* self) {
  static_cast<DeviceThread*>(self)->run();
  return nullptr;
}

void DeviceThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
    if (stop_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Answer answer = task();
    lock.lock();
    answers_.push_back(std::move(answer));
    const std::uint64_t one = 1;
    // Cannot fail but with EAGAIN at 2^64 - 2 unread answers.
    [[maybe_unused]] const ssize_t n = write(event_fd_, &one, sizeof(one));
  }
}

void DeviceThread::post_erased(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

std::size_t DeviceThread::poll() {
  std::deque<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(event_fd_, &count, sizeof(count));
    answers.swap(answers_);
  }
  for (Answer& answer : answers) answer();
  return answers.size();
}

}  // namespace lifeline::port
