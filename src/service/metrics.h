// What the service counts, in Prometheus' text format. The only home of prometheus-cpp.
// May touch: base. Called by: service.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace poolkey::service {

/// Names follow Prometheus' rules: base units, `_total` for counters. Thread-safe.
class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  /// poolkey_http_requests_total{route,status} and poolkey_http_request_seconds{route}.
  void count_call(std::string_view method, std::string_view route, unsigned status,
                  std::chrono::duration<double> took);
  /// poolkey_signatures_total{purpose}: "csr", "certificate".
  void count_signatures(std::string_view purpose, std::size_t number);
  /// A gauge of that name and label set to a value; made on first use.
  void set(const std::string& name, const std::string& help, double value,
           const std::string& label = "", const std::string& label_value = "");

  /// The whole registry as text.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace poolkey::service
