//! The same work as plugins/bench-plugin/tasks.cpp, on tokio's current_thread runtime.
use std::time::Instant;

const ROUNDS: u64 = 20;
const TASKS: u64 = 100_000;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// What this thread had of its processor.
fn cpu_ns() -> f64 {
    const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as f64 * 1e9 + time.nanoseconds as f64
}

struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    fn new() -> Self {
        Stopwatch { wall: Instant::now(), cpu: cpu_ns() }
    }

    fn print(&self, bench: &str, count: u64) {
        let wall = self.wall.elapsed().as_nanos() as f64 / count as f64;
        let cpu = (cpu_ns() - self.cpu) / count as f64;
        println!("{{\"bench\":\"{bench}\",\"ns\":{wall:.2},\"cpu_ns\":{cpu:.2}}}");
    }
}

async fn spawn_join() {
    let mut handles = Vec::with_capacity(TASKS as usize);
    let watch = Stopwatch::new();
    for _ in 0..ROUNDS {
        for i in 0..TASKS {
            handles.push(tokio::spawn(async move { i }));
        }
        let mut sum = 0;
        for handle in handles.iter_mut() {
            sum += handle.await.unwrap();
        }
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
        handles.clear();
    }
    watch.print("spawn_join", ROUNDS * TASKS);
}

async fn yield_often() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

async fn yield_now() {
    let mut handles = Vec::with_capacity(1_000);
    let watch = Stopwatch::new();
    for _ in 0..1_000 {
        handles.push(tokio::spawn(yield_often()));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    watch.print("yield", 1_000_000);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match std::env::args().nth(1).as_deref() {
        // From inside a task, as a plugin's bench does.
        Some("spawn_join") => runtime.block_on(async { tokio::spawn(spawn_join()).await.unwrap() }),
        Some("yield") => runtime.block_on(async { tokio::spawn(yield_now()).await.unwrap() }),
        _ => panic!("name a bench: spawn_join or yield"),
    }
}
