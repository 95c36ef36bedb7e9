// A chat over TCP: every line that a client sends goes to everyone.
//
//   CHAT_ADDRESS=127.0.0.1:7000 tau --plugin plugins/chat-server        and then: nc 127.0.0.1 7000
//
// Without an address, or with port 0, the system chooses the port; it is printed.
#include <tau/tau.hpp>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>

namespace {

using Everyone = tau::broadcast::Sender<std::string>;
using Ear = tau::broadcast::Receiver<std::string>;

constexpr std::size_t lines_kept = 64;  // for those who read slowly; they are told how many more they missed

void tell(Everyone& everyone, const std::string& line) {
  static_cast<void>(everyone.send(line));  // an error says that nobody is there
}

// What the client says, until it hangs up.
template <class Lines>
tau::Task<> listen(Lines& lines, const std::string& name, Everyone& everyone) {
  for (;;) {
    auto line = co_await lines.next_line();
    if (!line || !*line) co_return;
    tell(everyone, name + ": " + **line);
  }
}

// What everyone says. One who reads slowly makes nobody wait: recv() then fails, once, with Errc::lagged.
tau::Task<> speak(tau::net::TcpStream& client, Ear& ear) {
  for (;;) {
    auto line = co_await ear.recv();
    const std::string text = line ? *line : "(you have missed " + std::to_string(ear.lagged()) + " lines)";
    if (!co_await client.write_all(text + "\n")) co_return;
  }
}

// One client, from its name to its leaving. Everything about it is in this frame, and goes with it.
tau::Task<> serve(tau::net::TcpStream client, Everyone everyone) {
  if (!co_await client.write_all("Who are you?\n")) co_return;
  tau::io::BufReader reader(tau::io::by_ref(client));
  auto lines = tau::io::lines(reader);
  auto name = co_await lines.next_line();
  if (!name || !*name) co_return;

  Ear ear = everyone.subscribe();
  tau::print(**name, " has joined");
  tell(everyone, **name + " has joined");
  co_await tau::select(listen(lines, **name, everyone), speak(client, ear));
  tau::print(**name, " has left");
  tell(everyone, **name + " has left");
}

tau::net::TcpListener bind_as_told() {
  const char* address = std::getenv("CHAT_ADDRESS");
  return tau::net::TcpListener::bind(address ? address : "127.0.0.1:0").value();
}

}  // namespace

class ChatServer {
 public:
  // An address that cannot be had throws: the plugin is not loaded, and the host says why.
  ChatServer() : listener_(bind_as_told()) {
    tau::print("listening on ", listener_.local_address().value().to_string());
  }

  tau::Task<void> run() {
    while (auto client = co_await listener_.accept()) {
      tau::spawn(serve(std::move(client->stream), everyone_)).detach();
    }
  }

 private:
  tau::net::TcpListener listener_;
  Everyone everyone_ = tau::broadcast::channel<std::string>(lines_kept).first;
};

TAU_DEFINE_PLUGIN(ChatServer)
