//! What a figure is made of: the same work as plugins/bench-plugin does, told in the same form.
use std::time::Instant;

/// How much of its work a bench is asked to do; 1 is all of it.
#[derive(Clone, Copy)]
pub struct Scale(pub f64);

impl Scale {
    pub fn of(self, count: u64) -> u64 {
        ((count as f64 * self.0) as u64).max(1)
    }
}

/// What this thread had of its processor.
fn cpu_ns() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

/// Both times of one operation.
pub struct Cost {
    pub ns: f64,
    pub cpu_ns: f64,
}

impl Stopwatch {
    pub fn new() -> Self {
        Stopwatch { wall: Instant::now(), cpu: cpu_ns() }
    }

    pub fn of(&self, operations: u64) -> Cost {
        let count = operations as f64;
        Cost { ns: self.wall.elapsed().as_nanos() as f64 / count, cpu_ns: (cpu_ns() - self.cpu) / count }
    }
}

pub fn print(bench: &str, variant: &str, figures: &[(&str, f64)]) {
    let mut line = format!("{{\"bench\":\"{bench}\"");
    if !variant.is_empty() {
        line += &format!(",\"case\":\"{variant}\"");
    }
    for (unit, value) in figures {
        line += &format!(",\"{unit}\":{value:.2}");
    }
    println!("{line}}}");
}

impl Cost {
    pub fn print(&self, bench: &str) {
        self.print_case(bench, "");
    }

    pub fn print_case(&self, bench: &str, variant: &str) {
        print(bench, variant, &[("ns", self.ns), ("cpu_ns", self.cpu_ns)]);
    }
}
