//! Leave to send: what makes "nothing is sent after an acknowledged STOP" hold to the letter.
//!
//! 1. A statement gives leave (it writes the row, or asks anew), under the lock that a STOP takes too.
//! 2. A STOP that is stored later waits until the row has been settled, but no longer than 0.8 s (`await_sends_under_way`).
//! 3. So a request whose last byte is handed over within less than that, counted from *before* the statement was sent, is under way
//!    before the STOP can be acknowledged. Both sides measure a length of time, so their clocks need not agree.
//! 4. When that time is over, the request is not completed, wherever it is: in front of a connection that takes long to stand too.
//!    The carrier acts on no request whose body is missing. Whoever sends asks for leave again.

use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What remains of (2) is for the way from the check to the socket.
const HOLDS: Duration = Duration::from_millis(700);

/// Leave to send one message.
#[derive(Debug, Clone, Copy)]
pub struct Leave {
    until: Instant,
}

impl Leave {
    /// To be called before the statement that gives it.
    pub fn ask() -> Self {
        Self {
            until: Instant::now() + HOLDS,
        }
    }

    /// Whether nothing may be sent with it any more.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// The body of a request, which ends without having begun when the leave is over by the time the connection takes it.
    pub(super) fn guard(self, body: Vec<u8>) -> reqwest::Body {
        reqwest::Body::wrap(Guarded {
            body: Some(body.into()),
            leave: self,
        })
    }

    /// One that is over.
    #[cfg(test)]
    pub(super) fn over() -> Self {
        Self {
            until: Instant::now(),
        }
    }
}

/// Why a request was not completed.
#[derive(Debug, thiserror::Error)]
#[error("the leave to send is over")]
pub(super) struct Over;

impl Over {
    /// Whether it is what a request failed of.
    pub(super) fn is_cause(error: &reqwest::Error) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

struct Guarded {
    body: Option<bytes::Bytes>,
    leave: Leave,
}

impl Body for Guarded {
    type Data = bytes::Bytes;
    type Error = Over;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, Over>>> {
        let is_over = self.leave.is_over();
        Poll::Ready(
            self.body
                .take()
                .map(|body| if is_over { Err(Over) } else { Ok(Frame::data(body)) }),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}
