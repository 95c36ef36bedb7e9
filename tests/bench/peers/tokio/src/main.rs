//! The work of plugins/bench-plugin on tokio's current_thread runtime: tau-bench-tokio NAME [SCALE], or --list.
mod channels;
mod idle;
mod locks;
mod measure;
mod tasks;
mod timers;

use measure::Scale;

const NAMES: &str = "spawn_join yield select2 join_all stream_map_filter spawn_blocking_rtt sleep_cpu timeout_cancel \
    bytes_per_sleeping_task mpsc_128 mpsc_unbounded broadcast watch oneshot_pingpong cross_thread_rtt mutex semaphore \
    notify idle_mass";

async fn bench(name: String, scale: Scale) {
    match name.as_str() {
        "spawn_join" => tasks::spawn_join(scale).await,
        "yield" => tasks::yielding(scale).await,
        "select2" => tasks::select2(scale).await,
        "join_all" => tasks::join_all(scale).await,
        "stream_map_filter" => tasks::stream_map_filter(scale).await,
        "spawn_blocking_rtt" => tasks::spawn_blocking_rtt(scale).await,
        "sleep_cpu" => timers::sleep_cpu(scale).await,
        "timeout_cancel" => timers::timeout_cancel(scale).await,
        "bytes_per_sleeping_task" => timers::bytes_per_sleeping_task(scale).await,
        "mpsc_128" => channels::mpsc_128(scale).await,
        "mpsc_unbounded" => channels::mpsc_unbounded(scale).await,
        "broadcast" => channels::broadcast_128(scale).await,
        "watch" => channels::watching(scale).await,
        "oneshot_pingpong" => channels::oneshot_pingpong(scale).await,
        "cross_thread_rtt" => channels::cross_thread_rtt(scale).await,
        "mutex" => locks::mutex(scale).await,
        "semaphore" => locks::semaphore(scale).await,
        "notify" => locks::notify(scale).await,
        "idle_mass" => idle::idle_mass(scale).await,
        _ => panic!("there is no bench {name}; there are {NAMES}"),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("name a bench, or --list");
    if name == "--list" {
        println!("{NAMES}");
        return;
    }
    let scale = Scale(arguments.next().map_or(1.0, |text| text.parse().expect("a scale is a number")));
    // Without a driver for I/O where there is none: it would be polled in vain each time that a task yields.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time();
    if name == "idle_mass" {
        builder.enable_io();
    }
    let runtime = builder.build().unwrap();
    // From inside a task, as a plugin's bench does.
    runtime.block_on(async { tokio::spawn(bench(name, scale)).await.unwrap() });
}
