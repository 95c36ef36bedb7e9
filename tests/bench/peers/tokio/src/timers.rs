//! plugins/bench-plugin/timers.cpp
use crate::measure::{print, Cost, Scale, Stopwatch};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The same lengths as there: a linear congruence.
struct Lengths(u64);

impl Lengths {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        Duration::from_millis(1) + Duration::from_nanos((self.0 >> 33) % 199_000_000)
    }
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64
}

pub async fn cost_of_timeout_cancel(times: u64) -> Cost {
    let watch = Stopwatch::new();
    for _ in 0..times {
        timeout(Duration::from_secs(60), tokio::task::yield_now()).await.unwrap();
    }
    watch.of(times)
}

pub async fn sleep_cpu(scale: Scale) {
    let tasks = scale.of(200_000);
    let mut lengths = Lengths(1);
    let mut handles = Vec::with_capacity(tasks as usize);
    let watch = Stopwatch::new();
    for _ in 0..tasks {
        handles.push(tokio::spawn(sleep(lengths.next())));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    print("sleep_cpu", "", &[("cpu_ns", watch.of(tasks).cpu_ns)]);
}

pub async fn timeout_cancel(scale: Scale) {
    cost_of_timeout_cancel(scale.of(1_000_000)).await.print("timeout_cancel");
}

pub async fn bytes_per_sleeping_task(scale: Scale) {
    let tasks = scale.of(1_000_000);
    let mut sleepers = Vec::with_capacity(tasks as usize);
    let touched = sleepers.as_mut_ptr() as *mut u8; // its pages are there before the count begins
    unsafe { std::ptr::write_bytes(touched, 1, tasks as usize * std::mem::size_of::<tokio::task::JoinHandle<()>>()) };
    let before = resident_bytes();
    for _ in 0..tasks {
        sleepers.push(tokio::spawn(sleep(Duration::from_secs(3600))));
    }
    tokio::spawn(tokio::task::yield_now()).await.unwrap();
    let grown = resident_bytes() - before;
    for sleeper in &sleepers {
        sleeper.abort();
    }
    print("bytes_per_sleeping_task", "", &[("bytes", grown as f64 / tasks as f64)]);
}
