// SPDX-License-Identifier: GPL-3.0-or-later
// Preloaded into a server. Once a client has said so (a file appears), it tries what an intruder
// would, and writes one line for each: a name, and 0 or the errno.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

int report_to = -1;

void report(const char* name, long result) {
  char line[64];
  const int bytes = std::snprintf(line, sizeof line, "%s %d\n", name, result < 0 ? errno : 0);
  if (::write(report_to, line, size_t(bytes)) != bytes) std::abort();
}

long execute() {
  char program[] = "/bin/true";
  char* const arguments[] = {program, nullptr};
  char* const environment[] = {nullptr};
  return ::execve(program, arguments, environment);
}

long connect_out() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (socket < 0) return socket;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

long set_up_ring() {
  io_uring_params params{};
  return ::syscall(SYS_io_uring_setup, 8, &params);
}

long run_memory(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                             : 0;
}

void try_all() {
  const std::string directory = std::getenv("INTRUDER_DIRECTORY");
  report("read_file", ::open((directory + "/secret").c_str(), O_RDONLY));
  report("write_file", ::open((directory + "/secret").c_str(), O_WRONLY));
  report("make_file", ::open((directory + "/new").c_str(), O_WRONLY | O_CREAT, 0600));
  report("remove_file", ::unlink((directory + "/secret").c_str()));
  report("read_passwords", ::open("/etc/passwd", O_RDONLY));
  report("read_memory", ::open("/proc/self/mem", O_RDWR));
  report("connect", connect_out());
  report("unix_socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
  report("ring", set_up_ring());
  report("executable_memory", run_memory(PROT_READ | PROT_WRITE | PROT_EXEC));
  report("change_root", ::chroot("/"));
  report("become_root", ::setuid(0));
  // What the server does as well, so that the list does not say "no" to everything.
  report("memory", run_memory(PROT_READ | PROT_WRITE));
  const char* const spool = std::getenv("INTRUDER_SPOOL");
  report("spool", ::open(spool, O_RDONLY | O_DIRECTORY));
  // These would leave another process, or none.
  if (std::getenv("INTRUDER_IS_GENTLE") == nullptr) {
    report("fork", ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    report("trace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
    report("execute", execute());
  }
  report("done", 0);
}

void wait_and_try() {
  const std::string go = std::string(std::getenv("INTRUDER_SPOOL")) + "/go";
  while (::access(go.c_str(), F_OK) != 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  try_all();
}

// Before the server gives anything up.
__attribute__((constructor)) void open_report() {
  const char* const path = std::getenv("INTRUDER_REPORT");
  if (path == nullptr) return;
  report_to = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

}  // namespace

// This is how it gets in: the first worker that asks for its processor starts a thread of ours.
extern "C" int pthread_setaffinity_np(pthread_t, size_t, const cpu_set_t*) noexcept {
  static std::atomic_flag is_in;
  if (report_to >= 0 && !is_in.test_and_set()) std::thread(wait_and_try).detach();
  return 0;
}
