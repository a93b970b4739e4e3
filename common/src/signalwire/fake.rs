//! A carrier that answers what a test says, for what the simulator does not do.

use super::Client;
use crate::config::Settings;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// A client of a carrier that answers each request, given as method and path, with that status and body. It ends with the test.
pub(super) fn client(answer: impl FnMut(&str, &str) -> (u16, String) + Send + 'static) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || serve(&listener, answer));
    let settings = Settings::of(&[
        ("SIGNALWIRE_PROJECT_ID", "p"),
        ("SIGNALWIRE_TOKEN", "t"),
        ("SIGNALWIRE_SPACE_URL", &url),
    ]);
    Client::from_settings(&settings).unwrap()
}

fn serve(listener: &TcpListener, mut answer: impl FnMut(&str, &str) -> (u16, String)) {
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let (method, path) = read(&connection);
        let (status, body) = answer(&method, &path);
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        connection.write_all((head + &body).as_bytes()).unwrap();
    }
}

/// Reads a request to its end; gives its method and path.
fn read(connection: &TcpStream) -> (String, String) {
    let mut lines = BufReader::new(connection);
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        lines.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    std::io::Read::read_exact(&mut lines, &mut vec![0; length]).unwrap();
    let mut words = first.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}
