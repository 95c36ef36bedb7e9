// Fetches a page over HTTPS by Boost.Beast and OpenSSL, and prints the answer's status and length.
//
//   GET_URL=https://example.org/ tau --plugin plugins/https-get
//
// The server must have a certificate for its name, signed by whom the system trusts, or by whom the file in GET_CA
// names, in PEM. The code is what one writes without tau; dependency('boost') in meson.build puts it onto the one loop.
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
#include <boost/beast/ssl.hpp>
#include <tau/tau.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace net = boost::asio;
namespace ssl = boost::asio::ssl;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr auto patience = std::chrono::seconds(30);

struct Url {
  std::string host;
  std::string port = "443";
  std::string target = "/";
};

Url parse(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  if (!text.starts_with(scheme)) throw std::invalid_argument("GET_URL is to begin with https://");
  text.remove_prefix(scheme.size());
  Url url;
  if (const auto slash = text.find('/'); slash != text.npos) {
    url.target = text.substr(slash);
    text = text.substr(0, slash);
  }
  const auto colon = text.find(':');
  url.host = text.substr(0, colon);
  if (colon != text.npos) url.port = text.substr(colon + 1);
  return url;
}

net::awaitable<void> get(Url url, ssl::context& trusted) {
  const auto executor = co_await net::this_coro::executor;
  beast::ssl_stream<beast::tcp_stream> stream(executor, trusted);
  auto& connection = beast::get_lowest_layer(stream);
  SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  stream.set_verify_callback(ssl::host_name_verification(url.host));

  net::ip::tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(url.host, url.port, net::use_awaitable);
  connection.expires_after(patience);  // for all that follows
  co_await connection.async_connect(addresses, net::use_awaitable);
  co_await stream.async_handshake(ssl::stream_base::client, net::use_awaitable);

  http::request<http::empty_body> request(http::verb::get, url.target, 11);
  request.set(http::field::host, url.host);
  request.set(http::field::user_agent, "tau https-get");
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, net::use_awaitable);

  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  co_await http::async_read(stream, buffer, response, net::use_awaitable);
  tau::print(response.result_int(), " ", std::string(response.reason()), ", ", response.body().size(), " bytes");
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

class HttpsGet {
 public:
  // What is not a URL, or a file that is not there, throws: the plugin is not loaded, and the host says why.
  HttpsGet() {
    const char* url = std::getenv("GET_URL");
    url_ = parse(url ? url : "https://example.org/");
    trusted_.set_verify_mode(ssl::verify_peer);
    if (const char* file = std::getenv("GET_CA")) {
      trusted_.load_verify_file(file);
    } else {
      trusted_.set_default_verify_paths();
    }
  }

  tau::Task<void> run() {
    // What get() throws leaves context_.run() as well, and the host says what it was.
    net::co_spawn(context_, get(url_, trusted_), rethrow);
    context_.run();
    co_return;
  }

  // The plugin is unloaded while the page is on its way.
  void stop() { context_.stop(); }

 private:
  Url url_;
  ssl::context trusted_{ssl::context::tls_client};
  net::io_context context_{1};
};

TAU_DEFINE_PLUGIN(HttpsGet)
