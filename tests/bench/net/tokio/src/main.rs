//! The servers of plugins/bench-net on tokio's current_thread runtime: NAME PORT, where NAME is echo or http.
use memchr::memmem::find;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

async fn echo(mut client: TcpStream) {
    let mut buffer = vec![0u8; 16 * 1024];
    loop {
        let size = match client.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(size) => size,
        };
        if client.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}

fn is_request(head: &[u8]) -> bool {
    let line = &head[..find(head, b"\r\n").unwrap_or(head.len())];
    let target = line.iter().position(|&c| c == b' ');
    let version = line.iter().rposition(|&c| c == b' ');
    match (target, version) {
        (Some(target), Some(version)) => version > target && line[version + 1..].starts_with(b"HTTP/1."),
        _ => false,
    }
}

async fn answer(mut client: TcpStream) {
    let mut buffer = vec![0u8; 8 * 1024];
    let mut answers = Vec::new();
    let mut filled = 0;
    while filled < buffer.len() {
        match client.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(size) => filled += size,
        }
        let mut begin = 0;
        answers.clear();
        while let Some(size) = find(&buffer[begin..filled], b"\r\n\r\n") {
            let head = &buffer[begin..begin + size];
            if !is_request(head) || find(head, b"Connection: close").is_some() {
                return;
            }
            answers.extend_from_slice(HELLO);
            begin += size + 4;
        }
        buffer.copy_within(begin..filled, 0);
        filled -= begin;
        if !answers.is_empty() && client.write_all(&answers).await.is_err() {
            return;
        }
    }
}

async fn serve(name: String, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("listening on port {}", listener.local_addr().unwrap().port());
    loop {
        let (client, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        match name.as_str() {
            "echo" => tokio::spawn(echo(client)),
            "http" => tokio::spawn(answer(client)),
            _ => panic!("name a server: echo or http"),
        };
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let port = arguments.next().map_or(0, |port| port.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    // Accepting is a task like the others, as it is in a plugin.
    runtime.block_on(async { tokio::spawn(serve(name, port)).await.unwrap() });
}
