"""What may not leave its plugin does not compile: refusals_test.py SDK_INCLUDE RT_INCLUDE -- COMPILER FLAG...

Each case is a line that an author might write. The compiler must refuse it, and its message must name the
member on the path to the culprit and what to pass instead; the remedy, and the author's own word, must compile."""

import concurrent.futures
import re
import subprocess
import sys

HEAD = """
#include <tau/tau.hpp>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
namespace shared {
struct Base { virtual ~Base() = default; int n = 0; };
struct Inner { int a; std::string_view text; };
struct Message { int number; std::vector<Inner> inners; };
struct Callback { std::string name; std::function<void()> call; };
struct Raw { int n; const char* text; };
struct Late { tau::Task<int> work; };
struct Timed { std::string name; tau::JoinSet<void> jobs; };
struct Locked { int n; std::mutex mutex; };
class Private { int* p_ = nullptr; public: int* p() const { return p_; } };
class Vouched { int n_ = 0; public: int n() const { return n_; } };
struct Plain { std::string name; std::vector<int> numbers; Vouched vouched; };
struct Sockets { tau::net::TcpStream stream; };
inline void function() {}
}
template <> inline constexpr bool tau::enable_transferable<shared::Vouched> = true;
"""

STAYS = r"it_stays_with_its_plugin_pass_a_channel_or_a_raw_descriptor"
VOUCH = r"if_it_holds_no_pointers_specialise_tau_enable_transferable"

# What an author wrote; what the message must hold, in any order.
REFUSED = [
    # Events are copied into queues that outlive the publisher.
    ("(void)tau::event::publish(\"e\", shared::Message());",
     [r"InField<\S*Message, 1", r"InField<\S*Inner, 1", r"pass_a_std_string"]),
    ("(void)tau::event::subscribe<shared::Callback>(\"e\");", [r"InField<\S*Callback, 1", r"pass_a_tau_PluginFn"]),
    ("(void)tau::event::publish(\"e\", shared::Raw());", [r"InField<\S*Raw, 1", r"pass_a_std_string"]),
    ("(void)tau::event::publish(\"e\", std::make_shared<int>(1));", [r"shared_ptr", r"pass_a_tau_PluginArc"]),
    ("(void)tau::event::publish(\"e\", shared::Base());", [r"\bBase", r"pass_a_tau_PluginBox"]),
    ("(void)tau::event::publish(\"e\", shared::Private());", [r"\bPrivate", VOUCH]),
    ("(void)tau::event::publish(\"e\", &shared::function);", [r"pass_a_tau_PluginFn"]),
    # What is taken leaves its maker.
    ("(void)tau::resource::take<shared::Callback>(\"r\");", [r"InField<\S*Callback, 1", r"pass_a_tau_PluginFn"]),
    ("(void)tau::resource::take<shared::Late>(\"r\");", [r"InField<\S*Late, 0", r"pass_what_it_will_yield"]),
    ("(void)tau::resource::take<tau::Stream<int>>(\"r\");", [r"Stream<int>", r"pass_what_it_will_yield"]),
    ("(void)tau::resource::take<shared::Locked>(\"r\");", [r"InField<\S*Locked, 1", r"pass_a_struct_of_plain_values"]),
    # What belongs to a plugin's loop: sockets, files, timers, groups.
    ("(void)tau::resource::take<shared::Sockets>(\"r\");", [r"InField<\S*Sockets, 0", r"TcpStream", STAYS]),
    ("(void)tau::resource::take<shared::Timed>(\"r\");", [r"InField<\S*Timed, 1", r"JoinSet", STAYS]),
    ("(void)tau::resource::take<tau::fs::File>(\"r\");", [r"File", STAYS]),
    ("(void)tau::resource::take<tau::io::DuplexStream>(\"r\");", [r"DuplexStream", STAYS]),
    ("(void)tau::resource::take<tau::process::Child>(\"r\");", [r"Child", STAYS]),
    ("(void)tau::resource::take<tau::event::Subscription<int>>(\"r\");", [r"Subscription", STAYS]),
    # What is lent may be of any type, but for references: whoever borrows one can keep a copy.
    ("(void)tau::resource::put<std::shared_ptr<int>>(\"r\");", [r"shared_ptr", r"pass_a_tau_PluginArc"]),
    ("(void)tau::resource::put<std::function<void()>>(\"r\");", [r"function", r"pass_a_tau_PluginFn"]),
    ("(void)tau::resource::put<std::string_view>(\"r\", \"text\");", [r"string_view", r"pass_a_std_string"]),
    ("(void)tau::resource::put<int*>(\"r\", nullptr);", [r"pass_the_value_itself"]),
    ("(void)tau::resource::put<void (*)()>(\"r\", &shared::function);", [r"pass_a_tau_PluginFn"]),
    ("(void)tau::resource::put<tau::CancellationToken>(\"r\");", [r"CancellationToken", r"pass_a_tau_watch_Receiver"]),
    # Ends of channels and handles of locks go where their values may go.
    ("(void)tau::resource::put<tau::mpsc::Sender<shared::Inner>>(\"r\", tau::mpsc::channel<shared::Inner>(1).first);",
     [r"Inside<\S*mpsc::Sender", r"InField<\S*Inner, 1", r"pass_a_std_string"]),
    ("(void)tau::resource::put<tau::Mutex<shared::Callback>>(\"r\");",
     [r"Inside<\S*Mutex", r"InField<\S*Callback, 1", r"pass_a_tau_PluginFn"]),
    ("(void)tau::resource::take<tau::watch::Receiver<int*>>(\"r\");", [r"Inside<\S*watch::Receiver", r"pass_the_value_itself"]),
    ("(void)tau::resource::take<tau::JoinHandle<std::string_view>>(\"r\");", [r"Inside<\S*JoinHandle", r"pass_a_std_string"]),
    ("(void)tau::event::publish(\"e\", tau::broadcast::channel<const char*>(1).first);",
     [r"Inside<\S*broadcast::Sender", r"pass_a_std_string"]),
]

# All of these together.
ACCEPTED = """
(void)tau::event::publish("e", shared::Plain());
(void)tau::event::publish("e", shared::Vouched());
(void)tau::event::publish("e", tau::process::ExitStatus::from_raw(0));
(void)tau::event::publish("e", tau::signal::SignalKind::hangup());
(void)tau::event::publish("e", tau::AbortHandle());
(void)tau::event::publish("e", tau::PluginArc<std::string>());
(void)tau::resource::take<tau::PluginFn<void()>>("r");
(void)tau::resource::take<tau::JoinHandle<std::string>>("r");
(void)tau::resource::take<tau::JoinHandle<void>>("r");
(void)tau::resource::put<tau::PluginBox<shared::Base>>("r");
(void)tau::resource::put<tau::mpsc::Sender<shared::Plain>>("r", tau::mpsc::channel<shared::Plain>(1).first);
(void)tau::resource::put<tau::Mutex<shared::Vouched>>("r");
(void)tau::resource::put<shared::Callback>("r");
(void)tau::resource::put<shared::Base>("r");
(void)tau::resource::put<tau::io::DuplexStream>("r", tau::io::duplex(1).first);
"""


def main() -> int:
    separator = sys.argv.index("--")
    includes, compiler = sys.argv[1:separator], sys.argv[separator + 1:]

    def compile_lines(lines: list[str]) -> subprocess.CompletedProcess:
        # The line that is to be found in a message is the author's own.
        body = "".join(f'#line {number} "author.cpp"\n{line}\n' for number, line in enumerate(lines, 1))
        return subprocess.run([*compiler, "-fsyntax-only", *(f"-I{folder}" for folder in includes), "-x", "c++", "-"],
                              input=f"{HEAD}\nvoid author() {{\n{body}}}\n",
                              capture_output=True, text=True, check=False)

    # Some at a time: most of what each costs is the headers.
    groups = [REFUSED[start:start + 7] for start in range(0, len(REFUSED), 7)]
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        accepted = pool.submit(compile_lines, ACCEPTED.strip().splitlines())
        for group, done in zip(groups, pool.map(compile_lines, [[line for line, _ in group] for group in groups])):
            for number, (line, wanted) in enumerate(group, 1):
                wanted = [rf"author\.cpp:{number}:", "would dangle once the plugin that made it is unloaded", *wanted]
                missing = [pattern for pattern in wanted if not re.search(pattern, done.stderr)]
                if missing:
                    failed.append(f"{line}\n  is not refused with {missing}:\n{done.stderr}")
        if accepted.result().returncode != 0:
            failed.append(f"what should compile does not:\n{accepted.result().stderr}")
    for text in failed:
        print(text)
    print(f"{len(REFUSED)} refusals, {len(failed)} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
