//! plugins/bench-plugin/tasks.cpp
use crate::measure::{Cost, Scale, Stopwatch};
use futures::{future, stream, StreamExt};
use tokio::sync::Notify;
use tokio::task::yield_now;

pub async fn cost_of_spawn_join(rounds: u64, tasks: u64) -> Cost {
    let mut handles = Vec::with_capacity(tasks as usize);
    let watch = Stopwatch::new();
    for _ in 0..rounds {
        for i in 0..tasks {
            handles.push(tokio::spawn(async move { i }));
        }
        let mut sum = 0;
        for handle in handles.iter_mut() {
            sum += handle.await.unwrap();
        }
        assert_eq!(sum, tasks * (tasks - 1) / 2);
        handles.clear();
    }
    watch.of(rounds * tasks)
}

async fn yield_often(times: u64) {
    for _ in 0..times {
        yield_now().await;
    }
}

pub async fn cost_of_yield(tasks: u64, times: u64) -> Cost {
    let mut handles = Vec::with_capacity(tasks as usize);
    let watch = Stopwatch::new();
    for _ in 0..tasks {
        handles.push(tokio::spawn(yield_often(times)));
    }
    for handle in handles {
        handle.await.unwrap();
    }
    watch.of(tasks * times)
}

pub async fn spawn_join(scale: Scale) {
    cost_of_spawn_join(20, scale.of(100_000)).await.print("spawn_join");
}

pub async fn yielding(scale: Scale) {
    cost_of_yield(scale.of(1_000), 1_000).await.print("yield");
}

pub async fn select2(scale: Scale) {
    let times = scale.of(1_000_000);
    let never = Notify::new();
    let watch = Stopwatch::new();
    for _ in 0..times {
        tokio::select! {
            _ = never.notified() => panic!("a notification came that nobody sent"),
            _ = yield_now() => {}
        }
    }
    watch.of(times).print("select2");
}

async fn yield_once(index: u64) -> u64 {
    yield_now().await;
    index
}

pub async fn join_all(scale: Scale) {
    const BRANCHES: u64 = 100;
    let rounds = scale.of(10_000);
    let watch = Stopwatch::new();
    for _ in 0..rounds {
        let mut tasks = Vec::with_capacity(BRANCHES as usize);
        for i in 0..BRANCHES {
            tasks.push(yield_once(i));
        }
        let indices = future::join_all(tasks).await;
        for (i, index) in indices.into_iter().enumerate() {
            assert_eq!(i as u64, index);
        }
    }
    watch.of(rounds * BRANCHES).print("join_all");
}

pub async fn stream_map_filter(scale: Scale) {
    let items = scale.of(10_000_000);
    let watch = Stopwatch::new();
    let sum = stream::iter(0..std::hint::black_box(items))
        .map(|item| std::hint::black_box(3 * item))  // or the loop becomes a formula
        .filter(|item| future::ready(item % 2 == 0))
        .fold(0, |sum, item| future::ready(sum + item))
        .await;
    let cost = watch.of(items);
    let evens = (items + 1) / 2;
    assert_eq!(sum, 3 * evens * (evens - 1));
    cost.print("stream_map_filter");
}

pub async fn spawn_blocking_rtt(scale: Scale) {
    let times = scale.of(100_000);
    let watch = Stopwatch::new();
    for i in 0..times {
        assert_eq!(tokio::task::spawn_blocking(move || i).await.unwrap(), i);
    }
    watch.of(times).print("spawn_blocking_rtt");
}
