//! plugins/bench-plugin/locks.cpp
use crate::measure::{Scale, Stopwatch};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::task::yield_now;

const RIVALS: u64 = 10;

async fn lock_often(mutex: Arc<Mutex<u64>>, times: u64, yielding: bool) {
    for _ in 0..times {
        let mut value = mutex.lock().await;
        *value += 1;
        if yielding {
            yield_now().await;
        }
    }
}

async fn acquire_often(semaphore: Arc<Semaphore>, times: u64, yielding: bool) {
    for _ in 0..times {
        let _permit = semaphore.acquire().await.unwrap();
        if yielding {
            yield_now().await;
        }
    }
}

async fn join<F: Future<Output = ()> + Send + 'static>(tasks: Vec<F>) {
    let handles: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    for handle in handles {
        handle.await.unwrap();
    }
}

pub async fn mutex(scale: Scale) {
    let (alone, each) = (scale.of(3_000_000), scale.of(100_000));
    let counter = Arc::new(Mutex::new(0));

    let watch = Stopwatch::new();
    join(vec![lock_often(counter.clone(), alone, false)]).await;
    watch.of(alone).print_case("mutex", "free");

    let watch = Stopwatch::new();
    join((0..RIVALS).map(|_| lock_often(counter.clone(), each, true)).collect()).await;
    watch.of(each * RIVALS).print_case("mutex", "contended");
    assert_eq!(*counter.lock().await, alone + each * RIVALS);
}

pub async fn semaphore(scale: Scale) {
    let (alone, each) = (scale.of(3_000_000), scale.of(100_000));
    let permits = Arc::new(Semaphore::new(2));

    let watch = Stopwatch::new();
    join(vec![acquire_often(permits.clone(), alone, false)]).await;
    watch.of(alone).print_case("semaphore", "free");

    let watch = Stopwatch::new();
    join((0..RIVALS).map(|_| acquire_often(permits.clone(), each, true)).collect()).await;
    watch.of(each * RIVALS).print_case("semaphore", "contended");
    assert_eq!(permits.available_permits(), 2);
}

async fn play(mine: Arc<Notify>, theirs: Arc<Notify>, times: u64) {
    for _ in 0..times {
        mine.notified().await;
        theirs.notify_one();
    }
}

pub async fn notify(scale: Scale) {
    let times = scale.of(1_000_000);
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let watch = Stopwatch::new();
    let tasks = vec![play(ping.clone(), pong.clone(), times), play(pong, ping.clone(), times)];
    ping.notify_one();
    join(tasks).await;
    watch.of(2 * times).print("notify");
}
