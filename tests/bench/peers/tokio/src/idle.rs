//! plugins/bench-plugin/idle.cpp
use crate::measure::{print, Scale};
use crate::{tasks, timers};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

const OPERATIONS: [&str; 3] = ["yield", "spawn_join", "timeout_cancel"];

async fn costs(scale: Scale) -> [f64; 3] {
    [
        tasks::cost_of_yield(scale.of(1_000), 200).await.cpu_ns,
        tasks::cost_of_spawn_join(4, scale.of(50_000)).await.cpu_ns,
        timers::cost_of_timeout_cancel(scale.of(200_000)).await.cpu_ns,
    ]
}

async fn median_costs(scale: Scale) -> [f64; 3] {
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(costs(scale).await);
    }
    [0, 1, 2].map(|which| {
        let mut values: Vec<f64> = all.iter().map(|once| once[which]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    })
}

async fn receive(connection: UnixStream) {
    connection.readable().await.unwrap();
    panic!("something was received that nobody has sent");
}

fn raise_limit(count: u64) {
    unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        let enough = 2 * count + 64;
        let wanted = libc::rlimit { rlim_cur: limit.rlim_cur.max(enough), rlim_max: limit.rlim_max.max(enough) };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &wanted) != 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

pub async fn idle_mass(scale: Scale) {
    let timers = scale.of(1_000_000);
    costs(scale).await; // memory that the first to come would pay for
    let alone = median_costs(scale).await;

    let mut crowd: Vec<JoinHandle<()>> = Vec::new();
    for _ in 0..timers {
        crowd.push(tokio::spawn(tokio::time::sleep(Duration::from_secs(3600))));
    }
    let wanted = scale.of(10_000);
    raise_limit(wanted);
    let mut peers = Vec::new();
    while (peers.len() as u64) < wanted {
        let Ok((one, other)) = UnixStream::pair() else { break };
        // Its peer is a plain descriptor, as there.
        peers.push(other.into_std().unwrap());
        crowd.push(tokio::spawn(receive(one)));
    }
    costs(scale).await;
    let among = median_costs(scale).await;
    for (i, operation) in OPERATIONS.iter().enumerate() {
        let figures = [
            ("ratio", among[i] / alone[i]),
            ("cpu_ns", among[i]),
            ("cpu_ns_alone", alone[i]),
            ("timers", timers as f64),
            ("connections", peers.len() as f64),
        ];
        print("idle_mass", operation, &figures);
    }
    for task in crowd {
        task.abort();
    }
}
