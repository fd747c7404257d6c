//! A WebDriver server that refuses every session as chromedriver does for a browser of another version.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

const READY: &str = r#"{"value":{"ready":true,"message":"stand-in ready"}}"#;
const REFUSAL: &str = r#"{"value":{"error":"session not created","message":"session not created: This version of ChromeDriver only supports Chrome version 99\nCurrent browser version is 156.0.8078.79 with binary path /usr/bin/chromium","stacktrace":""}}"#;

fn main() -> std::io::Result<()> {
    let port = std::env::args().find_map(|argument| argument.strip_prefix("--port=").map(str::to_owned));
    let listener = TcpListener::bind(format!("127.0.0.1:{}", port.as_deref().unwrap_or("0")))?;
    println!("ChromeDriver was started successfully on port {}.", listener.local_addr()?.port());
    for stream in listener.incoming() {
        answer(stream?)?;
    }
    Ok(())
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header == "\r\n" {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (status, body) = match request.starts_with("POST /session ") {
        true => ("500 Internal Server Error", REFUSAL),
        false => ("200 OK", READY),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    (&stream).write_all((head + body).as_bytes())
}
