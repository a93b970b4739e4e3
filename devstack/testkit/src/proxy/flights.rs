//! Follows the Postgres protocol of one plain connection just closely enough to count round trips.
//!
//! Messages are told apart by their type byte and skipped by their length; nothing is kept of what they carry.

use std::collections::VecDeque;

use super::{Counts, Direction};

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// What is known about a connection.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    phase: Phase,
    last: Option<Direction>,
    client: Messages,
    server: Messages,
    /// Requests that the server has not finished; whether each counts as one that somebody waits for.
    waiting: VecDeque<bool>,
    /// What the client has sent since its last `Sync`.
    batch: Batch,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The client's first packets have no type byte.
    #[default]
    Opening,
    /// The client has asked for encryption; the answer is a single byte.
    Encryption,
    /// Authentication, until the server is ready.
    StartUp,
    /// Requests and answers.
    Ready,
    /// TLS, or a protocol that is not this one: nothing is read any more.
    Opaque,
}

#[derive(Debug, Default)]
struct Batch {
    closes: bool,
    works: bool,
}

impl Conversation {
    /// Takes note of bytes on their way.
    pub(super) fn hear(&mut self, direction: Direction, bytes: &[u8], counts: &mut Counts) {
        if direction == Direction::ToServer && self.last != Some(direction) && !bytes.is_empty() {
            counts.turns += 1;
        }
        if !bytes.is_empty() {
            self.last = Some(direction);
        }
        let mut rest = bytes;
        while !rest.is_empty() && self.phase != Phase::Opaque {
            rest = match direction {
                Direction::ToServer => self.client_bytes(rest, counts),
                Direction::ToClient => self.server_bytes(rest, counts),
            };
        }
    }

    fn client_bytes<'a>(&mut self, bytes: &'a [u8], counts: &mut Counts) -> &'a [u8] {
        if self.phase == Phase::Opening {
            let (packet, rest) = self.client.take_opening(bytes);
            match packet {
                Some(SSL_REQUEST | GSS_REQUEST) => self.phase = Phase::Encryption,
                Some(_) => self.phase = Phase::StartUp,
                None => {}
            }
            return rest;
        }
        let (kind, rest) = self.client.take(bytes);
        if let Some(kind) = kind.filter(|_| self.phase == Phase::Ready) {
            self.request(kind, counts);
        }
        rest
    }

    fn request(&mut self, kind: u8, counts: &mut Counts) {
        match kind {
            b'C' => self.batch.closes = true,
            b'S' => {
                let batch = std::mem::take(&mut self.batch);
                self.sent(batch.works || !batch.closes, counts);
            }
            // Query and FunctionCall are answered with ReadyForQuery of their own.
            b'Q' | b'F' => {
                counts.statements += 1;
                self.sent(true, counts);
            }
            b'P' | b'B' | b'D' => self.batch.works = true,
            b'E' => {
                self.batch.works = true;
                counts.statements += 1;
            }
            // Flush asks for an answer now; the end of a COPY waits for one that its statement is still owed.
            b'H' if !self.somebody_waits() => counts.flights += 1,
            b'c' | b'f' => counts.flights += 1,
            _ => {}
        }
    }

    fn sent(&mut self, counts_as_request: bool, counts: &mut Counts) {
        if counts_as_request && !self.somebody_waits() {
            counts.flights += 1;
        }
        self.waiting.push_back(counts_as_request);
    }

    fn somebody_waits(&self) -> bool {
        self.waiting.iter().any(|waited_for| *waited_for)
    }

    fn server_bytes<'a>(&mut self, bytes: &'a [u8], counts: &mut Counts) -> &'a [u8] {
        match self.phase {
            Phase::Encryption => {
                if bytes[0] == b'N' {
                    self.phase = Phase::Opening;
                } else {
                    self.phase = Phase::Opaque;
                    counts.encrypted += 1;
                }
                &bytes[1..]
            }
            // A server that speaks first is no Postgres.
            Phase::Opening | Phase::Opaque => {
                self.phase = Phase::Opaque;
                &[]
            }
            Phase::StartUp | Phase::Ready => {
                let (kind, rest) = self.server.take(bytes);
                if kind == Some(b'Z') {
                    if self.phase == Phase::StartUp {
                        self.phase = Phase::Ready;
                    } else {
                        self.waiting.pop_front();
                    }
                }
                rest
            }
        }
    }
}

/// Cuts one direction's bytes into messages, wherever the chunks break.
#[derive(Debug, Default)]
struct Messages {
    head: Vec<u8>,
    skip: usize,
}

impl Messages {
    /// The type of a message whose head is complete with these bytes, and the bytes behind what was read.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> (Option<u8>, &'a [u8]) {
        if self.skip > 0 {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            return (None, &bytes[skipped..]);
        }
        let rest = self.fill(bytes, 5);
        if self.head.len() < 5 {
            return (None, rest);
        }
        let kind = self.head[0];
        self.skip = (number(&self.head[1..]) as usize).saturating_sub(4);
        self.head.clear();
        (Some(kind), rest)
    }

    /// The code of an opening packet, which is a length, a code and what belongs to it.
    fn take_opening<'a>(&mut self, bytes: &'a [u8]) -> (Option<u32>, &'a [u8]) {
        let rest = self.fill(bytes, 8);
        if self.head.len() < 8 {
            return (None, rest);
        }
        self.skip = (number(&self.head) as usize).saturating_sub(8);
        let code = number(&self.head[4..]);
        self.head.clear();
        (Some(code), rest)
    }

    fn fill<'a>(&mut self, bytes: &'a [u8], wanted: usize) -> &'a [u8] {
        let taken = (wanted - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..taken]);
        &bytes[taken..]
    }
}

/// A big-endian number at the beginning of `bytes`.
fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend((body.len() as u32 + 4).to_be_bytes());
        message.extend(body);
        message
    }

    fn start_up() -> Vec<u8> {
        let mut packet = 20u32.to_be_bytes().to_vec();
        packet.extend(196_608u32.to_be_bytes());
        packet.extend(b"user\0me\0\0\0\0\0");
        packet
    }

    /// Plays a connection in chunks of `size` bytes and gives the counts after start-up.
    fn play(script: &[(Direction, Vec<u8>)], size: usize) -> Counts {
        let mut conversation = Conversation::default();
        let mut counts = Counts::default();
        let opening = [
            (Direction::ToServer, start_up()),
            (Direction::ToClient, message(b'Z', b"I")),
        ];
        for (direction, bytes) in opening.iter().chain(script) {
            for chunk in bytes.chunks(size) {
                conversation.hear(*direction, chunk, &mut counts);
            }
        }
        counts
    }

    fn typed_query() -> Vec<u8> {
        [
            (b'P', &b"x\0"[..]),
            (b'B', b"b"),
            (b'D', b"d"),
            (b'E', b"e"),
            (b'S', b""),
        ]
        .iter()
        .flat_map(|(kind, body)| message(*kind, body))
        .collect()
    }

    #[test]
    fn flights_are_counted_wherever_the_chunks_break() {
        use Direction::{ToClient, ToServer};
        let close = [message(b'C', b"s"), message(b'S', b"")].concat();
        let ready = message(b'Z', b"I");
        let cases = [
            (
                "typed query",
                vec![(ToServer, typed_query()), (ToClient, ready.clone())],
                1,
            ),
            (
                "simple query",
                vec![(ToServer, message(b'Q', b"BEGIN\0")), (ToClient, ready.clone())],
                1,
            ),
            (
                "prepare, run, close unasked, run again before the close is answered",
                vec![
                    (ToServer, [message(b'P', b"x"), message(b'S', b"")].concat()),
                    (ToClient, ready.clone()),
                    (ToServer, typed_query()),
                    (ToClient, ready.clone()),
                    (ToServer, close),
                    (ToServer, typed_query()),
                    (ToClient, [ready.clone(), ready.clone()].concat()),
                ],
                3,
            ),
            (
                "pipelined",
                vec![
                    (ToServer, typed_query()),
                    (ToServer, typed_query()),
                    (ToClient, [ready.clone(), ready].concat()),
                ],
                1,
            ),
        ];
        for (name, script, flights) in cases {
            for size in [1, 3, 7, 4096] {
                assert_eq!(play(&script, size).flights, flights, "{name}, chunks of {size}");
            }
        }
    }

    #[test]
    fn an_encrypted_connection_is_left_alone() {
        let mut conversation = Conversation::default();
        let mut counts = Counts::default();
        let request = [8u32.to_be_bytes(), SSL_REQUEST.to_be_bytes()].concat();
        conversation.hear(Direction::ToServer, &request, &mut counts);
        conversation.hear(Direction::ToClient, b"S", &mut counts);
        conversation.hear(Direction::ToServer, &[0x16, 3, 1, 0, 5], &mut counts);
        assert_eq!(
            counts,
            Counts {
                encrypted: 1,
                turns: 2,
                ..Counts::default()
            }
        );
    }
}
