//! plugins/bench-plugin/channels.cpp
use crate::measure::{Scale, Stopwatch};
use std::future::Future;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::yield_now;

const MESSAGES: u64 = 3_000_000;

async fn transfer<S, R>(name: &str, sender: S, receiver: R, count: u64)
where
    S: Future<Output = ()> + Send + 'static,
    R: Future<Output = u64> + Send + 'static,
{
    let watch = Stopwatch::new();
    let receiving = tokio::spawn(receiver);
    let sending = tokio::spawn(sender);
    sending.await.unwrap();
    let sum = receiving.await.unwrap();
    let cost = watch.of(count);
    assert_eq!(sum, count * (count - 1) / 2);
    cost.print(name);
}

pub async fn mpsc_128(scale: Scale) {
    let count = scale.of(MESSAGES);
    let (tx, mut rx) = mpsc::channel(128);
    let send = async move {
        for i in 0..count {
            tx.send(i).await.unwrap();
        }
    };
    let receive = async move {
        let mut sum = 0;
        while let Some(number) = rx.recv().await {
            sum += number;
        }
        sum
    };
    transfer("mpsc_128", send, receive, count).await;
}

pub async fn mpsc_unbounded(scale: Scale) {
    let count = scale.of(MESSAGES);
    let (tx, mut rx) = mpsc::unbounded_channel();
    let send = async move {
        for i in 0..count {
            tx.send(i).unwrap();
        }
    };
    let receive = async move {
        let mut sum = 0;
        while let Some(number) = rx.recv().await {
            sum += number;
        }
        sum
    };
    transfer("mpsc_unbounded", send, receive, count).await;
}

pub async fn broadcast_128(scale: Scale) {
    let count = scale.of(MESSAGES);
    let (tx, mut rx) = broadcast::channel(128);
    let send = async move {
        for i in 0..count {
            tx.send(i).unwrap();
            if i % 128 == 127 {
                yield_now().await;
            }
        }
    };
    let receive = async move {
        let mut sum = 0;
        while let Ok(number) = rx.recv().await {
            sum += number;
        }
        sum
    };
    transfer("broadcast", send, receive, count).await;
}

pub async fn watching(scale: Scale) {
    let count = scale.of(MESSAGES);
    let (tx, mut rx) = watch::channel(0);
    let send = async move {
        for i in 0..count {
            tx.send(i).unwrap();
            yield_now().await;
        }
    };
    let receive = async move {
        let mut sum = 0;
        while rx.changed().await.is_ok() {
            sum += *rx.borrow();
        }
        sum
    };
    transfer("watch", send, receive, count).await;
}

pub async fn oneshot_pingpong(scale: Scale) {
    let rounds = scale.of(200_000);
    let watch = Stopwatch::new();
    for _ in 0..rounds {
        let (there, asked) = oneshot::channel();
        let (back, answered) = oneshot::channel();
        let asking = tokio::spawn(async move {
            there.send(1u64).unwrap();
            assert_eq!(answered.await.unwrap(), 2);
        });
        let answering = tokio::spawn(async move {
            let question = asked.await.unwrap();
            back.send(question + 1).unwrap();
        });
        asking.await.unwrap();
        answering.await.unwrap();
    }
    watch.of(rounds).print("oneshot_pingpong");
}

pub async fn cross_thread_rtt(scale: Scale) {
    let trips = scale.of(100_000);
    let (questions, mut asked) = mpsc::channel::<u64>(1);
    let (answering, mut answers) = mpsc::channel(1);
    let thread = std::thread::spawn(move || {
        while let Some(question) = asked.blocking_recv() {
            if answering.blocking_send(question + 1).is_err() {
                return;
            }
        }
    });
    let watch = Stopwatch::new();
    for i in 0..trips {
        questions.send(i).await.unwrap();
        assert_eq!(answers.recv().await.unwrap(), i + 1);
    }
    watch.of(trips).print("cross_thread_rtt");
    drop(questions);
    thread.join().unwrap();
}
