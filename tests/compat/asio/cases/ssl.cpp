// TLS over a pair of sockets, with a certificate made here: a key in the repository would be somebody's, or expire.
#include "../case.hpp"

#include NET_HEADER(awaitable.hpp)
#include NET_HEADER(buffer.hpp)
#include NET_HEADER(co_spawn.hpp)
#include NET_HEADER(ip/tcp.hpp)
#include NET_HEADER(read.hpp)
#include NET_HEADER(ssl.hpp)
#include NET_HEADER(use_awaitable.hpp)
#include NET_HEADER(write.hpp)

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace {

using asio_cases::Driver;
using net::awaitable;
using net::use_awaitable;
using net::ip::tcp;
using Stream = net::ssl::stream<tcp::socket>;

struct Identity {
  std::string key, certificate;
};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Identity make_identity() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("tau.test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, decltype(&BIO_free)> one(BIO_new(BIO_s_mem()), BIO_free), two(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(one.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio_X509(two.get(), certificate.get());
  return {text_of(one.get()), text_of(two.get())};
}

/// Two ends of a connection, one with a certificate.
struct Ends {
  explicit Ends(net::io_context& io, bool trusted)
      : server_context(net::ssl::context::tls_server), client_context(net::ssl::context::tls_client) {
    const Identity identity = make_identity();
    server_context.use_private_key(net::buffer(identity.key), net::ssl::context::pem);
    server_context.use_certificate(net::buffer(identity.certificate), net::ssl::context::pem);
    client_context.set_verify_mode(net::ssl::verify_peer);
    if (trusted) client_context.add_certificate_authority(net::buffer(identity.certificate));
    tcp::acceptor acceptor(io, {net::ip::address_v4::loopback(), 0});
    tcp::socket left(io), right(io);
    left.connect(acceptor.local_endpoint());
    acceptor.accept(right);
    client = std::make_unique<Stream>(std::move(left), client_context);
    server = std::make_unique<Stream>(std::move(right), server_context);
  }
  net::ssl::context server_context, client_context;
  std::unique_ptr<Stream> client, server;
};

awaitable<void> serve(Driver& d, Stream& stream, std::size_t size) {
  co_await stream.async_handshake(net::ssl::stream_base::server, use_awaitable);
  HERE();
  std::string bytes(size, '\0');
  co_await net::async_read(stream, net::buffer(bytes), use_awaitable);
  co_await net::async_write(stream, net::buffer(bytes), use_awaitable);
  HERE();
  co_await stream.async_shutdown(use_awaitable);
}

awaitable<void> ask(Driver& d, Stream& stream, std::size_t size, bool& answered) {
  co_await stream.async_handshake(net::ssl::stream_base::client, use_awaitable);
  HERE();
  const std::string said(size, 's');
  std::string heard(size, '\0');
  co_await net::async_write(stream, net::buffer(said), use_awaitable);
  co_await net::async_read(stream, net::buffer(heard), use_awaitable);
  HERE();
  answered = heard == said;
  co_await stream.async_shutdown(use_awaitable);
}

}  // namespace

NET_CASE("two ends shake hands, exchange half a megabyte and say goodbye") {
  net::io_context io;
  Ends ends(io, true);
  bool answered = false;
  net::co_spawn(io, serve(d, *ends.server, 500'000), asio_cases::rethrow);
  net::co_spawn(io, ask(d, *ends.client, 500'000, answered), asio_cases::rethrow);
  d.drive(io);
  WANT(answered);
}

NET_CASE("a certificate that nobody vouches for is refused, and both ends hear of it") {
  net::io_context io;
  Ends ends(io, false);
  int refused = 0;
  ends.client->async_handshake(net::ssl::stream_base::client, [&](net_error_code error) {
    HERE();
    refused += !!error;
    ends.client->next_layer().close();
  });
  ends.server->async_handshake(net::ssl::stream_base::server, [&](net_error_code error) {
    HERE();
    if (error) {
      ++refused;
      return;
    }
    // With TLS 1.3 the server has finished before the client looks; it hears of it when it reads.
    static char byte;
    ends.server->async_read_some(net::buffer(&byte, 1), [&](net_error_code error, std::size_t) { refused += !!error; });
  });
  d.drive(io);
  WANT(refused == 2);
}
