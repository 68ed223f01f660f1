#include "http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json.h"

namespace poolkey::http {
namespace {

using Easy = std::unique_ptr<CURL, crypto::Free<curl_easy_cleanup>>;

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }
  void add(const std::string& line) {
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      throw Error(Errc::kInvalidArgument, "a header of a request has a line break in it");
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw Error(Errc::kInternal, "no memory for a header");
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

struct CodeRow {
  CURLcode code;
  Errc errc;
};
// What is not here could not be reached.
constexpr std::array kCodes{
    CodeRow{CURLE_URL_MALFORMAT, Errc::kInvalidArgument},
    CodeRow{CURLE_UNSUPPORTED_PROTOCOL, Errc::kInvalidArgument},
    CodeRow{CURLE_OPERATION_TIMEDOUT, Errc::kTimeout},
    CodeRow{CURLE_PEER_FAILED_VERIFICATION, Errc::kDenied},
    CodeRow{CURLE_SSL_CERTPROBLEM, Errc::kDenied},
    CodeRow{CURLE_SSL_ISSUER_ERROR, Errc::kDenied},
    CodeRow{CURLE_WEIRD_SERVER_REPLY, Errc::kCorrupt},
    CodeRow{CURLE_BAD_CONTENT_ENCODING, Errc::kCorrupt},
    CodeRow{CURLE_HTTP2, Errc::kCorrupt},
    CodeRow{CURLE_OUT_OF_MEMORY, Errc::kInternal},
    CodeRow{CURLE_BAD_FUNCTION_ARGUMENT, Errc::kInternal},
};

struct StatusRow {
  long status;
  Errc errc;
};
// The reverse of the service's table.
constexpr std::array kStatuses{
    StatusRow{401, Errc::kDenied},      StatusRow{403, Errc::kDenied},
    StatusRow{404, Errc::kNotFound},    StatusRow{408, Errc::kTimeout},
    StatusRow{409, Errc::kConflict},    StatusRow{410, Errc::kNotFound},
    StatusRow{412, Errc::kConflict},    StatusRow{422, Errc::kCorrupt},
    StatusRow{429, Errc::kUnavailable}, StatusRow{500, Errc::kInternal},
    StatusRow{501, Errc::kUnsupported}, StatusRow{502, Errc::kUnavailable},
    StatusRow{503, Errc::kUnavailable}, StatusRow{504, Errc::kTimeout},
};

constexpr std::array kErrcs{Errc::kInvalidArgument, Errc::kDenied,   Errc::kNotFound,
                            Errc::kAlreadyExists,   Errc::kConflict, Errc::kUnsupported,
                            Errc::kUnavailable,     Errc::kTimeout,  Errc::kAuthFailed,
                            Errc::kCorrupt,         Errc::kInternal};

constexpr std::string_view kProblem = "urn:poolkey:problem:";
constexpr std::size_t kMostHeaders = 64U << 10;  // octets of an answer's head

void start_library() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) throw Error(Errc::kInternal, curl_easy_strerror(done));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// What an answer is gathered in.
struct Gathered {
  Response response;
  std::size_t largest;
  std::size_t head = 0;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& gathered = *static_cast<Gathered*>(to);
  gathered.too_large = size > gathered.largest - gathered.response.body.size();
  if (gathered.too_large) return 0;
  gathered.response.body.append(data, size);
  return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
  auto& gathered = *static_cast<Gathered*>(to);
  gathered.head += size;
  gathered.too_large = gathered.head > kMostHeaders;
  if (gathered.too_large) return 0;
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) gathered.response.headers.clear();  // after 1xx, the real one
  const auto colon = line.find(':');
  if (colon != std::string_view::npos)
    gathered.response.headers.emplace_back(lower(line.substr(0, colon)),
                                           std::string(trimmed(line.substr(colon + 1))));
  return size;
}

int watch(void* go_on, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(go_on))() ? 0 : 1;
}

}  // namespace

std::string Response::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Headers::value_type::first);
  return found == headers.end() ? std::string() : found->second;
}

struct Client::Impl {
  Options options;
  Easy easy;
  std::optional<Error> fault{};  ///< of our own, within a callback
  std::array<char, CURL_ERROR_SIZE> said{};

  explicit Impl(Options given) : options(std::move(given)) {
    if (!options.tls && options.unix_socket.empty())
      throw Error(Errc::kInvalidArgument, "a connection over the network needs TLS");
    start_library();
    easy.reset(curl_easy_init());
    if (!easy) throw Error(Errc::kInternal, "libcurl gives no handle");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, said.data());
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_HEADERFUNCTION, take_header);
    set(CURLOPT_USERAGENT, "poolkey");
    if (options.go_on) {
      set(CURLOPT_NOPROGRESS, 0L);
      set(CURLOPT_XFERINFOFUNCTION, watch);
      set(CURLOPT_XFERINFODATA, &options.go_on);
    }
    if (!options.unix_socket.empty()) {
      set(CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
      set(CURLOPT_PROXY, "");
      set(CURLOPT_PROTOCOLS_STR, "http");
    } else {
      set(CURLOPT_PROTOCOLS_STR, "https");
      set(CURLOPT_CAINFO, nullptr);
      set(CURLOPT_CAPATH, nullptr);
      set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
      set(CURLOPT_SSL_CTX_FUNCTION, &Impl::configure);
      set(CURLOPT_SSL_CTX_DATA, this);
    }
  }

  template <class Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy.get(), option, value);
    if (code != CURLE_OK)
      throw Error(Errc::kInvalidArgument, std::string("libcurl: ") + curl_easy_strerror(code));
  }

  static CURLcode configure(CURL*, void* context, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    try {
      impl.options.tls->configure(static_cast<ssl_ctx_st*>(context));
      return CURLE_OK;
    } catch (const Error& error) {
      impl.fault = error;
      return CURLE_ABORTED_BY_CALLBACK;
    }
  }

  Error error_of(CURLcode code, const Request& request, const Gathered& gathered) const {
    const std::string where = request.url + ": ";
    if (fault) return *fault;
    if (gathered.too_large)
      return {Errc::kCorrupt,
              where + "the answer is larger than " + std::to_string(options.largest) + " octets"};
    if (code == CURLE_ABORTED_BY_CALLBACK)
      return {Errc::kUnavailable, where + "the program was told to stop"};
    std::string why = said[0] != '\0' ? said.data() : curl_easy_strerror(code);
    const auto* row = std::ranges::find(kCodes, code, &CodeRow::code);
    Errc errc = row == kCodes.end() ? Errc::kUnavailable : row->errc;
    // A server that does not take our certificate says so in a TLS alert, now or with TLS 1.3 when
    // we first read.
    if (why.find(" alert ") != std::string::npos) errc = Errc::kDenied;
    if (options.tls && !options.tls->distrust().empty()) {
      errc = Errc::kDenied;
      why = "the server is not believed: " + options.tls->distrust();
    }
    return {errc, where + why};
  }
};

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Response Client::send(const Request& request) {
  Impl& impl = *impl_;
  const Options& options = impl.options;
  HeaderList headers;
  headers.add("Expect:");  // no pause before a body
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    typed = typed || lower(name) == "content-type";
    headers.add(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!typed) headers.add("Content-Type:");
  if (request.body.empty()) {
    impl.set(CURLOPT_POSTFIELDS, nullptr);
    impl.set(CURLOPT_HTTPGET, 1L);
    if (request.method == "POST" || request.method == "PUT") headers.add("Content-Length: 0");
  } else {
    impl.set(CURLOPT_POST, 1L);
    impl.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    impl.set(CURLOPT_POSTFIELDS, request.body.data());
  }
  impl.set(CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
  impl.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  impl.set(CURLOPT_URL, request.url.c_str());
  impl.set(CURLOPT_HTTPHEADER, headers.get());
  const std::chrono::milliseconds total = options.total + request.wait;
  impl.set(CURLOPT_TIMEOUT_MS, static_cast<long>(total.count()));
  impl.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>((options.stalled + request.wait).count()));
  Gathered gathered{.response = {}, .largest = options.largest};
  impl.set(CURLOPT_WRITEDATA, &gathered);
  impl.set(CURLOPT_HEADERDATA, &gathered);
  impl.said[0] = '\0';
  impl.fault.reset();
  const CURLcode code = curl_easy_perform(impl.easy.get());
  impl.set(CURLOPT_HTTPHEADER, nullptr);
  if (code != CURLE_OK) throw impl.error_of(code, request, gathered);
  curl_easy_getinfo(impl.easy.get(), CURLINFO_RESPONSE_CODE, &gathered.response.status);
  return std::move(gathered.response);
}

Response Client::must(const Request& request) {
  Response response = send(request);
  if (response.status / 100 == 2 || response.status == 304) return response;
  throw problem_of(request, response);
}

Error problem_of(const Request& request, const Response& response) {
  const auto* row = std::ranges::find(kStatuses, response.status, &StatusRow::status);
  Errc errc = row != kStatuses.end()       ? row->errc
              : response.status / 100 == 4 ? Errc::kInvalidArgument
                                           : Errc::kUnavailable;
  std::string detail;
  if (response.header("content-type").starts_with("application/problem+json")) try {
      const json::value document = json::parse(response.body, "a problem document");
      const json::object& problem = json::as_object(document, "a problem document");
      const auto member = [&](std::string_view name) -> std::string {
        const json::value* found = problem.if_contains(name);
        return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
      };
      detail = member("detail").empty() ? member("title") : member("detail");
      const std::string type = member("type");
      if (type.starts_with(kProblem))
        errc = errc_named(std::string_view(type).substr(kProblem.size())).value_or(errc);
    } catch (const Error&) {
      // The status says enough.
    }
  // A wrong credential of ours is no PIN: it locks nothing, and is told as a refusal.
  if (errc == Errc::kAuthFailed) errc = Errc::kDenied;
  return {errc, request.method + " " + request.url + ": " + (detail.empty() ? "" : detail + " ") +
                    "(HTTP status " + std::to_string(response.status) + ")"};
}

std::optional<Errc> errc_named(std::string_view word) {
  const auto* named = std::ranges::find(kErrcs, word, poolkey::name);
  return named == kErrcs.end() ? std::nullopt : std::optional(*named);
}

std::optional<Time> http_date(const std::string& text) {
  const time_t at = curl_getdate(text.c_str(), nullptr);
  if (at < 0) return std::nullopt;
  return Time(std::chrono::seconds(at));
}

std::optional<std::chrono::seconds> retry_after(const Response& response, Time now) {
  const std::string text = response.header("retry-after");
  if (text.empty()) return std::nullopt;
  long seconds = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (fault != std::errc{} || end != text.data() + text.size()) {
    const auto at = http_date(text);
    if (!at) return std::nullopt;
    seconds = (*at - now).count();
  }
  constexpr long kDay = 24 * 3600;
  return std::chrono::seconds(std::clamp(seconds, 0L, kDay));
}

}  // namespace poolkey::http
