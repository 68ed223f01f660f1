#include "service/http_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/tls_server.h"
#include "service/problem.h"
#include "service/router.h"

namespace poolkey::service {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Tcp = net::ip::tcp;
using Local = net::local::stream_protocol;
using TcpStream = beast::basic_stream<Tcp>;
using LocalStream = beast::basic_stream<Local>;
using TlsStream = beast::ssl_stream<TcpStream>;

/// A handler that has not answered by then never will.
constexpr std::chrono::minutes kAnswerTime{11};
constexpr std::chrono::seconds kGoodbye{2};
/// What is read and thrown away of a body that is refused, so that the answer is read.
constexpr std::size_t kDiscard = 64U << 10;

/// RFC 9110 5.6.7, of this second.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

/// One connection, as stop() sees it.
struct Connection {
  net::any_io_executor executor;
  std::function<void()> close;  ///< called on its executor
  Peer peer;
  std::string host;  ///< the peer's address without its port
  bool idle = true;  ///< no request was begun
  /// Reading or writing has failed. A TLS stream that a write has failed on must not be written to
  /// again, not even to say goodbye: Asio then waits for ever.
  bool broken = false;
};

/// Where a worker's answer arrives, on the connection's own executor.
struct Slot {
  explicit Slot(net::any_io_executor e) : executor(std::move(e)), timer(executor) {}
  net::any_io_executor executor;
  net::steady_timer timer;
  std::optional<Response> response;
};

std::string_view text_of(beast::string_view v) { return {v.data(), v.size()}; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

std::string fresh_id() { return hex(crypto::random_bytes(8)); }

template <class Message>
Request head_of(const Message& message, const Peer& peer) {
  Request out;
  out.id = fresh_id();
  out.method = std::string(text_of(message.method_string()));
  out.target = std::string(text_of(message.target()));
  for (const auto& field : message)
    out.headers.emplace_back(lower(text_of(field.name_string())), text_of(field.value()));
  out.peer = peer;
  out.arrived = std::chrono::steady_clock::now();
  return out;
}

/// What is wrong with a head before anybody looks at what it asks; empty: nothing.
template <class Message>
std::string fault_of(const Message& message) {
  if (message.version() == 11 && message.count(http::field::host) != 1)
    return "a request has exactly one Host header";
  const auto coding = message.find(http::field::transfer_encoding);
  if (coding != message.end() && (message.count(http::field::transfer_encoding) > 1 ||
                                  message.count(http::field::content_length) > 0 ||
                                  lower(text_of(coding->value())) != "chunked"))
    return "Transfer-Encoding is 'chunked' alone, and never beside Content-Length";
  return "";
}

http::response<http::string_body> message_of(Response response, const std::string& id,
                                             unsigned version, bool keep_alive) {
  http::response<http::string_body> out(http::int_to_status(response.status), version);
  out.set(http::field::date, http_date());
  out.set("request-id", id);
  out.set(http::field::cache_control, "no-store");
  for (const auto& [name, value] : response.headers) out.set(name, value);
  if (!response.body.empty()) out.set(http::field::content_type, response.content_type);
  out.body() = std::move(response.body);
  out.keep_alive(keep_alive);
  if (response.status != 304 && response.status != 204) out.prepare_payload();
  return out;
}

}  // namespace

struct HttpServer::Impl {
  Impl(ServerLimits l, Handle h, BodyLimit b)
      : limits(l), handle(std::move(h)), body_limit(std::move(b)) {}

  net::awaitable<void> accept_tcp(std::shared_ptr<Tcp::acceptor> acceptor);
  net::awaitable<void> accept_local(std::shared_ptr<Local::acceptor> acceptor);
  void take(Tcp::socket socket);
  void take(Local::socket socket);
  net::awaitable<void> serve(std::shared_ptr<TlsStream> stream,
                             std::shared_ptr<net::ssl::context> kept,
                             std::shared_ptr<Connection> connection);
  net::awaitable<void> serve(std::shared_ptr<LocalStream> stream,
                             std::shared_ptr<Connection> connection);
  template <class Stream>
  net::awaitable<void> converse(Stream& stream, Connection& connection);
  template <class Stream>
  net::awaitable<bool> exchange(Stream& stream, beast::flat_buffer& buffer, Connection& connection);
  template <class Stream>
  net::awaitable<void> send(Stream& stream, Connection& connection, Response response,
                            std::string id, unsigned version, bool keep_alive, bool head_only);
  template <class Stream>
  net::awaitable<bool> read_body(Stream& stream, beast::flat_buffer& buffer,
                                 http::request_parser<http::string_body>& parser,
                                 const Request& head);
  net::awaitable<Response> answer(Connection& connection, Request request);

  bool admit(Connection& connection);
  void forget(const Connection* connection);

  ServerLimits limits;
  Handle handle;
  BodyLimit body_limit;
  net::io_context io;
  std::vector<std::shared_ptr<Tcp::acceptor>> tcp;
  std::vector<std::shared_ptr<Local::acceptor>> local;
  std::vector<std::jthread> threads;
  std::atomic<bool> stopping = false;

  mutable std::mutex mutex;  // of what follows
  std::shared_ptr<net::ssl::context> tls;
  std::map<const Connection*, std::shared_ptr<Connection>> open;
  std::map<std::string, std::size_t> per_address;
  ServerCounts counted;
};

bool HttpServer::Impl::admit(Connection& connection) {
  const std::scoped_lock lock(mutex);
  ++counted.connections;
  std::size_t& of_address = per_address[connection.host];
  if (open.size() < limits.connections && of_address < limits.connections_per_address) {
    ++of_address;
    return true;
  }
  if (of_address == 0) per_address.erase(connection.host);
  ++counted.refused;
  return false;
}

void HttpServer::Impl::forget(const Connection* connection) {
  const std::scoped_lock lock(mutex);
  if (const auto found = per_address.find(connection->host); --found->second == 0)
    per_address.erase(found);
  open.erase(connection);
}

net::awaitable<void> HttpServer::Impl::accept_tcp(std::shared_ptr<Tcp::acceptor> acceptor) {
  while (acceptor->is_open()) {
    error_code failed;
    auto token = net::redirect_error(net::use_awaitable, failed);
    const net::any_io_executor strand = net::make_strand(io);
    Tcp::socket socket = co_await acceptor->async_accept(strand, token);
    if (!failed) {
      take(std::move(socket));
    } else if (acceptor->is_open() && failed != net::error::operation_aborted) {
      // Out of descriptors: the ones in use will end.
      log("service").error("a connection could not be accepted: {}", failed.message());
      net::steady_timer pause(acceptor->get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(token);
    }
  }
}

net::awaitable<void> HttpServer::Impl::accept_local(std::shared_ptr<Local::acceptor> acceptor) {
  while (acceptor->is_open()) {
    error_code failed;
    auto token = net::redirect_error(net::use_awaitable, failed);
    const net::any_io_executor strand = net::make_strand(io);
    Local::socket socket = co_await acceptor->async_accept(strand, token);
    if (!failed) take(std::move(socket));
  }
}

void HttpServer::Impl::take(Tcp::socket socket) {
  error_code ignored;
  const auto remote = socket.remote_endpoint(ignored);
  if (ignored) return;
  socket.set_option(Tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>();
  connection->executor = socket.get_executor();
  connection->host = remote.address().to_string();
  connection->peer.address = connection->host + ":" + std::to_string(remote.port());
  if (!admit(*connection)) return;
  std::shared_ptr<net::ssl::context> context;
  {
    const std::scoped_lock lock(mutex);
    context = tls;
  }
  auto stream = std::make_shared<TlsStream>(TcpStream(std::move(socket)), *context);
  connection->close = [stream] { beast::get_lowest_layer(*stream).close(); };
  {
    const std::scoped_lock lock(mutex);
    open.emplace(connection.get(), connection);
  }
  net::co_spawn(connection->executor, serve(stream, context, connection), net::detached);
}

void HttpServer::Impl::take(Local::socket socket) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return;
  auto connection = std::make_shared<Connection>();
  connection->executor = socket.get_executor();
  connection->host = connection->peer.address = "unix";
  connection->peer.local_user = who.uid;
  if (!admit(*connection)) return;
  auto stream = std::make_shared<LocalStream>(std::move(socket));
  connection->close = [stream] { stream->close(); };
  {
    const std::scoped_lock lock(mutex);
    open.emplace(connection.get(), connection);
  }
  net::co_spawn(connection->executor, serve(stream, connection), net::detached);
}

net::awaitable<void> HttpServer::Impl::serve(std::shared_ptr<TlsStream> stream,
                                             std::shared_ptr<net::ssl::context> /*kept*/,
                                             std::shared_ptr<Connection> connection) {
  error_code failed;
  auto token = net::redirect_error(net::use_awaitable, failed);
  beast::get_lowest_layer(*stream).expires_after(limits.handshake);
  co_await stream->async_handshake(net::ssl::stream_base::server, token);
  {
    const std::scoped_lock lock(mutex);
    ++(failed ? counted.failed_handshakes : counted.handshakes);
  }
  if (failed) {
    log("service").debug("no TLS handshake with {}: {}", connection->peer.address,
                         failed.message());
  } else {
    crypto::TlsPeer shown = crypto::tls_peer(stream->native_handle());
    connection->peer.certificate = std::move(shown.certificate);
    connection->peer.certificate_ended = shown.ended;
    try {
      co_await converse(*stream, *connection);
    } catch (const std::exception& error) {  // ends this connection, and no other
      log("service").error("{}: {}", connection->peer.address, error.what());
    }
    if (!connection->broken) {
      beast::get_lowest_layer(*stream).expires_after(kGoodbye);
      co_await stream->async_shutdown(token);
    }
  }
  beast::get_lowest_layer(*stream).close();
  forget(connection.get());
}

net::awaitable<void> HttpServer::Impl::serve(std::shared_ptr<LocalStream> stream,
                                             std::shared_ptr<Connection> connection) {
  try {
    co_await converse(*stream, *connection);
  } catch (const std::exception& error) {
    log("service").error("unix: {}", error.what());
  }
  stream->close();
  forget(connection.get());
}

template <class Stream>
net::awaitable<void> HttpServer::Impl::converse(Stream& stream, Connection& connection) {
  beast::flat_buffer buffer(limits.header + kDiscard);
  bool more = true;
  while (more && !stopping) {
    error_code failed;
    auto token = net::redirect_error(net::use_awaitable, failed);
    if (buffer.size() == 0) {
      connection.idle = true;
      beast::get_lowest_layer(stream).expires_after(limits.idle);
      const auto space = buffer.prepare(4096);
      const std::size_t size = co_await stream.async_read_some(space, token);
      connection.idle = false;
      connection.broken = failed && failed != net::error::eof;
      if (failed) co_return;
      buffer.commit(size);
    }
    more = co_await exchange(stream, buffer, connection);
  }
}

/// The status of a head or body that could not be read; 0: the client went away.
unsigned status_of(const error_code& failed) {
  if (failed == http::error::header_limit || failed == http::error::buffer_overflow) return 431;
  if (failed == http::error::body_limit) return 413;
  const bool parsing =
      failed.category() == http::make_error_code(http::error::bad_field).category();
  const bool gone = failed == http::error::end_of_stream || failed == http::error::partial_message;
  return parsing && !gone ? 400 : 0;
}

std::string sentence_of(unsigned status, const error_code& failed) {
  if (status == 413) return "the body is larger than this call takes";
  if (status == 431) return "the request line and headers are larger than 16 KiB";
  return "the request is no HTTP/1.1: " + failed.message();
}

/// One request and its answer. False: the connection ends.
template <class Stream>
net::awaitable<bool> HttpServer::Impl::exchange(Stream& stream, beast::flat_buffer& buffer,
                                                Connection& connection) {
  error_code failed;
  auto token = net::redirect_error(net::use_awaitable, failed);
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header));
  parser.body_limit(boost::none);  // set below, by what is asked
  beast::get_lowest_layer(stream).expires_after(limits.header_time);
  co_await http::async_read_header(stream, buffer, parser, token);
  if (failed) {
    const unsigned status = status_of(failed);
    connection.broken = status == 0;
    if (connection.broken) co_return false;
    Response refused = problem(fresh_id(), status, sentence_of(status, failed));
    std::string id = fresh_id();
    co_await send(stream, connection, std::move(refused), std::move(id), 11, false, false);
    co_return false;
  }
  Request request = head_of(parser.get(), connection.peer);
  const std::string id = request.id;
  const unsigned version = parser.get().version();
  const bool head_only = request.method == "HEAD";
  Response response;
  const std::string fault = fault_of(parser.get());
  const bool sound = fault.empty();
  bool whole = sound;
  if (!sound) {
    response = problem(id, 400, fault);
  } else {
    try {
      const std::size_t most = body_limit(request);
      // Beast looks at a length that the head names while it reads the head, which is too early.
      if (parser.content_length().value_or(0) > most) throw HttpError(413, sentence_of(413, {}));
      parser.body_limit(most);
    } catch (const Error& error) {
      response = problem(request, error);
      whole = false;
    }
  }
  if (whole) {
    beast::get_lowest_layer(stream).expires_after(limits.body_time);
    error_code broken;
    auto body_token = net::redirect_error(net::use_awaitable, broken);
    if (text_of(parser.get()[http::field::expect]) == "100-continue") {
      http::response<http::empty_body> go_on(http::status::continue_, version);
      co_await http::async_write(stream, go_on, body_token);
    }
    if (!broken && !parser.is_done()) co_await http::async_read(stream, buffer, parser, body_token);
    if (broken) {
      const unsigned status = status_of(broken);
      connection.broken = status == 0;
      if (connection.broken) co_return false;
      response = problem(id, status, sentence_of(status, broken));
      whole = false;
    }
  }
  // What was refused by its head is over where it has no body.
  const bool keep_alive = (whole || (sound && parser.is_done())) && parser.keep_alive();
  if (whole) {
    request.body = std::move(parser.get().body());
    response = co_await answer(connection, std::move(request));
  }
  co_await send(stream, connection, std::move(response), id, version, keep_alive && !stopping,
                head_only);
  co_return keep_alive && !stopping && !connection.broken;
}

net::awaitable<Response> HttpServer::Impl::answer(Connection& connection, Request request) {
  auto slot = std::make_shared<Slot>(connection.executor);
  slot->timer.expires_after(kAnswerTime);
  Response late = problem(request.id, 503, "no answer in time");
  Reply reply = [slot](Response response) {
    net::post(slot->executor, [slot, response = std::move(response)]() mutable {
      slot->response = std::move(response);
      slot->timer.cancel();
    });
  };
  handle(std::move(request), std::move(reply));
  error_code cancelled;
  auto token = net::redirect_error(net::use_awaitable, cancelled);
  if (!slot->response) co_await slot->timer.async_wait(token);
  if (slot->response) late = std::move(*slot->response);
  co_return late;
}

template <class Stream>
net::awaitable<void> HttpServer::Impl::send(Stream& stream, Connection& connection,
                                            Response response, std::string id, unsigned version,
                                            bool keep_alive, bool head_only) {
  error_code failed;
  auto token = net::redirect_error(net::use_awaitable, failed);
  beast::get_lowest_layer(stream).expires_after(limits.write_time);
  http::response<http::string_body> message =
      message_of(std::move(response), id, version, keep_alive);
  if (head_only) {
    http::response_serializer<http::string_body> serializer(message);
    co_await http::async_write_header(stream, serializer, token);
  } else {
    co_await http::async_write(stream, message, token);
  }
  connection.broken = static_cast<bool>(failed);
}

HttpServer::HttpServer(ServerLimits limits, Handle handle, BodyLimit body_limit)
    : impl_(std::make_unique<Impl>(limits, std::move(handle), std::move(body_limit))) {}

HttpServer::~HttpServer() {
  impl_->io.stop();
  impl_->threads.clear();
}

void HttpServer::use_tls(ssl_ctx_st* context) {
  SSL_CTX_up_ref(context);
  auto owned = std::make_shared<net::ssl::context>(context);
  const std::scoped_lock lock(impl_->mutex);
  impl_->tls = std::move(owned);
}

namespace {

[[noreturn]] void cannot_listen(const std::string& address, const std::string& why) {
  throw Error(Errc::kUnavailable, "the service cannot listen on '" + address + "': " + why);
}

Tcp::endpoint tcp_endpoint(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code bad;
  const auto parsed = net::ip::make_address(host, bad);
  const int port = colon == std::string::npos ? -1 : std::atoi(address.c_str() + colon + 1);
  if (bad || port < 0 || port > 65535)
    throw Error(Errc::kInvalidArgument,
                "'" + address +
                    "' is no address to listen on; write ADDRESS:PORT, [ADDRESS]:PORT "
                    "or the path of a unix socket");
  return {parsed, static_cast<unsigned short>(port)};
}

/// A socket's file that nobody listens on any more is in the way of the next one.
void remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  net::io_context io;
  Local::socket probe(io);
  error_code failed;
  probe.connect(Local::endpoint(path), failed);
  if (!failed) cannot_listen(path, "another service answers there");
  ::unlink(path.c_str());
}

}  // namespace

void HttpServer::listen(const Endpoint& endpoint) {
  error_code failed;
  if (endpoint.is_unix()) {
    auto acceptor = std::make_shared<Local::acceptor>(net::make_strand(impl_->io));
    if (endpoint.fd >= 0) {
      acceptor->assign(Local(), endpoint.fd, failed);
    } else {
      remove_stale(endpoint.address);
      acceptor->open(Local(), failed);
      // Whoever may reach the file is asked who he is, and the access policy decides.
      const mode_t mask = ::umask(0111);
      if (!failed) acceptor->bind(Local::endpoint(endpoint.address), failed);
      ::umask(mask);
      if (!failed) acceptor->listen(net::socket_base::max_listen_connections, failed);
    }
    if (failed) cannot_listen(endpoint.address, failed.message());
    impl_->local.push_back(acceptor);
    return;
  }
  auto acceptor = std::make_shared<Tcp::acceptor>(net::make_strand(impl_->io));
  const Tcp::endpoint where = endpoint.fd < 0 ? tcp_endpoint(endpoint.address) : Tcp::endpoint();
  if (endpoint.fd >= 0) {
    acceptor->assign(Tcp::v6(), endpoint.fd, failed);
  } else {
    acceptor->open(where.protocol(), failed);
    if (!failed) acceptor->set_option(net::socket_base::reuse_address(true), failed);
    if (!failed) acceptor->bind(where, failed);
    if (!failed) acceptor->listen(net::socket_base::max_listen_connections, failed);
  }
  if (failed) cannot_listen(endpoint.address, failed.message());
  impl_->tcp.push_back(acceptor);
}

std::vector<std::string> HttpServer::addresses() const {
  std::vector<std::string> out;
  for (const auto& acceptor : impl_->tcp) {
    error_code ignored;
    const Tcp::endpoint at = acceptor->local_endpoint(ignored);
    const std::string host = at.address().to_string();
    out.push_back((at.address().is_v6() ? "[" + host + "]" : host) + ":" +
                  std::to_string(at.port()));
  }
  for (const auto& acceptor : impl_->local) {
    error_code ignored;
    out.push_back(acceptor->local_endpoint(ignored).path());
  }
  return out;
}

void HttpServer::start(unsigned threads) {
  for (const auto& acceptor : impl_->tcp)
    net::co_spawn(acceptor->get_executor(), impl_->accept_tcp(acceptor), net::detached);
  for (const auto& acceptor : impl_->local)
    net::co_spawn(acceptor->get_executor(), impl_->accept_local(acceptor), net::detached);
  for (unsigned i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->io.run(); });
}

void HttpServer::stop(std::chrono::seconds grace) {
  impl_->stopping = true;
  // On its own strand: closing wakes the coroutine that accepts, which must not look at an acceptor
  // that another thread is half way through closing.
  const auto close = [](const auto& acceptor) {
    net::post(acceptor->get_executor(), [acceptor] {
      error_code ignored;
      acceptor->close(ignored);
    });
  };
  std::ranges::for_each(impl_->tcp, close);
  std::ranges::for_each(impl_->local, close);
  net::post(impl_->io, [this] {
    const std::scoped_lock lock(impl_->mutex);
    for (const auto& [key, connection] : impl_->open)
      net::post(connection->executor, [connection = connection] {
        if (connection->idle) connection->close();
      });
  });
  const auto deadline = std::chrono::steady_clock::now() + grace;
  while (counts().open > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  impl_->io.stop();
  impl_->threads.clear();
}

ServerCounts HttpServer::counts() const {
  const std::scoped_lock lock(impl_->mutex);
  ServerCounts out = impl_->counted;
  out.open = impl_->open.size();
  return out;
}

}  // namespace poolkey::service
